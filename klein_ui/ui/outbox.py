"""From the dispatcher's thread to one page: the newest frame, progress, and errors that wait."""

import asyncio
from collections import deque
from threading import Lock

from klein_ui.events import Closing, Event, Failed, Shown

MAX_ERRORS = 4


class Outbox:
    """Holds at most one frame, one progress and a few errors; a slow page gets the newest.

    `put` may be called from any thread, the rest only on the event loop.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lock = Lock()
        self._newest: dict[type[Event], Event] = {}
        self._errors: deque[Failed] = deque(maxlen=MAX_ERRORS)
        self._filled = asyncio.Event()

    def put(self, event: Event) -> None:
        """Leave `event` for the page, replacing the older of its kind."""
        with self._lock:
            if isinstance(event, Failed):
                self._errors.append(event)
            else:
                self._newest[type(event)] = event
        # A loop that closed in between has no page to tell.
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._filled.set)

    def wake(self) -> None:
        """Let whoever waits return, even if nothing is there."""
        self._filled.set()

    async def wait(self) -> None:
        """Return once something is there, or after `wake`."""
        await self._filled.wait()

    def take(self) -> list[Event]:
        """All that is there: progress, errors, the frame, and a goodbye last; may be nothing."""
        self._filled.clear()
        with self._lock:
            last = [self._newest.pop(kind) for kind in (Shown, Closing) if kind in self._newest]
            events = [*self._newest.values(), *self._errors, *last]
            self._errors.clear()
            self._newest.clear()
        return events
