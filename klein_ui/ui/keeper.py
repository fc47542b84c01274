"""What one page is shown goes into the history, and never holds the page up."""

import asyncio
import logging
import re
from collections import OrderedDict
from collections.abc import Mapping
from functools import partial

from klein_ui.contract import KleinError, Request
from klein_ui.events import Shown
from klein_ui.history import History
from klein_ui.states import State

log = logging.getLogger(__name__)

MOST_HEARD = 256
STAND_S = 0.25
"""How long a picture waits for a disk to say which state it branches off from."""

_NAME = re.compile(r"[0-9a-f]{16}", re.ASCII)


class Keeper:
    """Records the frames of one page for `owner`; an empty one has nothing kept.

    Lives on the event loop alone. Of what is asked only that is kept which names its `session`.
    """

    def __init__(self, history: History, owner: str) -> None:
        self._history = history
        self._owner = owner
        self._heard: OrderedDict[int, tuple[str, Request]] = OrderedDict()
        self._stood: str | None = None
        self._standing: tuple[int, str, str] | None = None
        self._told = ""

    def heard(self, seq: int, fields: Mapping[str, object], settled: Request) -> None:
        """The page asked for `settled`; `stands` of its fields is the state on its screen."""
        session, stands = fields.get("session"), fields.get("stands", "")
        if not self._owner or not _is_name(session):
            return
        stands = str(stands) if _is_name(stands) else ""
        # At first the page continues where its session was, or at the state that it names.
        if self._stood is None or (stands and stands != self._stood):
            self._standing = (seq, str(session), stands)
        self._stood = stands
        self._heard[seq] = (str(session), settled)
        while len(self._heard) > MOST_HEARD:
            self._heard.popitem(last=False)

    async def shown(self, event: Shown) -> State | None:
        """The state that the frame of `event` is kept as; None where it is not kept."""
        while self._heard and next(iter(self._heard)) < event.seq:
            self._heard.popitem(last=False)
        if event.seq not in self._heard:
            return None
        session, settled = self._heard[event.seq]
        if self._standing is not None and event.seq >= self._standing[0]:
            _, of, stands = self._standing
            self._standing = None
            task = asyncio.create_task(asyncio.to_thread(self._stand, of, stands))
            await asyncio.wait({task}, timeout=STAND_S)
        frame = event.frame
        asked = settled if settled.model == frame.request.model else None
        return self._history.record(self._owner, session, frame, asked)

    def trouble(self) -> str:
        """Why states are not kept, if the page has not been told yet; else empty."""
        sentence = self._history.status().sentence if self._owner else ""
        news = sentence if sentence != self._told else ""
        self._told = sentence
        return news

    def _stand(self, session: str, stands: str) -> None:
        stand = partial(self._history.stand_at, state_id=stands) if stands else self._history.resume
        try:
            stand(self._owner, session)
        except KleinError as error:
            log.info("a branch has no parent: %s", error)


def _is_name(value: object) -> bool:
    return isinstance(value, str) and _NAME.fullmatch(value) is not None
