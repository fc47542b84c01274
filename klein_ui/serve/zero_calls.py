"""One call of the GPU: what goes to the process that has it, what comes back, how it is stopped.

The process is forked when the call is made, so before that both sides share a few bytes of memory.
"""

import mmap
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Event, Lock

from klein_ui.contract import Frame, LoraFile, Pixels, Request, Stage
from klein_ui.engine.encodings import Known

MOST_CALLS = 256
MOST_STEPS = 254


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """A picture to make, and what the main process has for it. `slot` is where it is watched."""

    request: Request
    stage: Stage
    known: Known
    pictures: Mapping[str, Pixels]
    loras: Mapping[str, LoraFile]
    slot: int


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """The picture, and what was encoded for it that was not known."""

    frame: Frame
    known: Known


@dataclass(frozen=True, slots=True)
class Stopped:
    """Nobody wanted the picture any more."""


@dataclass(frozen=True, slots=True)
class Refused:
    """There is no picture: a `KleinError` of this `kind` says why. Errors themselves would not
    arrive: `spaces` hands on nothing but the name of what was raised."""

    kind: str
    sentence: str


Answer = Made | Stopped | Refused


class Watch:
    """For each slot a flag that stops it and the steps it has done. Made before any fork, and
    then one piece of memory for all processes; a byte is written by one of them at a time."""

    def __init__(self, slots: int = MOST_CALLS) -> None:
        self.slots = slots
        self._memory = mmap.mmap(-1, 2 * slots)
        # The one that was given back first: a process that is dying may still write into its own.
        self._free = deque(range(slots))
        self._lock = Lock()

    def take(self) -> int | None:
        """A slot, neither stopped nor begun; None where all are taken."""
        with self._lock:
            slot = self._free.popleft() if self._free else None
        if slot is not None:
            self.stop(slot, on=False)
            self._memory[self.slots + slot] = 0
        return slot

    def give_back(self, slot: int) -> None:
        """Nobody watches this one any more."""
        with self._lock:
            self._free.append(slot)

    def stop(self, slot: int, *, on: bool = True) -> None:
        """Have the work at `slot` stop after its step, or not, where it has not begun."""
        self._memory[slot] = int(on)

    def is_stopped(self, slot: int) -> bool:
        """Whether the work at `slot` is to stop."""
        return self._memory[slot] == 1

    def did(self, slot: int, steps: int) -> None:
        """The work at `slot` has begun, and done so many steps."""
        self._memory[self.slots + slot] = 1 + min(steps, MOST_STEPS)

    def steps(self, slot: int) -> int | None:
        """How many steps were done; None before it begins."""
        said = self._memory[self.slots + slot]
        return None if said == 0 else said - 1


class Call:
    """A call under way. Until a GPU is there for it, another picture may take its place in the
    queue; what it asked for first was `seconds` of the GPU. `gave_way` is set once its session let
    others have their turn."""

    def __init__(self, order: Order, seconds: int, watch: Watch) -> None:
        self.seconds = seconds
        self._order = order
        self._watch = watch
        self._bound_at: float | None = None
        self._lock = Lock()
        self._ended = Event()
        self._outcome: Answer | Exception = Stopped()
        self._is_stopped = False
        self.gave_way = False

    @property
    def order(self) -> Order:
        """What it makes, as far as is known by now."""
        return self._order

    @property
    def bound_s(self) -> float:
        """Seconds since a GPU was there for it."""
        return 0.0 if self._bound_at is None else time.monotonic() - self._bound_at

    @property
    def slot(self) -> int:
        """Where it is watched."""
        return self._order.slot

    @property
    def outcome(self) -> Answer | Exception:
        """How it ended."""
        return self._outcome

    def take_over(self, order: Order, seconds: int) -> bool:
        """Make this picture instead; False where it is too late for another one, or for a longer
        one. `order` is for the slot of this call."""
        with self._lock:
            if self._ended.is_set():
                return False
            is_same = order.request == self._order.request
            if self._bound_at is not None:
                return is_same and not self._watch.is_stopped(self.slot)
            # The same picture keeps its place in the queue, also where others proved to be slow.
            if seconds > self.seconds and not is_same:
                return False
            self._order = order
            self._is_stopped = False
            self._watch.stop(self.slot, on=False)
            return True

    def bind(self) -> Order:
        """What to make, once and for all: a GPU is there."""
        with self._lock:
            self._bound_at = time.monotonic()
            return self._order

    @property
    def steps(self) -> int | None:
        """How many steps were done; None before it begins."""
        return self._watch.steps(self.slot)

    @property
    def is_past_queue(self) -> bool:
        """Whether it waits for a GPU no more: it has begun, or it is over."""
        return self._ended.is_set() or self.steps is not None

    def stop(self) -> None:
        """Have it stop within a step, or as soon as it begins."""
        with self._lock:
            # Once it is over, its slot may be another's.
            if not self._ended.is_set():
                self._is_stopped = True
                self._watch.stop(self.slot)

    def end(self, outcome: Answer | Exception) -> None:
        """It is over, and its slot is free."""
        with self._lock:
            self._outcome = outcome
            self._ended.set()
        self._watch.give_back(self.slot)

    def has_failed(self, request: Request | None = None) -> bool:
        """Whether it ended without the picture of `request`, whichever it was, though it was
        wanted to its end."""
        is_it = request is None or request == self._order.request
        has_none = self.wait(0.0) and not isinstance(self._outcome, Made | Stopped)
        return is_it and has_none and not self._is_stopped

    def wait(self, timeout_s: float) -> bool:
        """Whether it is over, after `timeout_s` at most."""
        return self._ended.wait(timeout_s)


class Ticket:
    """What is handed to `spaces`. It is pickled only once a GPU is there, and then becomes the
    newest order of the call."""

    def __init__(self, call: Call) -> None:
        self.call = call

    def __reduce__(self) -> tuple[object, ...]:
        return _as_it_is, (self.call.bind(),)


def _as_it_is(order: Order) -> Order:
    return order
