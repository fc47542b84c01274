"""What the dispatcher does when memory, device or thread fail, and when the app ends."""

import ctypes
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from klein_ui.contract import DeviceLost, Frame, Hooks, KleinError, OutOfMemory, Request, Stage
from klein_ui.dispatcher import NO_DEVICE, NO_THREAD, RESTARTING, Dispatcher, Event
from klein_ui.engine.fake import FakeEngine
from klein_ui.events import Closing, Failed
from klein_ui.figures import Count
from klein_ui.loading import Source
from klein_ui.models import POSTCARD
from klein_ui.pacing import PacingSettings
from klein_ui.performing import KILLS

from .stepping import LONG_S, Ears, Steps, asked

Start = Callable[..., Dispatcher]


@dataclass(slots=True)
class Faulty(FakeEngine):
    """Fails at prompts that name a fault; `kills` is how often one ends the thread."""

    kills: int = 1
    thread: int = 0
    unsound: bool = False
    asked: list[str] = field(default_factory=list)

    def render(self, request: Request, stage: Stage, hooks: Hooks) -> Frame:
        self.thread = threading.get_ident()
        self.asked.append(request.prompt)
        if "large" in request.prompt and request.width > 176:
            raise OutOfMemory("There is too little memory.")
        if "huge" in request.prompt:
            raise OutOfMemory("There is too little memory.")
        if "assert" in request.prompt:
            raise DeviceLost("The scripted device is gone.")
        if "exit" in request.prompt and self.kills:
            self.kills -= 1
            raise SystemExit
        return FakeEngine.render(self, request, stage, hooks)

    def relieve(self) -> None:
        FakeEngine.relieve(self)
        if self.unsound:
            raise RuntimeError("half of it is gone")


@dataclass
class Room:
    """Dispatchers over engines that fail, which are stopped after the test."""

    made: list[Dispatcher] = field(default_factory=list)
    loaded: list[Faulty] = field(default_factory=list)
    lost: threading.Event = field(default_factory=threading.Event)

    def start(self, *engines: Faulty) -> Dispatcher:
        waiting = list(engines)

        def load(report: object) -> Faulty:
            self.loaded.append(waiting.pop(0) if len(waiting) > 1 else waiting[0])
            return self.loaded[-1]

        source, pace = Source(POSTCARD, load), PacingSettings(settle_s=0.01)
        dispatcher = Dispatcher(source, pace, time.monotonic, self.lost.set)
        dispatcher.start()
        self.made.append(dispatcher)
        return dispatcher


@pytest.fixture
def room() -> Iterator[Room]:
    made = Room()
    yield made
    for dispatcher in made.made:
        dispatcher.stop()


def quick(kills: int = 1) -> Faulty:
    return Faulty(render_s=0.0, kills=kills)


def test_twenty_of_twenty_recover_from_too_little_memory(room: Room) -> None:
    engine = quick()
    dispatcher, ears = room.start(engine), Ears()
    dispatcher.open("a", ears)
    for seq in range(0, 40, 2):
        dispatcher.submit("a", asked(f"large {seq}", side=256), seq)
        while (shown := ears.shown()).frame.stage is not Stage.FINAL:
            assert shown.frame.notes == ()
        assert shown.seq == seq
        assert shown.frame.request.width == 176
        assert "no memory for 256 × 256" in shown.frame.notes[0]
        dispatcher.submit("a", asked("next"), seq + 1)
        assert ears.shown().frame.notes == ()
    assert engine.counts.relieved == 20
    assert dispatcher.figures.snapshot().counts[Count.OUT_OF_MEMORY] == 20
    assert dispatcher.health().is_ready


def test_where_nothing_fits_there_is_a_sentence_and_the_next_key_works(room: Room) -> None:
    dispatcher, ears = room.start(quick()), Ears()
    dispatcher.open("a", ears)
    dispatcher.submit("a", asked("huge"), 1)
    assert ears.failed() == Failed(1, "There is too little memory.")
    dispatcher.submit("a", asked("small"), 2)
    assert ears.shown().seq == 2


def test_a_lost_device_is_told_to_all_and_the_request_stays_to_be_asked_again(room: Room) -> None:
    dispatcher, ears, other = room.start(quick()), Ears(), Ears()
    dispatcher.open("a", ears)
    dispatcher.open("b", other)
    one_off = dispatcher.render(asked("before").request)
    assert one_off.result(LONG_S)
    dispatcher.submit("a", asked("assert"), 1)
    assert ears.phase("restarting").sentence == NO_DEVICE
    assert other.phase("restarting").sentence == NO_DEVICE
    assert room.lost.wait(LONG_S)
    health = dispatcher.health()
    assert (health.is_alive, health.is_ready, health.reason) == (False, False, NO_DEVICE)
    dispatcher.submit("b", asked("sun"), 1)
    assert other.phase("restarting").sentence == NO_DEVICE
    with pytest.raises(KleinError, match="graphics device failed"):
        dispatcher.render(asked("sun").request).result(LONG_S)
    assert not dispatcher.drain(LONG_S)
    assert dispatcher.stop()
    heard: list[Event] = []
    while not ears.heard.empty():
        heard.append(ears.heard.get())
    assert not [event for event in heard if isinstance(event, Failed)]


def test_a_device_that_stays_lost_is_a_sentence_at_every_key(room: Room) -> None:
    dispatcher, ears = room.start(quick()), Ears()
    dispatcher.open("a", ears)
    dispatcher.submit("a", asked("assert"), 1)
    assert room.lost.wait(LONG_S)
    dispatcher.give_up("Restart the computer.")
    assert ears.failed() == Failed(1, "Restart the computer.")
    dispatcher.submit("a", asked("sun"), 2)
    assert ears.failed() == Failed(2, "Restart the computer.")
    assert not dispatcher.health().is_alive


def test_a_thread_that_an_engine_ends_begins_again_and_draws_what_ran(room: Room) -> None:
    engine = quick()
    dispatcher, ears, other = room.start(engine), Ears(), Ears()
    dispatcher.open("a", ears)
    dispatcher.open("b", other)
    dispatcher.submit("a", asked("exit"), 1)
    assert ears.shown().seq == 1
    dispatcher.submit("b", asked("sun"), 1)
    assert other.shown().seq == 1
    assert engine.asked == ["exit", "exit", "sun"]
    assert len(room.loaded) == 1
    assert dispatcher.figures.snapshot().counts[Count.RESTARTS] == 1
    assert dispatcher.health().is_ready


def test_a_request_that_ends_the_thread_twice_is_refused(room: Room) -> None:
    engine = quick(kills=99)
    dispatcher, ears = room.start(engine), Ears()
    dispatcher.open("a", ears)
    dispatcher.submit("a", asked("exit"), 1)
    assert ears.failed() == Failed(1, KILLS)
    dispatcher.submit("a", asked("exit"), 2)
    assert ears.failed() == Failed(2, KILLS)
    assert engine.asked == ["exit", "exit"]
    dispatcher.submit("a", asked("sun"), 3)
    assert ears.shown().seq == 3


def test_an_engine_that_is_not_sound_after_it_is_loaded_again(room: Room) -> None:
    broken, sound = quick(), quick(kills=0)
    broken.unsound = True
    dispatcher, ears = room.start(broken, sound), Ears()
    dispatcher.open("a", ears)
    dispatcher.submit("a", asked("exit"), 1)
    assert ears.shown().seq == 1
    assert room.loaded == [broken, sound]
    assert broken.closed


def test_an_exception_set_from_outside_begins_the_thread_again(room: Room) -> None:
    steps = Steps()
    engine = Faulty(sleep=steps.sleep)
    dispatcher, ears = room.start(engine), Ears()
    dispatcher.open("a", ears)
    dispatcher.submit("a", asked("sun"), 1)
    steps.await_one()
    set_exc = ctypes.pythonapi.PyThreadState_SetAsyncExc
    assert set_exc(ctypes.c_ulong(engine.thread), ctypes.py_object(KeyboardInterrupt))
    steps.free.set()
    steps.step()
    assert ears.shown().seq == 1
    assert engine.asked == ["sun", "sun"]


def test_what_breaks_off_outside_of_the_engine_keeps_it(room: Room) -> None:
    engine = quick()
    dispatcher, ears = room.start(engine), Ears()
    breaks = [SystemExit()]

    def broken(event: Event) -> None:
        if not isinstance(event, Closing) and engine.asked and breaks:
            raise breaks.pop()

    dispatcher.open("broken", broken)
    dispatcher.open("a", ears)
    dispatcher.submit("broken", asked("x"), 1)
    dispatcher.submit("a", asked("sun"), 1)
    assert ears.shown().seq == 1
    assert len(room.loaded) == 1
    assert engine.counts.relieved == 0
    assert not breaks


def test_a_thread_that_never_lasts_asks_for_a_new_process(room: Room) -> None:
    class Hopeless(Faulty):
        def has(self, request: Request) -> bool:
            raise SystemExit

    dispatcher, ears = room.start(Hopeless(render_s=0.0)), Ears()
    dispatcher.open("a", ears)
    dispatcher.submit("a", asked("sun"), 1)
    assert ears.phase("restarting").sentence == NO_THREAD
    assert room.lost.wait(LONG_S)
    assert not dispatcher.health().is_alive


def test_an_engine_that_stands_still_is_unhealthy() -> None:
    now, steps = [100.0], Steps()
    source = Source(POSTCARD, lambda report: FakeEngine(sleep=steps.sleep))
    dispatcher = Dispatcher(source, PacingSettings(), lambda: now[0])
    dispatcher.start()
    dispatcher.open("a", Ears())
    dispatcher.submit("a", asked("sun"), 1)
    steps.await_one()
    assert dispatcher.health().is_alive
    now[0] += 301.0
    health = dispatcher.health()
    assert not health.is_alive
    assert "stood still for 301 s while making a picture" in health.reason
    steps.free.set()
    steps.step()
    assert dispatcher.stop()


def test_draining_finishes_what_runs_and_what_is_settled_and_refuses_the_rest(room: Room) -> None:
    steps = Steps()
    dispatcher = room.start(Faulty(sleep=steps.sleep, kills=0))
    one, other = Ears(), Ears()
    dispatcher.open("a", one)
    dispatcher.open("b", other)
    dispatcher.submit("a", asked("sun", side=256), 1)
    dispatcher.submit("b", asked("moon"), 1)
    steps.await_one()
    done: list[bool] = []
    draining = threading.Thread(target=lambda: done.append(dispatcher.drain(LONG_S)))
    draining.start()
    assert one.phase("restarting").sentence == RESTARTING
    assert not dispatcher.health().is_ready
    assert dispatcher.health().is_alive
    dispatcher.submit("a", asked("late"), 2)
    with pytest.raises(KleinError, match="restarting"):
        dispatcher.render(asked("late").request).result(LONG_S)
    steps.free.set()
    steps.step()
    draining.join(LONG_S)
    assert done == [True]
    assert one.shown().seq == 1
    assert other.shown().seq == 1
    assert not dispatcher.dismiss(0.0)
    dispatcher.close("a")
    dispatcher.close("b")
    assert dispatcher.dismiss(LONG_S)


def test_draining_waits_no_longer_than_it_may(room: Room) -> None:
    steps = Steps()
    dispatcher = room.start(Faulty(sleep=steps.sleep))
    dispatcher.open("a", Ears())
    dispatcher.submit("a", asked("sun"), 1)
    steps.await_one()
    assert not dispatcher.drain(0.0)
    steps.free.set()
    steps.step()
