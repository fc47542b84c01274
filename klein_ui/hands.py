"""The threads that render, one a lane of the engine, and the gate that a load shuts for them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

from klein_ui.health import Pulse
from klein_ui.performing import Performer
from klein_ui.tireless import Tireless


@dataclass(slots=True)
class Hand:
    """Who makes pictures with the lane of its `number`; its `news` is what it knew of last."""

    number: int
    performer: Performer
    thread: Tireless
    pulse: Pulse
    news: int = 0


class Gate:
    """Lets any number of hands render, or one of them load while no other renders."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._inside: set[int] = set()
        self._is_shut = False

    @contextmanager
    def within(self, number: int) -> Iterator[bool]:
        """Whether the hand `number` may render now; it does so within this."""
        with self._lock:
            may = not self._is_shut
            if may:
                self._inside.add(number)
        try:
            yield may
        finally:
            with self._lock:
                self._inside.discard(number)

    @contextmanager
    def shut(self) -> Iterator[bool]:
        """Whether nobody renders, and nobody does within this."""
        with self._lock:
            alone = not self._inside
            self._is_shut = alone
        try:
            yield alone
        finally:
            with self._lock:
                self._is_shut = False


class Hands:
    """As many hands as there were lanes at most; the first one is there from the beginning."""

    def __init__(self, hire: Callable[[int], Hand]) -> None:
        self._hire = hire
        self._all = [hire(0)]

    def __getitem__(self, number: int) -> Hand:
        return self._all[number]

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Hand]:
        return iter(tuple(self._all))

    def grow(self, count: int) -> None:
        """Have at least `count`. Only the first hand calls it; the new ones begin where it has."""
        while len(self._all) < count:
            hand = self._hire(len(self._all))
            self._all.append(hand)
            if self._all[0].thread.is_alive():
                hand.thread.start()

    def revive(self) -> None:
        """Begin each thread again that has ended and cannot have done so itself."""
        for hand in self:
            hand.thread.revive()

    def join(self, timeout_s: float) -> bool:
        """Wait for the end of the first one, which waits for the others."""
        return self._all[0].thread.join(timeout_s)
