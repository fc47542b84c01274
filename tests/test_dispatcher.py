"""Whose request runs when, with a scripted engine that steps only when it is told to."""

import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar, copy_context

import pytest

from klein_ui.contract import Frame, Hooks, KleinError, Postponed, Request, Stage
from klein_ui.dispatcher import Dispatcher, Event, Failed
from klein_ui.engine.fake import FakeEngine
from klein_ui.loading import Source
from klein_ui.models import POSTCARD
from klein_ui.pacing import PacingSettings
from klein_ui.visitors import Visitors

from .stepping import LONG_S, Ears, Steps, asked

Start = Callable[..., Dispatcher]


@pytest.fixture
def start() -> Iterator[Start]:
    """Makes started dispatchers, and stops them after the test."""
    made: list[Dispatcher] = []

    def make(
        engine: FakeEngine,
        settings: PacingSettings | None = None,
        clock: Callable[[], float] = time.monotonic,
        warm: bool = False,
    ) -> Dispatcher:
        dispatcher = Dispatcher(
            Source(POSTCARD, lambda report: engine, (asked("").request,) if warm else ()),
            settings=settings or PacingSettings(settle_s=0.01),
            clock=clock,
        )
        dispatcher.start()
        made.append(dispatcher)
        return dispatcher

    yield make
    for dispatcher in made:
        dispatcher.stop()


def stepped() -> tuple[FakeEngine, Steps]:
    steps = Steps()
    return FakeEngine(sleep=steps.sleep), steps


def test_a_request_becomes_a_frame(start: Start) -> None:
    dispatcher, ears = start(FakeEngine(render_s=0.0)), Ears()
    dispatcher.open("a", ears)
    dispatcher.submit("a", asked("sun"), seq=7)
    event = ears.shown()
    assert (event.seq, event.frame.request.prompt) == (7, "sun")
    assert (event.frame.stage, event.superseded) == (Stage.FINAL, 0)


def test_only_the_newest_of_what_waits_is_rendered(start: Start) -> None:
    engine, steps = stepped()
    steps.free.set()
    dispatcher, ears = start(engine, warm=True), Ears()
    dispatcher.open("a", ears)
    ears.phase("ready")
    steps.free.clear()
    dispatcher.submit("a", asked("s"), seq=0)
    steps.await_one()
    for seq, prompt in enumerate(("su", "sun", "sun "), start=1):
        dispatcher.submit("a", asked(prompt), seq)
    steps.free.set()
    steps.step()
    assert ears.shown().seq == 3
    assert engine.prompts == ["s", "sun "]


def test_a_superseded_run_stops_within_a_step_and_never_decodes(start: Start) -> None:
    engine, steps = stepped()
    steps.free.set()
    dispatcher, ears = start(engine, warm=True), Ears()
    dispatcher.open("a", ears)
    ears.phase("ready")
    steps.free.clear()
    dispatcher.submit("a", asked("s"), seq=0)
    steps.await_one()
    dispatcher.submit("a", asked("su"), seq=1)
    steps.free.set()
    steps.step()
    event = ears.shown()
    assert (event.seq, event.superseded) == (1, 1)
    assert engine.counts.superseded == 1
    assert engine.counts.steps == 1 + POSTCARD.steps
    assert engine.counts.decodes == 1
    assert dispatcher.stats().superseded == 1


def test_a_run_past_the_staleness_bound_is_let_through(start: Start) -> None:
    now = [100.0]
    engine, steps = stepped()
    dispatcher, ears = start(engine, clock=lambda: now[0]), Ears()
    dispatcher.open("a", ears)
    dispatcher.submit("a", asked("s"), seq=1)
    steps.await_one()
    now[0] += 1.0
    dispatcher.submit("a", asked("su"), seq=2)
    steps.free.set()
    steps.step()
    assert [ears.shown().seq, ears.shown().seq] == [1, 2]
    assert engine.counts.superseded == 0


def test_the_ladder_ends_with_the_full_picture(start: Start) -> None:
    slow = PacingSettings(settle_s=0.01, direct_s=-1.0)
    dispatcher, ears = start(FakeEngine(render_s=0.0), slow), Ears()
    dispatcher.open("a", ears)
    dispatcher.submit("a", asked("sun", side=256), seq=0)
    draft, final = ears.shown(), ears.shown()
    assert (draft.frame.stage, draft.frame.request.width) == (Stage.DRAFT, 128)
    assert (final.frame.stage, final.frame.request.width) == (Stage.FINAL, 256)


def test_a_slow_engine_shows_its_first_step(start: Start) -> None:
    settings = PacingSettings(settle_s=0.01, preview_s=-1.0)
    engine = FakeEngine(render_s=0.0)
    dispatcher, ears = start(engine, settings), Ears()
    dispatcher.open("a", ears)
    dispatcher.submit("a", asked("measured"), seq=0)
    ears.shown()
    dispatcher.submit("a", asked("sun"), seq=1)
    assert [ears.shown().frame.stage, ears.shown().frame.stage] == [Stage.PREVIEW, Stage.FINAL]


def test_sessions_take_turns(start: Start) -> None:
    engine, steps = stepped()
    dispatcher = start(engine)
    ears = {name: Ears() for name in "abc"}
    for name in "abc":
        dispatcher.open(name, ears[name])
    dispatcher.submit("a", asked("a1"), seq=0)
    steps.await_one()
    for name in "abc":
        dispatcher.submit(name, asked(f"{name}2"), seq=1)
    steps.free.set()
    steps.step()
    assert ears["a"].shown().frame.request.prompt == "a1"
    for name in "abc":
        assert ears[name].shown().frame.request.prompt == f"{name}2"
    # "a" had its turn last, so the others came first.
    assert engine.prompts == ["a1", "b2", "c2", "a2"]


def test_a_closed_session_frees_its_slot_within_a_step(start: Start) -> None:
    engine, steps = stepped()
    dispatcher, ears = start(engine), Ears()
    dispatcher.open("a", ears)
    dispatcher.submit("a", asked("sun"), seq=0)
    steps.await_one()
    dispatcher.close("a")
    dispatcher.submit("a", asked("late"), seq=1)
    dispatcher.open("b", ears)
    dispatcher.submit("b", asked("moon"), seq=0)
    steps.free.set()
    steps.step()
    assert ears.shown().frame.request.prompt == "moon"
    assert engine.prompts == ["sun", "moon"]
    assert engine.counts.decodes == 1
    assert dispatcher.stats().sessions == 1


def test_an_error_is_one_sentence_and_the_next_key_works(start: Start) -> None:
    dispatcher, ears = start(FakeEngine(render_s=0.0, fails_on="boom")), Ears()
    dispatcher.open("a", ears)
    dispatcher.submit("a", asked("boom"), seq=0)
    assert ears.failed() == Failed(0, "The scripted engine failed; type something else.")
    dispatcher.submit("a", asked("sun"), seq=1)
    assert ears.shown().seq == 1


def test_an_error_that_nobody_foresaw_names_itself_in_a_sentence(start: Start) -> None:
    def broken(seconds: float) -> None:
        raise ZeroDivisionError

    dispatcher, ears = start(FakeEngine(sleep=broken)), Ears()
    dispatcher.open("a", ears)
    dispatcher.submit("a", asked("sun"), seq=0)
    assert "(ZeroDivisionError); type on" in ears.failed().sentence


def test_a_listener_that_fails_stops_nobody(start: Start) -> None:
    def broken(event: Event) -> None:
        raise RuntimeError("gone")

    dispatcher, ears = start(FakeEngine(render_s=0.0)), Ears()
    dispatcher.open("broken", broken)
    dispatcher.open("a", ears)
    dispatcher.submit("broken", asked("x"), seq=0)
    dispatcher.submit("a", asked("sun"), seq=0)
    assert ears.shown().seq == 0


def test_one_off_pictures_are_never_superseded(start: Start) -> None:
    engine, steps = stepped()
    dispatcher = start(engine)
    future = dispatcher.render(asked("sun").request)
    steps.await_one()
    dispatcher.open("a", Ears())
    for seq in range(5):
        dispatcher.submit("a", asked(str(seq)), seq)
    steps.free.set()
    steps.step()
    assert future.result(LONG_S).request.prompt == "sun"
    assert dispatcher.stats().sessions == 1


def test_the_engine_is_told_who_asks_and_their_contexts_are_kept_while_they_are_there() -> None:
    told: list[tuple[str, str]] = []
    who: ContextVar[str] = ContextVar("who", default="nobody")
    visitors = Visitors()

    class Curious(FakeEngine):
        def render(self, request: Request, stage: Stage, hooks: Hooks) -> Frame:
            told.append((hooks.session, visitors.of(hooks.session).run(who.get)))
            return super().render(request, stage, hooks)

    engine = Curious(render_s=0.0)
    source = Source(POSTCARD, lambda report: engine)
    dispatcher = Dispatcher(source, PacingSettings(settle_s=0.01), visitors=visitors)
    dispatcher.start()
    try:
        ears = Ears()
        dispatcher.open("a", ears)
        alice = copy_context()
        alice.run(who.set, "alice")
        alice.run(dispatcher.submit, "a", asked("sun"), 1)
        ears.shown()
        bob = copy_context()
        bob.run(who.set, "bob")
        bob.run(dispatcher.render, asked("moon").request).result(LONG_S)
        assert (told[0], told[-1][1]) == (("a", "alice"), "bob")
        dispatcher.close("a")
        assert visitors.of("a").run(who.get) == "nobody"
        assert visitors.of(told[-1][0]).run(who.get) == "nobody"
    finally:
        dispatcher.stop()


def test_who_is_postponed_stays_due_is_not_counted_and_lets_others_go_first(start: Start) -> None:
    asked_for: list[str] = []

    class Busy(FakeEngine):
        def render(self, request: Request, stage: Stage, hooks: Hooks) -> Frame:
            asked_for.append(request.prompt)
            if "b" not in asked_for:
                raise Postponed
            return super().render(request, stage, hooks)

    dispatcher, first, second = start(Busy(render_s=0.0)), Ears(), Ears()
    dispatcher.open("a", first)
    dispatcher.open("b", second)
    dispatcher.submit("a", asked("a"), 1)
    dispatcher.submit("b", asked("b"), 1)
    assert second.shown().frame.request.prompt == "b"
    event = first.shown()
    assert (event.frame.request.prompt, event.superseded) == ("a", 0)
    assert dispatcher.stats().superseded == 0


def test_a_one_off_that_fails_says_why(start: Start) -> None:
    dispatcher = start(FakeEngine(render_s=0.0, fails_on="boom"))
    with pytest.raises(KleinError, match="type something else"):
        dispatcher.render(asked("boom").request).result(LONG_S)


def test_whoever_gives_up_on_a_picture_leaves_no_session(start: Start) -> None:
    engine, steps = stepped()
    dispatcher = start(engine)
    futures = [dispatcher.render(asked(str(n)).request) for n in range(5)]
    steps.await_one()
    for future in futures:
        future.cancel()
    assert dispatcher.stats().sessions == 0
    steps.free.set()
    steps.step()
    assert dispatcher.render(asked("next").request).result(LONG_S).request.prompt == "next"
    assert engine.prompts == ["0", "next"]
    assert engine.counts.decodes == 1


def test_a_one_off_of_a_slow_engine_is_no_preview(start: Start) -> None:
    dispatcher = start(FakeEngine(render_s=0.0), PacingSettings(preview_s=-1.0))
    dispatcher.render(asked("measured").request).result(LONG_S)
    assert dispatcher.render(asked("sun").request).result(LONG_S).stage is Stage.FINAL


def test_a_settled_picture_gets_its_turn_among_those_who_type(start: Start) -> None:
    now = [100.0]
    dispatcher = start(
        FakeEngine(render_s=0.0), PacingSettings(direct_s=-1.0), clock=lambda: now[0]
    )
    settled, typing = Ears(), Ears()
    dispatcher.open("settled", settled)
    dispatcher.open("typing", typing)
    dispatcher.submit("settled", asked("done", side=256), seq=0)
    assert settled.shown().frame.stage is Stage.DRAFT
    for seq in range(1, 40):
        now[0] += 0.05
        dispatcher.submit("typing", asked(str(seq), side=256), seq)
        assert typing.shown().seq == seq
        now[0] += 0.001
    assert settled.shown().frame.stage is Stage.FINAL


def test_an_emptied_prompt_stops_what_runs(start: Start) -> None:
    engine, steps = stepped()
    dispatcher, ears = start(engine), Ears()
    dispatcher.open("a", ears)
    dispatcher.submit("a", asked("sun"), seq=0)
    steps.await_one()
    dispatcher.clear("a")
    dispatcher.open("b", ears)
    dispatcher.submit("b", asked("moon"), seq=2)
    steps.free.set()
    steps.step()
    assert ears.shown().seq == 2
    assert (engine.counts.superseded, engine.counts.decodes) == (1, 1)


def test_the_engine_is_loaded_once_for_everybody(start: Start) -> None:
    engine = FakeEngine(render_s=0.0)
    dispatcher = start(engine)
    for name in "abcdef":
        ears = Ears()
        dispatcher.open(name, ears)
        dispatcher.submit(name, asked(name), seq=0)
        assert ears.shown().frame.request.prompt == name
        dispatcher.render(asked(name).request).result(LONG_S)
    assert dispatcher.stats().loads == 1
    assert dispatcher.stats().renders == 12


def test_whoever_opens_is_told_where_the_loading_stands(start: Start) -> None:
    dispatcher = start(FakeEngine(render_s=0.0))
    early, late = Ears(), Ears()
    dispatcher.open("early", early)
    early.phase("ready")
    dispatcher.open("late", late)
    late.phase("ready")


def test_stopping_ends_the_running_render_and_closes_the_engine(start: Start) -> None:
    engine, steps = stepped()
    dispatcher = start(engine)
    dispatcher.open("a", Ears())
    dispatcher.submit("a", asked("sun"), seq=0)
    steps.await_one()
    steps.free.set()
    steps.go.put(None)
    dispatcher.stop()
    dispatcher.stop()
    assert engine.closed
    assert engine.counts.decodes == 0


def test_who_waits_for_longer_than_a_second_knows_how_many_come_before(start: Start) -> None:
    now = 0.0
    engine, steps = stepped()
    dispatcher = start(engine, clock=lambda: now)
    ears = {name: Ears() for name in "abc"}
    for name in ears:
        dispatcher.open(name, ears[name])
        dispatcher.submit(name, asked(name), seq=1)
        if name == "a":
            steps.await_one()
    assert [dispatcher.ahead(name) for name in "abcd"] == [None] * 4
    now = 1.5
    assert [dispatcher.ahead(name) for name in "abcd"] == [None, 1, 2, None]
    dispatcher.clear("b")
    assert dispatcher.ahead("c") == 1
    steps.free.set()
    steps.step()
    ears["c"].shown()
    assert dispatcher.ahead("c") is None
