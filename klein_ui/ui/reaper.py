"""Takes away what Gradio keeps of sessions that nobody listens to any more.

Gradio forgets a session only when its page says goodbye. What joins the queue and never asks for
its messages, or leaves without a word, stays: its messages, its event ids, a copy of the page's
configuration. All of it lives on the event loop, and so does this.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from gradio import Blocks
from gradio.utils import LRUCache
from starlette.applications import Starlette

SWEEP_S = 15.0
IDLE_S = 120.0
"""How long nobody has to listen; a page that comes back after it is a new session."""

MOST_SESSIONS = 64
"""Configurations that Gradio copies for its sessions, tens of kilobytes each; this app keeps
nothing in them, so one that is gone is made anew."""
MOST_LISTENERS = 2000
MOST_NAME_CHARS = 64
MOST_RECORDS = 0
"""Events that Gradio keeps figures of, for a page that is not served; it makes a table of them
after each event, and where that fails, as pandas deprecates what it asks for, keeps the event."""


class Messages(LRUCache[str, asyncio.Queue[Any]]):
    """The messages of each session. Of one that is gone they go nowhere: Gradio forgets a session
    that breaks off while its event runs, and then fails at telling it."""

    def __init__(self) -> None:
        super().__init__(MOST_LISTENERS)

    def __setitem__(self, name: str, messages: asyncio.Queue[Any]) -> None:
        if len(name) > MOST_NAME_CHARS:
            raise ValueError("no page of ours has such a name")
        super().__setitem__(name, messages)

    def __missing__(self, name: str) -> asyncio.Queue[Any]:
        return asyncio.Queue()

    def __delitem__(self, name: str) -> None:
        if name in self:
            super().__delitem__(name)


def unread(blocks: Blocks, name: str) -> int:
    """How many messages to session `name` nobody has taken yet."""
    messages = blocks._queue.pending_messages_per_session.get(name)
    return 0 if messages is None else messages.qsize()


class Reaper:
    """Sweeps the queue of `blocks`; lives on the event loop alone."""

    def __init__(self, blocks: Blocks, clock: Callable[[], float] = time.monotonic) -> None:
        self._blocks = blocks
        self._clock = clock
        self._idle_since: dict[str, tuple[float, int]] = {}

    def bound(self) -> None:
        """Keep no more than is of use; before anybody joins."""
        self._blocks._queue.pending_messages_per_session = Messages()
        self._blocks.state_session_capacity = MOST_SESSIONS
        self._blocks.state_holder.capacity = MOST_SESSIONS
        self._blocks._queue.ANALYTICS_MAX_EVENTS = MOST_RECORDS

    def sweep(self) -> int:
        """Forget whom nobody listens to for `IDLE_S`; how many those are."""
        queue, now = self._blocks._queue, self._clock()
        names = {
            *queue.pending_messages_per_session,
            *queue.pending_event_ids_session,
            *self._blocks.state_holder.session_data,
        }
        idle = {name: unread for name in names if (unread := self._unread(name)) is not None}
        self._idle_since = {name: self._since(name, unread, now) for name, unread in idle.items()}
        gone = [name for name, (since, _) in self._idle_since.items() if now - since >= IDLE_S]
        for name in gone:
            self._forget(name)
        return len(gone)

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_S)
            self.sweep()

    def _unread(self, name: str) -> int | None:
        """How many messages wait for session `name`; None where it is alive."""
        queue = self._blocks._queue
        events = queue.pending_event_ids_session.get(name, ())
        if any(event in queue.event_ids_to_events for event in events):
            return None
        return unread(self._blocks, name)

    def _since(self, name: str, unread: int, now: float) -> tuple[float, int]:
        since, before = self._idle_since.get(name, (now, unread))
        # Somebody reads.
        return (now, unread) if unread < before else (since, unread)

    def _forget(self, name: str) -> None:
        queue, holder = self._blocks._queue, self._blocks.state_holder
        queue.pending_messages_per_session.pop(name, None)
        for event in queue.pending_event_ids_session.pop(name, ()):
            queue.event_ids_to_events.pop(event, None)
        with holder.lock:
            holder.session_data.pop(name, None)
            holder.time_last_used.pop(name, None)
        self._idle_since.pop(name, None)


def reaping(blocks: Blocks) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    """The lifespan to hand to `launch(app_kwargs={"lifespan": ...})`."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        reaper = Reaper(blocks)
        reaper.bound()
        task = asyncio.create_task(reaper.run())
        try:
            yield
        finally:
            task.cancel()

    return lifespan
