"""Another model for everybody: in which order, what is told, and what is left when it fails."""

import threading
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import pytest

from klein_ui import validate
from klein_ui.contract import Asked, Engine, EngineFailed, KleinError, Progress, Request
from klein_ui.dispatcher import Dispatcher
from klein_ui.engine.fake import FakeEngine
from klein_ui.loading import Report, Source, Switched
from klein_ui.models import POSTCARD, ModelRow
from klein_ui.pacing import PacingSettings

from .stepping import LONG_S, Ears, Steps, asked

OTHER = replace(POSTCARD, name="other", title="Other", draft_side=192)
THIRD = replace(POSTCARD, name="third", title="Third")
OFFLINE = "The hub cannot be reached; connect and try again."


def asked_of(row: ModelRow, prompt: str) -> Asked:
    return validate.asked({"prompt": prompt, "width": 128, "height": 128, "draft": 128}, row)


@dataclass
class Machine:
    """Room for one model: what was loaded and freed, in order. Loads pass `gate` when it is set."""

    events: list[str] = field(default_factory=list)
    engines: dict[str, FakeEngine] = field(default_factory=dict)
    failing: set[str] = field(default_factory=set)
    gate: threading.Event = field(default_factory=threading.Event)
    reached: threading.Event = field(default_factory=threading.Event)
    steps: Steps = field(default_factory=Steps)

    def source(self, row: ModelRow, warm_up: tuple[Request, ...] = ()) -> Source:
        def load(report: Report) -> Engine:
            report(Progress("loading", f"Loading {row.title}…", 0.5))
            self.reached.set()
            while not self.gate.wait(0.01):
                report(Progress("loading", f"Loading {row.title}…", 0.5))
            if row.name in self.failing:
                self.events.append(f"{row.name} fails")
                raise EngineFailed(OFFLINE)
            self.events.append(f"{row.name} loads")
            engine = self.engines[row.name] = Noting(row.name, self)
            return engine

        return Source(row, load, warm_up)


@dataclass
class Noting(FakeEngine):
    """A fake engine that tells its machine when it is freed."""

    def __init__(self, name: str, machine: Machine) -> None:
        super().__init__(sleep=machine.steps.sleep)
        self.name, self.machine = name, machine

    def close(self) -> None:
        self.machine.events.append(f"{self.name} is freed")


@pytest.fixture
def machine() -> Machine:
    made = Machine()
    made.gate.set()
    made.steps.free.set()
    return made


@pytest.fixture
def dispatcher(machine: Machine) -> Iterator[Dispatcher]:
    made = Dispatcher(machine.source(POSTCARD), PacingSettings(settle_s=0.01))
    made.start()
    yield made
    made.stop()


@pytest.fixture
def ears(dispatcher: Dispatcher) -> Ears:
    made = Ears()
    dispatcher.open("a", made)
    made.phase("ready")
    return made


def test_the_old_model_is_freed_before_the_new_one_loads(
    machine: Machine, dispatcher: Dispatcher, ears: Ears
) -> None:
    dispatcher.switch(machine.source(OTHER))
    assert ears.switched() == Switched(OTHER)
    assert machine.events == ["postcard loads", "postcard is freed", "other loads"]
    assert dispatcher.row == OTHER
    dispatcher.submit("a", asked_of(OTHER, "sun"), seq=1)
    assert ears.shown().frame.request.model == "other"
    assert not dispatcher.switch(machine.source(OTHER))
    assert dispatcher.switch(machine.source(POSTCARD))


def test_nothing_holds_the_old_model_while_the_new_one_loads(
    machine: Machine, dispatcher: Dispatcher, ears: Ears
) -> None:
    dispatcher.submit("a", asked("sun"), seq=1)
    ears.shown()
    old = weakref.ref(machine.engines.pop("postcard"))
    left: list[object] = []
    source = machine.source(OTHER)

    def load(report: Report) -> Engine:
        left.append(old())
        return source.load(report)

    dispatcher.switch(replace(source, load=load))
    ears.switched()
    assert left == [None]


def test_everybody_is_told_how_far_it_is(
    machine: Machine, dispatcher: Dispatcher, ears: Ears
) -> None:
    other = Ears()
    dispatcher.open("b", other)
    warm_up = (asked_of(OTHER, "").request,)
    dispatcher.switch(machine.source(OTHER, warm_up))
    for listener in (ears, other):
        assert listener.phase("switching").sentence == "Changing to Other…"
        assert listener.phase("loading").fraction == 0.5
        assert listener.phase("warming")
        assert listener.phase("ready")
        assert listener.switched().row == OTHER


def test_a_running_picture_stops_within_a_step(
    machine: Machine, dispatcher: Dispatcher, ears: Ears
) -> None:
    machine.steps.free.clear()
    dispatcher.submit("a", asked("sun"), seq=1)
    machine.steps.await_one()
    dispatcher.switch(machine.source(OTHER))
    machine.steps.step()
    assert ears.switched().row == OTHER
    assert machine.engines["postcard"].counts.steps == 1
    assert machine.engines["postcard"].counts.decodes == 0


def test_when_it_fails_the_old_one_is_back_and_draws_what_was_typed_meanwhile(
    machine: Machine, dispatcher: Dispatcher, ears: Ears
) -> None:
    machine.failing = {"other"}
    machine.gate.clear()
    dispatcher.switch(machine.source(OTHER))
    ears.phase("loading")
    dispatcher.submit("a", asked("typed meanwhile"), seq=4)
    machine.gate.set()
    assert ears.switched() == Switched(POSTCARD, f"postcard is back: {OFFLINE}")
    assert ears.shown().seq == 4
    assert machine.events[1:] == ["postcard is freed", "other fails", "postcard loads"]


def test_when_both_fail_a_later_key_tries_the_old_one_again(machine: Machine) -> None:
    now = [100.0]
    dispatcher = Dispatcher(machine.source(POSTCARD), PacingSettings(), lambda: now[0])
    ears = Ears()
    dispatcher.open("a", ears)
    dispatcher.start()
    ears.phase("ready")
    machine.failing = {"other", "postcard"}
    dispatcher.switch(machine.source(OTHER))
    assert ears.phase("failed").sentence == OFFLINE
    assert ears.switched() == Switched(POSTCARD, OFFLINE)
    dispatcher.submit("a", asked("x"), seq=1)
    assert ears.failed().sentence == OFFLINE
    machine.failing = set()
    now[0] += 11.0
    dispatcher.submit("a", asked("xy"), seq=2)
    assert ears.shown().seq == 2
    dispatcher.stop()


def test_a_model_that_fails_in_its_warm_up_is_freed_before_the_old_one_comes_back(
    machine: Machine, dispatcher: Dispatcher, ears: Ears
) -> None:
    class Small(Noting):
        def warm_up(self, request: Request) -> None:
            raise EngineFailed("Too little memory; choose a smaller model.")

    def load(report: Report) -> Engine:
        machine.events.append("other loads")
        return Small("other", machine)

    dispatcher.switch(Source(OTHER, load, (asked_of(OTHER, "").request,)))
    assert "Too little memory" in ears.switched().sentence
    assert machine.events[2:] == ["other loads", "other is freed", "postcard loads"]


@pytest.mark.parametrize("while_loading", [True, False])
def test_of_two_switches_the_last_one_wins(
    machine: Machine, dispatcher: Dispatcher, ears: Ears, while_loading: bool
) -> None:
    machine.gate.clear()
    machine.reached.clear()
    dispatcher.switch(machine.source(OTHER))
    if while_loading:
        assert machine.reached.wait(LONG_S)
    dispatcher.switch(machine.source(THIRD))
    machine.gate.set()
    while ears.switched().row != THIRD:
        continue
    assert dispatcher.row == THIRD
    assert machine.events[-1] == "third loads"


def test_choosing_the_old_model_again_takes_a_switch_back(
    machine: Machine, dispatcher: Dispatcher, ears: Ears
) -> None:
    machine.gate.clear()
    machine.reached.clear()
    dispatcher.switch(machine.source(OTHER))
    assert machine.reached.wait(LONG_S)
    dispatcher.switch(machine.source(POSTCARD))
    machine.gate.set()
    assert ears.switched() == Switched(POSTCARD)
    assert machine.events[-1] == "postcard loads"
    assert machine.events.count("other loads") == machine.events.count("other is freed")


def test_a_switch_that_is_overtaken_is_no_failure_whatever_its_download_makes_of_it(
    machine: Machine, dispatcher: Dispatcher, ears: Ears
) -> None:
    begun = threading.Event()

    def load(report: Report) -> Engine:
        begun.set()
        try:
            while True:
                report(Progress("downloading", "Downloading…"))
        except Exception as error:
            raise EngineFailed("Other could not be downloaded; try again.") from error

    dispatcher.switch(Source(OTHER, load))
    assert begun.wait(LONG_S)
    dispatcher.switch(machine.source(THIRD))
    assert ears.switched() == Switched(THIRD)


def test_choosing_what_is_there_or_on_its_way_changes_nothing(
    machine: Machine, dispatcher: Dispatcher, ears: Ears
) -> None:
    dispatcher.switch(machine.source(POSTCARD))
    machine.gate.clear()
    machine.reached.clear()
    dispatcher.switch(machine.source(OTHER))
    assert machine.reached.wait(LONG_S)
    dispatcher.switch(machine.source(OTHER))
    machine.gate.set()
    ears.switched()
    assert machine.events == ["postcard loads", "postcard is freed", "other loads"]


def test_stopping_ends_a_switch(machine: Machine, dispatcher: Dispatcher, ears: Ears) -> None:
    machine.gate.clear()
    machine.reached.clear()
    dispatcher.switch(machine.source(OTHER))
    assert machine.reached.wait(LONG_S)
    assert dispatcher.stop()
    assert machine.events == ["postcard loads", "postcard is freed"]


def test_what_was_asked_of_the_old_model_is_refused_in_one_sentence(
    machine: Machine, dispatcher: Dispatcher, ears: Ears
) -> None:
    machine.gate.clear()
    machine.reached.clear()
    dispatcher.switch(machine.source(OTHER))
    assert machine.reached.wait(LONG_S)
    dispatcher.submit("a", asked("of the old one"), seq=1)
    picture = dispatcher.render(asked("for a program").request)
    machine.gate.set()
    assert "asked of postcard" in ears.failed().sentence
    with pytest.raises(KleinError, match="now Other is there"):
        picture.result(LONG_S)
    dispatcher.submit("a", asked_of(OTHER, "of the new one"), seq=2)
    assert ears.shown().seq == 2
    assert machine.engines["other"].prompts == ["of the new one"]


def test_costs_are_measured_anew() -> None:
    now = [0.0]

    def engine(render_s: float) -> Callable[[Report], Engine]:
        def sleep(seconds: float) -> None:
            now[0] += seconds

        return lambda report: FakeEngine(render_s=render_s, sleep=sleep)

    slow = Source(POSTCARD, engine(9.0), (asked("").request,))
    quick = Source(OTHER, engine(0.01), (asked_of(OTHER, "").request,))
    dispatcher, ears = Dispatcher(slow, PacingSettings(), lambda: now[0]), Ears()
    dispatcher.open("a", ears)
    dispatcher.start()
    ears.phase("ready")
    dispatcher.switch(quick)
    ears.switched()
    # So quick that no draft is made first; by the old model's costs there would be one.
    dispatcher.submit("a", validate.asked({"prompt": "sun"}, OTHER), seq=1)
    shown = ears.shown()
    assert shown.frame.stage.value == "final"
    dispatcher.stop()
