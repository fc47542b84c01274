"""An engine of several lanes: pictures at the same time, homes, and places that go."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import pytest

from klein_ui.contract import Frame, Hooks, PlaceLost, Request, Stage
from klein_ui.dispatcher import LOOK_S, Dispatcher
from klein_ui.engine.fake import FakeEngine
from klein_ui.events import Failed
from klein_ui.figures import Count
from klein_ui.loading import Source
from klein_ui.models import POSTCARD
from klein_ui.pacing import PacingSettings
from klein_ui.performing import KILLS

from .stepping import LONG_S, Ears, Steps, asked


@dataclass(slots=True)
class Place(FakeEngine):
    """A lane that dies of prompts that say so."""

    steps: Steps = field(default_factory=Steps)

    def render(self, request: Request, stage: Stage, hooks: Hooks) -> Frame:
        frame = FakeEngine.render(self, request, stage, hooks)
        if "dies" in request.prompt and "a" in (self.place or ""):
            self.place = None
            raise PlaceLost
        if "kills" in request.prompt:
            raise PlaceLost
        if "once" in request.prompt and self.prompts.count(request.prompt) == 1:
            raise PlaceLost
        if "unlucky" in request.prompt and self.counts.renders < 3:
            raise PlaceLost(begun=False)
        return frame


@dataclass(slots=True)
class Spread(FakeEngine):
    """An engine of the lanes `places`."""

    places: list[Place] = field(default_factory=list)

    @property
    def lanes(self) -> list[Place]:
        return self.places


def place(name: str) -> Place:
    steps = Steps()
    return Place(render_s=0.0, sleep=steps.sleep, steps=steps, place=name)


Start = Callable[..., Dispatcher]


@pytest.fixture
def start() -> Iterator[Start]:
    made: list[Dispatcher] = []
    places: list[Place] = []

    def begin(*engines: Spread) -> Dispatcher:
        waiting = list(engines)
        places.extend(one for engine in engines for one in engine.places)
        dispatcher = Dispatcher(
            Source(POSTCARD, lambda report: waiting.pop(0)), PacingSettings(settle_s=0.01)
        )
        dispatcher.start()
        made.append(dispatcher)
        return dispatcher

    yield begin
    for one in places:
        one.steps.free.set()
        one.steps.go.put(None)
    for dispatcher in made:
        assert dispatcher.stop()


def free(engine: Spread) -> Spread:
    for one in engine.places:
        one.steps.free.set()
    return engine


def wait_for(true: Callable[[], bool]) -> None:
    until = time.monotonic() + LONG_S
    while not true():
        assert time.monotonic() < until
        threading.Event().wait(0.005)


def test_two_lanes_render_at_the_same_time_and_one_session_in_one_of_them(start: Start) -> None:
    engine = Spread(places=[place("a"), place("b")])
    dispatcher, ears, other = start(engine), Ears(), Ears()
    dispatcher.open("one", ears)
    dispatcher.open("other", other)
    dispatcher.submit("one", asked("sun"), 1)
    dispatcher.submit("other", asked("moon"), 1)
    for one in engine.places:
        one.steps.await_one()
    assert {one.prompts[0] for one in engine.places} == {"sun", "moon"}
    dispatcher.submit("one", asked("sunny"), 2)
    assert sum(one.counts.renders for one in engine.places) == 2
    free(engine)
    for one in engine.places:
        one.steps.step()
    while ears.shown().seq != 2:
        continue
    assert other.shown().seq == 1


def test_a_session_stays_where_its_caches_are(start: Start) -> None:
    engine = free(Spread(places=[place("a"), place("b"), place("c")]))
    dispatcher, ears = start(engine), Ears()
    dispatcher.open("one", ears)
    for seq in range(20):
        dispatcher.submit("one", asked(f"sun {seq}"), seq)
        assert ears.shown().seq == seq
    # A machine that stands still for a moment may make it move.
    assert max(len(one.prompts) for one in engine.places) >= 15
    assert dispatcher.figures.snapshot().counts[Count.MOVES] <= 5


def test_what_a_lost_place_had_is_made_in_another_and_nobody_is_told(start: Start) -> None:
    engine = Spread(places=[place("a"), place("b")])
    dispatcher, ears, other = start(engine), Ears(), Ears()
    dispatcher.open("other", other)
    dispatcher.submit("other", asked("sun"), 1)
    wait_for(lambda: any(one.prompts for one in engine.places))
    (busy,) = (one for one in engine.places if one.prompts)
    (idle,) = (one for one in engine.places if one is not busy)
    # So that it is in “a” that the picture begins, whichever of the two began first.
    busy.place, idle.place = "b", "a"
    idle.steps.free.set()
    dispatcher.open("one", ears)
    dispatcher.submit("one", asked("it dies"), 1)
    wait_for(lambda: idle.place is None)
    free(engine)
    busy.steps.go.put(None)
    assert ears.shown().frame.request.prompt == "it dies"
    assert idle.prompts == ["it dies"]
    assert "it dies" in busy.prompts
    assert ears.heard.empty()
    counts = dispatcher.figures.snapshot().counts
    assert counts[Count.PLACES_LOST] == counts[Count.MOVES] == 1
    assert dispatcher.health().is_ready


def test_a_request_that_ends_two_places_is_refused(start: Start) -> None:
    engine = free(Spread(places=[place("a"), place("b")]))
    dispatcher, ears = start(engine), Ears()
    dispatcher.open("one", ears)
    dispatcher.submit("one", asked("it kills"), 1)
    assert ears.failed() == Failed(1, KILLS)
    assert sum(one.counts.renders for one in engine.places) == 2


def test_a_request_that_was_made_since_is_not_blamed_for_what_it_ended_before(start: Start) -> None:
    engine = free(Spread(places=[place("a")]))
    dispatcher, ears = start(engine), Ears()
    dispatcher.open("one", ears)
    for seq in (1, 2, 3):
        dispatcher.submit("one", asked("once"), seq)
        assert ears.shown().seq == seq
        engine.places[0].prompts.clear()
    assert dispatcher.figures.snapshot().counts[Count.PLACES_LOST] == 3


def test_a_load_that_waits_for_a_lane_looks_again_by_itself(start: Start) -> None:
    engine = free(Spread(places=[place("a")]))
    dispatcher = Dispatcher(Source(POSTCARD, lambda report: engine), PacingSettings())
    with dispatcher._gate.within(1):
        assert dispatcher.turn() == LOOK_S
    assert dispatcher.turn() == 0.0
    assert dispatcher.lanes == engine.places


def test_a_request_that_had_no_part_in_it_is_tried_again(start: Start) -> None:
    engine = free(Spread(places=[place("a"), place("b")]))
    dispatcher, ears = start(engine), Ears()
    dispatcher.open("one", ears)
    dispatcher.submit("one", asked("unlucky"), 1)
    assert ears.shown().seq == 1
    assert dispatcher.figures.snapshot().counts[Count.PLACES_LOST] > 1


def test_an_engine_without_a_place_is_loaded_again_and_what_is_due_is_drawn(start: Start) -> None:
    first, second = (free(Spread(places=[place("a"), place("b")])) for _ in range(2))
    dispatcher, ears = start(first, second), Ears()
    dispatcher.open("one", ears)
    dispatcher.submit("one", asked("sun"), 1)
    assert ears.shown().seq == 1
    for one in first.places:
        one.place = None
    dispatcher.submit("one", asked("moon"), 2)
    assert ears.shown().seq == 2
    assert first.closed
    assert dispatcher.stats().loads == 2


def test_a_lane_that_comes_later_has_its_thread(start: Start) -> None:
    engine = Spread(places=[place("a"), place("b")])
    dispatcher, ears, other = start(engine), Ears(), Ears()
    dispatcher.open("one", ears)
    dispatcher.submit("one", asked("sun"), 1)
    wait_for(lambda: any(one.prompts for one in engine.places))
    late = place("c")
    engine.places.append(late)
    late.steps.free.set()
    dispatcher.open("other", other)
    dispatcher.open("third", Ears())
    dispatcher.submit("other", asked("moon"), 1)
    dispatcher.submit("third", asked("stars"), 1)
    free(engine)
    for one in engine.places[:2]:
        one.steps.go.put(None)
    assert ears.shown().seq == 1
    assert other.shown().seq == 1
    wait_for(lambda: len(dispatcher.hands) == 3)


def test_another_model_waits_until_no_lane_renders(start: Start) -> None:
    first, second = Spread(places=[place("a"), place("b")]), Spread(places=[place("a")])
    dispatcher = start(first, free(second))
    rooms = [Ears(), Ears()]
    for name, ears in zip("ab", rooms, strict=True):
        dispatcher.open(name, ears)
        dispatcher.submit(name, asked(name), 1)
    for one in first.places:
        one.steps.await_one()
    closed: list[bool] = []
    source = Source(POSTCARD, lambda report: second)
    other = replace(source, row=replace(POSTCARD, name="other", title="Other"))
    assert dispatcher.switch(other)
    first.places[1].steps.step()
    wait_for(lambda: first.places[1].counts.superseded == 1)
    closed.append(first.closed)
    first.places[0].steps.step()
    assert rooms[0].switched().row.name == "other"
    assert closed == [False]
    assert first.closed
