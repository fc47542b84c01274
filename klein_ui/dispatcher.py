"""Decides whose request runs when: the one thread that owns the pipeline, and the mailboxes.

Each session has a mailbox of one slot: a newer request replaces the one that waits. Sessions take
turns, or one together where that was measured to help. What a frame, an error or progress leads to
is the listener's business.
"""

import contextlib
import itertools
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass, field, replace
from threading import Condition, Thread

from klein_ui import pacing
from klein_ui.contract import (
    Asked,
    Engine,
    Frame,
    Hooks,
    KleinError,
    Outcome,
    Progress,
    Render,
    Request,
    Stage,
    Superseded,
    Together,
)
from klein_ui.loading import Clock, Loading, Source, Switched, sentence_of
from klein_ui.models import ModelRow
from klein_ui.runs import Runs
from klein_ui.turns import Job

log = logging.getLogger(__name__)

MAX_SESSIONS = 256


@dataclass(frozen=True, slots=True)
class Shown:
    """A frame for the request numbered `seq`; `superseded` counts this session's stopped runs."""

    seq: int
    frame: Frame
    superseded: int


@dataclass(frozen=True, slots=True)
class Failed:
    """The request numbered `seq` made no picture; `sentence` says what to do."""

    seq: int
    sentence: str


Event = Shown | Failed | Progress | Switched
Listener = Callable[[Event], None]


@dataclass(slots=True)
class _Session:
    """What the dispatcher keeps of one session, under its lock."""

    listener: Listener
    state: pacing.State = field(default_factory=pacing.State)
    superseded: int = 0


@dataclass(frozen=True, slots=True)
class Stats:
    """What the dispatcher did so far; `batches` are pictures made together, whatever became of
    each of them, which `renders` and `superseded` count one by one."""

    loads: int
    sessions: int
    renders: int
    superseded: int
    batches: int


class Dispatcher:
    """Runs one engine for any number of sessions.

    Engines are loaded on the dispatcher's own thread. Listeners are called on that thread and
    must not block.
    """

    def __init__(
        self,
        first: Source,
        settings: pacing.PacingSettings,
        clock: Clock = time.monotonic,
    ) -> None:
        self._loading = Loading(first, self._report, clock)
        self._clock = clock
        self._changed = Condition()
        self._sessions: OrderedDict[str, _Session] = OrderedDict()
        self._runs = Runs(settings)
        self._progress = Progress("starting", "Starting…")
        self._renders = self._superseded = self._together = 0
        self._stopping = False
        self._one_off = itertools.count()
        self._thread = Thread(target=self._work, name="engine", daemon=True)

    def start(self) -> None:
        """Begin to load the engine, and to render once it is there."""
        self._thread.start()

    def stop(self, timeout_s: float = 10.0) -> bool:
        """Stop after the running step and free the engine; False if that took too long.

        May be called twice.
        """
        with self._changed:
            self._stopping = True
            self._loading.stop()
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def switch(self, source: Source) -> bool:
        """Have another model for everybody: what runs stops within a step, and `source` takes the
        place of the engine. Every listener is told how far that is, and how it ended.

        When it fails, the model before is loaded again. Of two switches the last one wins. False,
        and nothing is told, where that model is there already.
        """
        with self._changed:
            self._changed.notify_all()
            return self._loading.want(source)

    def open(self, name: str, listener: Listener) -> None:
        """Begin the session `name`; its listener is told at once where the loading stands."""
        with self._changed:
            self._sessions[name] = _Session(listener)
            # Under the lock, or newer progress could be told before this.
            _tell(listener, self._progress)

    def close(self, name: str) -> None:
        """End the session `name`: what waits is dropped, what runs stops within a step."""
        with self._changed:
            self._sessions.pop(name, None)
            self._changed.notify_all()

    def clear(self, name: str) -> None:
        """The prompt of session `name` was emptied: drop what waits, stop what runs."""
        with self._changed:
            session = self._sessions.get(name)
            if session is not None:
                session.state = pacing.cleared(session.state)

    def is_full(self) -> bool:
        """Whether there are as many sessions as one engine should have."""
        with self._changed:
            return len(self._sessions) >= MAX_SESSIONS

    def submit(self, name: str, asked: Asked, seq: int) -> None:
        """Put `asked` into the mailbox of session `name`, replacing what waits there.

        A closed session is ignored: its last message may arrive after it went.
        """
        with self._changed:
            now = self._clock()
            session = self._sessions.get(name)
            if session is None:
                return
            session.state = pacing.typed(session.state, asked, seq, now)
            self._runs.outdate(name, now)
            self._changed.notify_all()

    def render(self, request: Request) -> "Future[Frame]":
        """One picture outside of any live session, in turn with them and never superseded."""
        name = f"one-off-{next(self._one_off)}"
        future: Future[Frame] = Future()

        def listener(event: Event) -> None:
            # Whoever asked may have given up in this very moment.
            with contextlib.suppress(InvalidStateError):
                match event:
                    case Shown(frame=frame) if frame.stage is Stage.FINAL:
                        future.set_result(frame)
                    case Failed(sentence=sentence):
                        future.set_exception(KleinError(sentence))

        future.add_done_callback(lambda _: self.close(name))
        self.open(name, listener)
        self.submit(name, Asked(request), seq=0)
        return future

    @property
    def row(self) -> ModelRow:
        """The model that requests must be for; another one from the moment it is there."""
        return self._loading.row

    @property
    def progress(self) -> Progress:
        """Where the loading stands."""
        with self._changed:
            return self._progress

    def stats(self) -> Stats:
        """Counts at this moment."""
        with self._changed:
            counts = (self._renders, self._superseded, self._together)
            return Stats(self._loading.loads, len(self._sessions), *counts)

    # Everything below runs on the dispatcher's own thread.

    def _work(self) -> None:
        while not self._stopping:
            if self._loading.engine is None or self._loading.is_wanted():
                self._bring()
            if self._loading.engine is None:
                self._wait_for_retry()
            else:
                self._serve(self._loading.engine)
        self._loading.close()

    def _serve(self, engine: Engine) -> None:
        """One turn. Nothing may hold the engine between two: another model needs its room."""
        jobs = self._next_jobs(engine)
        if len(jobs) == 1:
            self._perform(engine, jobs[0])
        elif engine.together and jobs:
            self._perform_together(engine, engine.together, jobs)

    def _bring(self) -> None:
        switched = self._loading.bring()
        with self._changed:
            self._runs.another_model(self._loading.costs)
            listeners = [session.listener for session in self._sessions.values()]
        if switched is not None:
            for listener in listeners:
                _tell(listener, switched)

    def _is_interrupted(self) -> bool:
        return self._stopping or self._loading.is_wanted()

    def _wait_for_retry(self) -> None:
        """After a failed load: tell whoever types, until a key comes late enough to try again."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._is_interrupted() or self._untold())
                if self._is_interrupted() or self._loading.may_retry():
                    return
                untold = self._untold()
                for session in untold:
                    session.state = replace(session.state, reached=Stage.FINAL)
                sentence = self._progress.sentence
            for session in untold:
                _tell(session.listener, Failed(session.state.seq, sentence))

    def _untold(self) -> list[_Session]:
        return [
            session
            for session in self._sessions.values()
            if session.state.asked is not None and session.state.reached is not Stage.FINAL
        ]

    def _report(self, progress: Progress) -> None:
        with self._changed:
            if progress.phase != self._progress.phase:
                log.info("%s", progress.sentence)
            self._progress = progress
            for session in self._sessions.values():
                _tell(session.listener, progress)

    def _next_jobs(self, engine: Engine) -> tuple[Job, ...]:
        """Wait for something to render; nothing when there is something else to do."""
        with self._changed:
            while not self._is_interrupted():
                now = self._clock()
                states = {name: session.state for name, session in self._sessions.items()}
                turn = self._runs.begin(engine, self.row, states, now)
                for job in turn.jobs:
                    self._sessions.move_to_end(job.name)
                if turn.jobs:
                    return turn.jobs
                self._changed.wait(None if turn.until is None else max(0.0, turn.until - now))
        return ()

    def _perform(self, engine: Engine, job: Job) -> None:
        running = job.running
        try:
            self._check(running.request)
            frame = engine.render(running.request, running.stage, self._hooks(engine, job))
        except Exception as error:
            self._ended(job, error)
        else:
            self._runs.measured(frame)
            self._ended(job, frame)

    def _perform_together(self, engine: Engine, together: Together, jobs: Sequence[Job]) -> None:
        """Each picture ends by itself. Those that have not when the batch fails are still due,
        and the next turns make them."""
        frames: list[Frame] = []
        self._together += 1
        renders = [
            Render(job.running.request, job.running.stage, self._hooks(engine, job)) for job in jobs
        ]
        try:
            for place, outcome in together.render_together(renders):
                if isinstance(outcome, Frame):
                    frames.append(outcome)
                self._ended(jobs[place], outcome)
            self._runs.measured_together(jobs, frames)
        except Exception as error:
            log.warning("%d pictures could not be made together", len(jobs), exc_info=error)
            self._runs.failed_together(jobs)

    def _hooks(self, engine: Engine, job: Job) -> Hooks:
        return Hooks(
            superseded=lambda steps_done: self._is_superseded(engine, job, steps_done),
            preview=(lambda frame: self._show_preview(job, frame)) if job.preview else None,
        )

    def _check(self, request: Request) -> None:
        """What was asked before a switch was checked against the limits of another model."""
        if request.model != self.row.name:
            raise KleinError(
                f"This picture was asked of {request.model}, and now {self.row.title} is there; "
                "choose that model again, or type on."
            )

    def _is_superseded(self, engine: Engine, job: Job, steps_done: int) -> bool:
        with self._changed:
            session = self._sessions.get(job.name)
            gone = (
                self._is_interrupted()
                or session is None
                or self._runs.supersede(engine, job.name, session.state, steps_done, self._clock())
            )
            if gone:
                # At once: those who are asked next may be alone now.
                self._runs.end(job)
            return gone

    def _show_preview(self, job: Job, frame: Frame) -> None:
        with self._changed:
            session = self._sessions.get(job.name)
            count = session.superseded if session else 0
        if session:
            _tell(session.listener, Shown(job.running.seq, frame, count))

    def _ended(self, job: Job, outcome: Outcome) -> None:
        if isinstance(outcome, Frame):
            self._finished(job, outcome)
        elif isinstance(outcome, Superseded):
            self._stopped(job)
        else:
            self._failed(job, outcome)

    def _finished(self, job: Job, frame: Frame) -> None:
        with self._changed:
            self._renders += 1
            running = self._runs.end(job)
            session = self._sessions.get(job.name)
            if session is None:
                return
            session.state = pacing.shown(session.state, running)
            count = session.superseded
        _tell(session.listener, Shown(running.seq, frame, count))

    def _stopped(self, job: Job) -> None:
        with self._changed:
            self._superseded += 1
            session = self._sessions.get(job.name)
            if session is not None:
                session.superseded += 1

    def _failed(self, job: Job, error: Exception) -> None:
        if not isinstance(error, KleinError):
            log.error("a render failed", exc_info=error)
        with self._changed:
            running = self._runs.end(job)
            session = self._sessions.get(job.name)
            if session is None:
                return
            session.state = pacing.gave_up(session.state, running)
        sentence = sentence_of(error, "The picture could not be made")
        _tell(session.listener, Failed(running.seq, sentence))


def _tell(listener: Listener, event: Event) -> None:
    """A listener that fails must not take the engine's thread with it."""
    try:
        listener(event)
    except Exception:
        log.exception("a listener failed")
