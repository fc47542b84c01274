"""Several sessions in one batch, with a scripted engine on an invented clock."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from klein_ui.contract import Stage
from klein_ui.pacing import PacingSettings

from .batch_room import SETTINGS, SETTLING, STEPS, Room, Times, barely, half
from .stepping import LONG_S, asked


@pytest.fixture
def opened() -> Iterator[Callable[..., Room]]:
    """Makes rooms, and closes them after the test."""
    made: list[Room] = []

    def make(
        times: Times | None = half, room: int = 4, settings: PacingSettings = SETTINGS
    ) -> Room:
        made.append(Room(times, room, settings))
        return made[-1]

    yield make
    for room in made:
        room.steps.free.set()
        room.steps.go.put(None)
        assert room.dispatcher.stop()


Opened = Callable[..., Room]


def test_those_who_type_at_the_same_time_go_together_once_that_was_measured_to_help(
    opened: Opened,
) -> None:
    room = opened()
    for _ in range(6):
        room.round("abc")
    # Two are tried first, then three.
    assert room.engine.counts.batches == [2, 2, 2, 3, 3, 3]
    stats = room.dispatcher.stats()
    assert (stats.batches, stats.renders, stats.superseded) == (6, 6 * 4, 0)


def test_where_it_does_not_help_it_is_given_up(opened: Opened) -> None:
    room = opened(float)
    for _ in range(5):
        room.round("abc")
    assert room.engine.counts.batches == [2, 2, 2]
    assert room.dispatcher.stats().renders == 5 * 4


def test_an_engine_that_makes_one_at_a_time_is_asked_for_one_at_a_time(opened: Opened) -> None:
    room = opened(None)
    room.round("abc")
    assert room.engine.counts.batches == []
    assert room.dispatcher.stats().batches == 0


def test_nobody_waits_for_a_batch_to_fill(opened: Opened) -> None:
    room = opened()
    room.learn("ab")
    seq = room.type("a")
    assert room.ears["a"].shown().seq == seq
    assert room.engine.counts.batches == []


def test_one_who_types_on_leaves_the_batch_and_the_others_go_on(opened: Opened) -> None:
    room = opened(barely, settings=SETTLING)
    room.learn("ab")
    room.learn_full("ab")
    typed = room.draft("ab")
    room.settle()
    room.steps.step(STEPS)
    room.steps.await_one()
    room.forget()
    newer = room.type("b")
    room.go()
    full = room.ears["a"].shown()
    assert (full.seq, full.frame.stage) == (typed["a"], Stage.FINAL)
    event = room.ears["b"].shown()
    assert (event.seq, event.superseded) == (newer, 1)
    counts = room.engine.counts
    assert (counts.superseded, counts.decodes) == (1, 2)
    assert room.engine.prompts == [f"a{typed['a']}", f"b{newer}"]


def test_when_all_type_on_the_batch_stops_within_a_step(opened: Opened) -> None:
    room = opened(barely, settings=SETTLING)
    room.learn("ab")
    room.learn_full("ab")
    room.draft("ab")
    room.settle()
    room.steps.step(STEPS)
    room.steps.await_one()
    room.forget()
    newer = {name: room.type(name) for name in "ab"}
    room.go()
    for name, seq in newer.items():
        event = room.ears[name].shown()
        assert (event.seq, event.superseded) == (seq, 1)
    # One of the batch that stopped, and the newer ones together.
    assert room.engine.counts.steps == 1 + STEPS
    assert room.engine.counts.decodes == 2


def test_one_whose_leaving_would_save_little_is_let_through(opened: Opened) -> None:
    room = opened()
    room.learn("ab")
    typed = room.begun("ab")
    newer = {name: room.type(name) for name in "ab"}
    room.go()
    for name in "ab":
        assert [room.ears[name].shown().seq for _ in range(2)] == [typed[name], newer[name]]
    assert room.dispatcher.stats().superseded == 0
    assert room.engine.counts.batches == [2, 2]


def test_a_picture_that_is_too_old_on_screen_is_let_through_in_a_batch(opened: Opened) -> None:
    room = opened()
    room.learn("ab")
    typed = room.begun("ab")
    room.now += 1.0
    newer = room.type("a")
    room.go()
    assert [room.ears["a"].shown().seq, room.ears["a"].shown().seq] == [typed["a"], newer]
    assert room.ears["b"].shown().seq == typed["b"]
    assert room.dispatcher.stats().superseded == 0


def test_a_session_that_closes_leaves_the_batch(opened: Opened) -> None:
    room = opened()
    room.learn("abc")
    typed = room.begun("abc")
    room.dispatcher.close("b")
    room.go()
    assert [room.ears[name].shown().seq for name in "ac"] == [typed["a"], typed["c"]]
    assert room.engine.counts.batches == [3]
    assert f"b{typed['b']}" not in room.engine.prompts
    assert room.dispatcher.stats().sessions == 4


def test_an_emptied_prompt_leaves_the_batch(opened: Opened) -> None:
    room = opened()
    room.learn("ab")
    typed = room.begun("ab")
    room.dispatcher.clear("a")
    room.go()
    assert room.ears["b"].shown().seq == typed["b"]
    assert room.engine.prompts == [f"x{typed['a'] - 1}", f"b{typed['b']}"]


def test_too_little_memory_for_a_batch_is_told_to_nobody_and_not_tried_again(
    opened: Opened,
) -> None:
    room = opened(room=2)
    for _ in range(6):
        # Each sees its picture next, so no failure was told before it.
        room.round("abc")
    assert room.engine.counts.batches == [2, 2, 2, 3, 2, 2, 2]
    assert room.dispatcher.stats().renders == 6 * 4


def test_one_that_fails_in_a_batch_says_why_and_the_others_see_theirs(opened: Opened) -> None:
    room = opened()
    room.learn("ab")
    room.engine.fails_on = "a"
    room.hold()
    typed = {name: room.type(name) for name in "ab"}
    room.go()
    assert room.ears["a"].failed().seq == typed["a"]
    assert room.ears["b"].shown().seq == typed["b"]
    assert room.ears["x"].shown()
    room.engine.fails_on = "\0never"
    room.round("ab")
    assert room.engine.counts.batches == [2, 2]


def test_drafts_of_one_size_go_together_and_a_full_picture_of_another_by_itself(
    opened: Opened,
) -> None:
    room = opened()
    room.learn("abc")
    room.hold()
    typed = {"a": room.type("a"), "b": room.type("b", side=256), "c": room.type("c")}
    room.go()
    stages = {name: room.ears[name].shown().frame.stage for name in typed}
    assert stages == {"a": Stage.FINAL, "b": Stage.DRAFT, "c": Stage.FINAL}
    full = room.ears["b"].shown().frame
    assert (full.stage, full.request.width) == (Stage.FINAL, 256)
    assert room.engine.counts.batches == [3]
    assert room.engine.prompts[-1] == f"b{typed['b']}"


def test_full_pictures_of_one_size_go_together_once_nobody_types(opened: Opened) -> None:
    room = opened(settings=SETTLING)
    room.learn("ab")
    room.learn_full("ab")
    room.draft("ab")
    room.settle()
    room.go()
    for name in "ab":
        assert room.ears[name].shown().frame.stage is Stage.FINAL
    # Their drafts, and then themselves.
    assert room.engine.counts.batches == [2, 2]


def test_a_full_picture_waits_for_no_other_while_somebody_types(opened: Opened) -> None:
    room = opened(settings=SETTLING)
    room.learn("ab")
    room.learn_full("ab")
    typed = room.draft("ab")
    room.settle()
    newer = room.type("c")
    room.go()
    assert room.ears["c"].shown().seq == newer
    assert room.ears["b"].shown().frame.stage is Stage.FINAL
    assert room.engine.prompts[-3:] == [f"c{newer}", f"a{typed['a']}", f"b{typed['b']}"]


def test_pictures_for_programs_go_together_too(opened: Opened) -> None:
    room = opened()
    room.learn("ab")
    room.hold()
    wanted = [asked(f"for program {n}").request for n in range(2)]
    futures = [room.dispatcher.render(request) for request in wanted]
    room.go()
    for future, request in zip(futures, wanted, strict=True):
        frame = future.result(LONG_S)
        assert (frame.request, frame.stage) == (request, Stage.FINAL)
    assert room.engine.counts.batches == [2]


def test_turns_stay_fair_around_batches(opened: Opened) -> None:
    room = opened(lambda count: count / 2 if count < 3 else count)
    room.learn("abc")
    room.hold()
    first = {name: room.type(name) for name in "abcd"}
    # The picture of x, those of d, who had no turn yet, and a, and into those of b and c.
    room.steps.step(2 * STEPS)
    room.steps.await_one()
    again = {name: room.type(name) for name in "ad"}
    room.go()
    for typed in (first, again):
        for name, seq in typed.items():
            assert room.ears[name].shown().seq == seq
    assert [prompt[0] for prompt in room.engine.prompts] == list("xdabcda")
    assert room.engine.counts.batches == [2, 2, 2]


def test_stopping_ends_a_batch_within_a_step(opened: Opened) -> None:
    room = opened()
    room.learn("ab")
    room.hold()
    for name in "ab":
        room.type(name)
    room.steps.step(STEPS)
    room.steps.await_one()
    room.steps.free.set()
    room.steps.go.put(None)
    assert room.dispatcher.stop()
    assert room.engine.closed
    assert room.engine.counts.decodes == 1


def test_a_slow_batch_shows_the_first_step_of_each(opened: Opened) -> None:
    room = opened(settings=replace(SETTINGS, preview_s=-1.0))
    room.hold()
    typed = {name: room.type(name) for name in "ab"}
    room.go()
    for name, seq in typed.items():
        events = (room.ears[name].shown(), room.ears[name].shown())
        assert [event.frame.stage for event in events] == [Stage.PREVIEW, Stage.FINAL]
        assert {event.seq for event in events} == {seq}
    assert room.engine.counts.batches == [2]
