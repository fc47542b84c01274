"""The sessions and their mailboxes: what each of them asked for last, and what runs for it.

Each session has a mailbox of one slot: a newer request replaces the one that waits. All of it is
under one lock, and what is told to a listener is told outside of it where that may take time.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from threading import Condition

from klein_ui import pacing
from klein_ui.contract import Asked, Frame, Lane, Stage
from klein_ui.events import Event, Failed, Listener, Shown, tell
from klein_ui.models import ModelRow
from klein_ui.pacing import Costs
from klein_ui.runs import Runs
from klein_ui.turns import Job, Turn

Clock = Callable[[], float]

BUSY_S = 1.0
"""Who waits longer for a picture is told why."""


@dataclass(slots=True)
class _Session:
    """What is kept of one session, under the lock."""

    listener: Listener
    state: pacing.State = field(default_factory=pacing.State)
    superseded: int = 0

    @property
    def is_due(self) -> bool:
        """Whether its last word has neither its full picture nor a sentence yet."""
        return self.state.asked is not None and self.state.reached is not Stage.FINAL

    def waits(self, now: float) -> bool:
        """Whether what is on screen has been old for too long to say nothing."""
        since = self.state.stale_since
        return self.is_due and since is not None and now - since > BUSY_S


class Mailboxes:
    """Safe to use from several threads; what is about jobs is asked by the engine's own, each for
    its lane."""

    def __init__(self, settings: pacing.PacingSettings, clock: Clock) -> None:
        self._clock = clock
        self._sessions: OrderedDict[str, _Session] = OrderedDict()
        self._runs = Runs(settings)
        self._changed = Condition()
        self._news = 0

    def __len__(self) -> int:
        with self._changed:
            return len(self._sessions)

    @property
    def news(self) -> int:
        """Another number each time that there may be something else to do: see `wait`."""
        with self._changed:
            return self._news

    def wake(self) -> None:
        """There may be something else to do."""
        with self._changed:
            self._news += 1
            self._changed.notify_all()

    def wait(self, news: int, timeout_s: float | None) -> None:
        """Return once `news` is old, or after `timeout_s`."""
        with self._changed:
            self._changed.wait_for(lambda: self._news != news, timeout_s)

    def wait_until_done(self, timeout_s: float) -> bool:
        """Wait until everybody has a full picture or a sentence; False if that took too long."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._due(), timeout_s)

    def wait_until_empty(self, timeout_s: float) -> bool:
        """Wait until every session is closed; False if that took too long."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._sessions, timeout_s)

    def open(self, name: str, listener: Listener, first: Callable[[], Event]) -> None:
        """Begin the session `name`, whose listener hears `first()` at once."""
        with self._changed:
            self._sessions[name] = _Session(listener)
            # Under the lock, or newer progress could be told before this.
            tell(listener, first())

    def close(self, name: str) -> None:
        """End the session `name`: what waits is dropped, what runs is superseded."""
        with self._changed:
            self._sessions.pop(name, None)
            self._runs.forget(name)
            self.wake()

    def clear(self, name: str) -> None:
        """The session `name` wants no picture."""
        with self._changed:
            session = self._sessions.get(name)
            if session is not None:
                session.state = pacing.cleared(session.state)
                self.wake()

    def submit(self, name: str, asked: Asked, seq: int) -> None:
        """Put `asked` into the mailbox of session `name`, replacing what waits there; a closed
        session is ignored."""
        with self._changed:
            now = self._clock()
            session = self._sessions.get(name)
            if session is None:
                return
            session.state = pacing.typed(session.state, asked, seq, now)
            self._runs.outdate(name, now)
            self.wake()

    def tell(self, name: str, event: Event) -> None:
        """Tell the session `name`, if it is still there."""
        with self._changed:
            session = self._sessions.get(name)
        if session is not None:
            tell(session.listener, event)

    def tell_all(self, event: Event, meanwhile: Callable[[], object] = lambda: None) -> None:
        """Tell everybody, and do `meanwhile` so that nobody hears the two in another order."""
        with self._changed:
            meanwhile()
            for session in tuple(self._sessions.values()):
                tell(session.listener, event)

    def refuse(self, sentence: str) -> bool:
        """Tell whoever waits for a picture that there will be none; False if nobody waits."""
        with self._changed:
            due = self._due()
            for session in due:
                session.state = replace(session.state, reached=Stage.FINAL)
            self.wake()
        for session in due:
            tell(session.listener, Failed(session.state.seq, sentence))
        return bool(due)

    def waiting(self) -> int:
        """How many wait for a picture."""
        with self._changed:
            return len(self._due())

    def ahead(self, name: str) -> int | None:
        """How many pictures come before that of session `name`, once it waits for longer than
        `BUSY_S`; None where it does not, or has its own turn."""
        with self._changed:
            session, running = self._sessions.get(name), self._runs.names()
            if session is None or name in running or not session.waits(self._clock()):
                return None
            earlier = takewhile(lambda other: other != name, self._sessions)
            due = {other for other in earlier if self._sessions[other].is_due}
            return len(due | running) or None

    def begin(
        self, lane: Lane, row: ModelRow, number: int = 0, places: frozenset[str] = frozenset()
    ) -> Turn:
        """The jobs that `lane`, which is idle, gets now, or until when there is none; see
        `Runs.begin`."""
        with self._changed:
            now = self._clock()
            # Idle lanes ask at each key of anybody, and few sessions are due.
            sessions = self._sessions.items()
            states = {name: session.state for name, session in sessions if session.is_due}
            turn = self._runs.begin(lane, row, states, now, number, places)
            for job in turn.jobs:
                self._sessions.move_to_end(job.name)
            return turn

    def is_superseded(self, lane: Lane, job: Job, steps_done: int, *, stops: bool) -> bool:
        """Whether `job` is to stop; it does where all work `stops`."""
        with self._changed:
            session = self._sessions.get(job.name)
            gone = (
                stops
                or session is None
                or self._runs.supersede(lane, job, session.state, steps_done, self._clock())
            )
            if gone:
                # At once: those who are asked next may be alone now.
                self._runs.end(job)
            return gone

    def previewed(self, job: Job, frame: Frame) -> None:
        """Show a rough picture of `job`, which goes on."""
        with self._changed:
            session = self._sessions.get(job.name)
            count = session.superseded if session else 0
        if session:
            tell(session.listener, Shown(job.running.seq, frame, count))

    def finished(self, job: Job, frame: Frame) -> float | None:
        """Show the frame of `job`; seconds since the key it was asked with, None where that was
        a pause ago or the session is closed."""
        with self._changed:
            running = self._runs.end(job)
            session = self._sessions.get(job.name)
            if session is None:
                return None
            session.state = pacing.shown(session.state, running)
            count, now = session.superseded, self._clock()
            self.wake()
        tell(session.listener, Shown(running.seq, frame, count))
        return None if running.settled else now - job.asked_at

    def stopped(self, job: Job) -> None:
        """`job` was superseded."""
        with self._changed:
            session = self._sessions.get(job.name)
            if session is not None:
                session.superseded += 1

    def failed(self, job: Job, sentence: str) -> None:
        """There is no picture of `job`; its request is not tried again by itself."""
        with self._changed:
            running = self._runs.end(job)
            session = self._sessions.get(job.name)
            if session is None:
                return
            session.state = pacing.gave_up(session.state, running)
            self.wake()
        tell(session.listener, Failed(running.seq, sentence))

    def dropped(self, jobs: Iterable[Job]) -> None:
        """Nothing came of `jobs`: whoever still wants them is due again."""
        with self._changed:
            for job in jobs:
                self._runs.end(job)
            self.wake()

    def another_model(self, costs: Costs) -> None:
        """Begin with `costs`: what was measured before was measured of other weights."""
        with self._changed:
            self._runs.another_model(costs)

    def measured(self, frame: Frame) -> None:
        """Learn from `frame`, which was made alone."""
        with self._changed:
            self._runs.measured(frame)

    def measured_together(self, jobs: Sequence[Job], frames: Sequence[Frame]) -> None:
        """Learn from `frames`, where all of `jobs`, which went together, were made."""
        with self._changed:
            self._runs.measured_together(jobs, frames)

    def failed_together(self, jobs: Sequence[Job]) -> None:
        """So many pictures of this size are not made together again."""
        with self._changed:
            self._runs.failed_together(jobs)

    def _due(self) -> list[_Session]:
        return [session for session in self._sessions.values() if session.is_due]
