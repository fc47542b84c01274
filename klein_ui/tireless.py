"""A thread that begins again, whatever ends it."""

import logging
import time
from collections import deque
from collections.abc import Callable
from threading import RLock, Thread

log = logging.getLogger(__name__)

MOST_DEATHS, DEATHS_S = 10, 60.0
"""After more deaths in so many seconds it is given up."""


class Tireless:
    """Runs `work(again)` on a thread of its own until it returns.

    What ends it otherwise, be it `SystemExit` or an exception that another thread set, begins a new
    thread, for which `again` is true. Safe to use from several threads.
    """

    def __init__(
        self,
        work: Callable[[bool], object],
        name: str,
        gave_up: Callable[[], object] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`gave_up` is called when it died so often that beginning again is of no use."""
        self._work = work
        self._name = name
        self._gave_up = gave_up
        self._clock = clock
        self._lock = RLock()
        self._deaths: deque[float] = deque(maxlen=MOST_DEATHS + 1)
        self._thread: Thread | None = None
        self._has_ended = False
        self.deaths = 0

    def start(self) -> None:
        """Begin; once."""
        with self._lock:
            self._begin(again=False)

    def revive(self) -> None:
        """Begin again if it has ended and cannot have done so itself."""
        # Under the lock, or one that is just beginning would be taken for one that has ended.
        with self._lock:
            thread = self._thread
            if thread is not None and not thread.is_alive():
                self._succeed(thread)

    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._thread is not None and self._thread.is_alive()

    def join(self, timeout_s: float) -> bool:
        """Wait for its end; False if that took too long. One that never began has ended."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout_s)
        return not self.is_alive()

    def _begin(self, *, again: bool) -> None:
        self._thread = Thread(target=self._live, args=[again], name=self._name, daemon=True)
        self._thread.start()

    def _live(self, again: bool) -> None:
        me = self._thread
        try:
            self._work(again)
            self._has_ended = True
        except BaseException as error:
            log.critical("the thread “%s” broke off", self._name, exc_info=error)
        finally:
            # Another exception set from outside may come even here; then `revive` is left.
            if not self._has_ended and me is not None:
                self._succeed(me)

    def _succeed(self, dead: Thread) -> None:
        """Begin the thread after `dead`, once."""
        with self._lock:
            if self._has_ended or self._thread is not dead:
                return
            now = self._clock()
            self._deaths.append(now)
            self.deaths += 1
            if len(self._deaths) <= MOST_DEATHS or now - self._deaths[0] > DEATHS_S:
                self._begin(again=True)
                return
            self._has_ended = True
        self._gave_up()
