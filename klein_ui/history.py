"""The time machine: every typed state of a session, kept while the typing goes on.

A state is recorded in memory at once and written in the next pause by a thread of its own, so that
no disk, slow, full or gone, holds up a picture; a process that is killed loses what came since.
What waits to be written is bounded in bytes; where the disk is too slow for it, the oldest that
waits is lost, and `status` says so in one sentence.
"""

import logging
import secrets
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from threading import Condition

from klein_ui import states
from klein_ui.contract import Frame, InvalidPicture, Pixels, Request, Stage
from klein_ui.ledger import Ledger, NotKept
from klein_ui.states import Bounds, State, States
from klein_ui.tireless import Tireless

log = logging.getLogger(__name__)

GONE = "This moment is no longer kept; choose another, or type its prompt again."
TOO_SLOW = "The disk is slower than the typing; some moments are not kept."
BROKEN = "The moments of typing cannot be kept; the app's log says why."

WAITING_BYTES = 96 * 2**20
"""Room for what waits to be written: thirty frames of a megapixel."""
QUIET_S = 0.15
"""Writing waits for a pause this long: encoding takes its time from the picture of the next key."""
MAX_SESSIONS = 512

_RANK = {Stage.PREVIEW: 0, Stage.DRAFT: 1, Stage.FINAL: 2}


@dataclass(frozen=True, slots=True)
class Status:
    """How many states wait to be written, how many were lost, and a sentence while it goes wrong,
    empty while all is well."""

    waiting: int
    lost: int
    sentence: str


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    owner: str
    state: State
    pixels: Pixels


class History:
    """The states of every owner and session in `ledger`, which others may use as well.

    `owner` is an opaque name of a user or browser, `session` one of a page; an owner never sees
    the states of another. Safe to use from several threads; `clock` gives seconds since the epoch.
    """

    def __init__(
        self,
        ledger: Ledger,
        bounds: Bounds | None = None,
        waiting_bytes: int = WAITING_BYTES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._states = States(ledger, bounds or Bounds())
        self._waiting_bytes = waiting_bytes
        self._clock = clock
        self._changed = Condition()
        self._stands: OrderedDict[tuple[str, str], State] = OrderedDict()
        self._waiting: OrderedDict[str, _Waiting] = OrderedDict()
        self._held_bytes = self._lost = self._recorded = self._flushing = 0
        self._sentence = ""
        self._closing = False
        self._writing: _Waiting | None = None
        self._broke_off_at = ""
        self._thread: Tireless | None = None

    def record(
        self, owner: str, session: str, frame: Frame, asked: Request | None = None
    ) -> State | None:
        """The state that `frame` shows, a new one or that on screen; None for a preview.

        `asked` is the settled request of a draft. Drafts in a row that differ in size and steps
        alone are one state, and so is the final picture behind them: the best stage wins. A
        request that is on screen already is no new state. Never raises and never waits for the
        disk; nobody may write to the frame's pixels after.
        """
        if frame.stage is Stage.PREVIEW:
            return None
        settled = asked or frame.request
        with self._changed:
            on_screen = self._stands.get((owner, session))
            if on_screen is None or not _is_same(on_screen, frame, settled):
                parent = "" if on_screen is None else on_screen.id
                state = State(
                    _new_id(), session, parent, self._clock(), frame.stage, frame.request, settled
                )
            elif _RANK[frame.stage] > _RANK[on_screen.stage]:
                state = replace(on_screen, stage=frame.stage, request=frame.request, asked=settled)
            else:
                return on_screen
            self._stand(owner, session, state)
            self._enqueue(_Waiting(owner, state, frame.pixels))
            return state

    def resume(self, owner: str, session: str) -> State | None:
        """Put the last kept state of `session` back on its screen, as a page that is opened again
        does; None where there is none. Raises `NotKept`."""
        found = self.states(owner, 1, session)
        return self.stand_at(owner, session, found[-1].id) if found else None

    def stand_at(self, owner: str, session: str, state_id: str) -> State:
        """Put that state on the screen of `session`: what is typed next branches off from it.

        Raises `InvalidPicture` where it is gone, `NotKept` where it cannot be read.
        """
        state = self.state(owner, state_id)
        with self._changed:
            self._stand(owner, session, state)
        return state

    def states(
        self, owner: str, limit: int = 300, session: str | None = None, before: str = ""
    ) -> tuple[State, ...]:
        """The newest `limit` states of `owner`, oldest first: of one `session` or of all; for
        older ones, those `before` the state of that id. Raises `NotKept`."""
        # Before the disk is asked, or a state could be on its way between the two.
        waiting = self._waiting_of(owner, session)
        kept = self._states.latest(owner, limit, session, before)
        found = {
            state.id: replace(waiting.pop(state.id, state), pinned=state.pinned) for state in kept
        }
        if not before:
            found |= waiting
        return tuple(found.values())[-limit:] if limit > 0 else ()

    def state(self, owner: str, state_id: str) -> State:
        """The state of that id. Raises `InvalidPicture` where it is gone, and `NotKept`."""
        waiting = self._still_waiting(owner, state_id)
        state = waiting.state if waiting else self._states.get(owner, state_id)
        if state is None:
            raise InvalidPicture(GONE)
        return state

    def thumbnail(self, owner: str, state_id: str) -> bytes:
        """A WebP, at most 160 pixels a side. Raises as `state` does."""
        waiting = self._still_waiting(owner, state_id)
        if waiting is not None:
            return states.encoded(waiting.pixels).thumbnail
        return _there(self._states.thumbnail(owner, state_id))

    def picture(self, owner: str, state_id: str) -> bytes:
        """The frame as a JPEG. Raises as `state` does."""
        waiting = self._still_waiting(owner, state_id)
        if waiting is not None:
            return states.encoded(waiting.pixels).picture
        return _there(self._states.picture(owner, state_id))

    def status(self) -> Status:
        """How the writing goes."""
        with self._changed:
            return Status(len(self._waiting), self._lost, self._sentence)

    def flush(self, timeout_s: float = 10.0) -> bool:
        """Wait until nothing waits to be written; False if that took too long."""
        with self._changed:
            self._flushing += 1
            self._changed.notify_all()
            try:
                return self._changed.wait_for(lambda: not self._waiting, timeout_s)
            finally:
                self._flushing -= 1

    def close(self, timeout_s: float = 10.0) -> bool:
        """Write what waits and end; False if that took too long. What comes after is not kept."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
            thread = self._thread
        return thread is None or thread.join(timeout_s)

    def _stand(self, owner: str, session: str, state: State) -> None:
        self._stands[owner, session] = state
        self._stands.move_to_end((owner, session))
        while len(self._stands) > MAX_SESSIONS:
            self._stands.popitem(last=False)

    def _enqueue(self, job: _Waiting) -> None:
        if self._closing:
            return
        self._recorded += 1
        earlier = self._waiting.get(job.state.id)
        # A better stage keeps the place in the row of the one it replaces.
        self._waiting[job.state.id] = job
        self._held_bytes += job.pixels.nbytes - (earlier.pixels.nbytes if earlier else 0)
        while self._held_bytes > self._waiting_bytes and len(self._waiting) > 1:
            self._forget(self._oldest_of_the_fullest())
            self._lost, self._sentence = self._lost + 1, TOO_SLOW
        if self._thread is None:
            self._thread = Tireless(self._work, "history", self._give_up)
            self._thread.start()
        self._thread.revive()
        self._changed.notify_all()

    def _oldest_of_the_fullest(self) -> str:
        """What is lost first: who fills the room does not fill that of others."""
        held = Counter[str]()
        for job in self._waiting.values():
            held[job.owner] += job.pixels.nbytes
        ((fullest, _),) = held.most_common(1)
        return next(name for name, job in self._waiting.items() if job.owner == fullest)

    def _forget(self, state_id: str) -> None:
        self._held_bytes -= self._waiting.pop(state_id).pixels.nbytes

    def _still_waiting(self, owner: str, state_id: str) -> _Waiting | None:
        with self._changed:
            job = self._waiting.get(state_id)
        return job if job is not None and job.owner == owner else None

    def _waiting_of(self, owner: str, session: str | None) -> dict[str, State]:
        with self._changed:
            return {
                job.state.id: job.state
                for job in self._waiting.values()
                if job.owner == owner and session in (None, job.state.session)
            }

    # Everything below runs on the history's own thread.

    def _work(self, again: bool) -> None:
        if again:
            self._let_go()
        rested_at = 0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closing)
                if rested_at != self._recorded:
                    self._rest()
                    rested_at = self._recorded
                if not self._waiting:
                    return
                job = self._writing = next(iter(self._waiting.values()))
            sentence = self._write(job)
            self._writing = None
            with self._changed:
                self._lost += bool(sentence)
                self._sentence = sentence
                # Meanwhile a better stage may have come, or too much.
                if self._waiting.get(job.state.id) is job:
                    self._forget(job.state.id)
                self._changed.notify_all()

    def _let_go(self) -> None:
        """The thread broke off: the state that it was at is tried once more, then it is lost."""
        with self._changed:
            job, self._writing = self._writing, None
            if job is None or self._waiting.get(job.state.id) is not job:
                return
            if job.state.id == self._broke_off_at:
                self._forget(job.state.id)
                self._lost, self._sentence = self._lost + 1, BROKEN
            self._broke_off_at = job.state.id

    def _give_up(self) -> None:
        """The thread breaks off again and again: nothing is kept, and nobody waits for it."""
        with self._changed:
            self._closing = True
            self._lost, self._sentence = self._lost + len(self._waiting), BROKEN
            self._waiting.clear()
            self._held_bytes = 0
            self._changed.notify_all()

    def _rest(self) -> None:
        """Until nobody has typed for a while, or somebody waits for the disk, or the room ends."""
        while not (self._closing or self._flushing or self._held_bytes > self._waiting_bytes // 2):
            if not self._changed.wait_for(partial(self._stirs, self._recorded), QUIET_S):
                return

    def _stirs(self, recorded: int) -> bool:
        return recorded != self._recorded or self._closing or self._flushing > 0

    def _write(self, job: _Waiting) -> str:
        """Why the state was not kept; empty where it was."""
        try:
            self._states.keep(job.owner, job.state, states.encoded(job.pixels))
        except NotKept as error:
            return str(error)
        except Exception:
            # The thread must outlive what nobody thought of.
            log.exception("a state was not kept")
            return BROKEN
        return ""


def _is_same(on_screen: State, frame: Frame, settled: Request) -> bool:
    if settled == on_screen.asked:
        return True
    is_rung = Stage.DRAFT in (frame.stage, on_screen.stage)
    return is_rung and _unsized(settled) == _unsized(on_screen.asked)


def _unsized(request: Request) -> Request:
    """`request` without what its drafts may have less of."""
    return replace(request, width=0, height=0, steps=0, reference_area=0)


def _there(found: bytes | None) -> bytes:
    if found is None:
        raise InvalidPicture(GONE)
    return found


def _new_id() -> str:
    return secrets.token_hex(8)
