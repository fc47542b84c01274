"""Decides whose request runs when: the one thread that owns the pipeline, and the mailboxes.

Each session has a mailbox of one slot: a newer request replaces the one that waits. Sessions take
turns. What a frame, an error or progress leads to is the listener's business.
"""

import contextlib
import itertools
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
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
    Progress,
    Request,
    Stage,
    Superseded,
)
from klein_ui.loading import Clock, Loading, Source, Switched, sentence_of
from klein_ui.models import ModelRow

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
class _Job:
    name: str
    running: pacing.Running
    preview: bool


@dataclass(frozen=True, slots=True)
class Stats:
    """What the dispatcher did so far."""

    loads: int
    sessions: int
    renders: int
    superseded: int


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
        self._settings = settings
        self._clock = clock
        self._changed = Condition()
        self._sessions: OrderedDict[str, _Session] = OrderedDict()
        self._job: _Job | None = None
        self._costs = pacing.Costs()
        self._progress = Progress("starting", "Starting…")
        self._renders = self._superseded = 0
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
            job = self._job
            if job and job.name == name and job.running.outdated_at is None:
                self._job = replace(job, running=replace(job.running, outdated_at=now))
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
            return Stats(self._loading.loads, len(self._sessions), self._renders, self._superseded)

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
        """One job. Nothing may hold the engine between two: another model needs its room."""
        job = self._next_job(engine)
        if job is not None:
            self._perform(engine, job)

    def _bring(self) -> None:
        switched = self._loading.bring()
        with self._changed:
            self._costs = self._loading.costs
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

    def _next_job(self, engine: Engine) -> _Job | None:
        """Wait for something to render; None when there is something else to do."""
        with self._changed:
            while not self._is_interrupted():
                now = self._clock()
                job, until = self._choose(engine, now)
                if job is not None:
                    self._sessions.move_to_end(job.name)
                    self._job = job
                    return job
                self._changed.wait(None if until is None else max(0.0, until - now))
        return None

    def _choose(self, engine: Engine, now: float) -> tuple[_Job | None, float | None]:
        """The next session in turn that has a draft to make, else a full picture, else until when
        to wait. Drafts go first, somebody is typing, but not for ever."""
        settled: _Job | None = None
        until: float | None = None
        for name, session in self._sessions.items():
            decision = pacing.decide(session.state, self._forecast(engine), self._settings, now)
            if isinstance(decision, pacing.Wait):
                if decision.until is not None:
                    until = decision.until if until is None else min(until, decision.until)
                continue
            job = _Job(name, _running(session.state.seq, decision, now), decision.preview)
            if not decision.settled or pacing.overdue(session.state, self._settings, now):
                return job, None
            settled = settled or job
        return settled, until

    def _perform(self, engine: Engine, job: _Job) -> None:
        hooks = Hooks(
            superseded=lambda steps_done: self._is_superseded(engine, job.name, steps_done),
            preview=(lambda frame: self._show_preview(job, frame)) if job.preview else None,
        )
        try:
            self._check(job.running.request)
            frame = engine.render(job.running.request, job.running.stage, hooks)
        except Superseded:
            self._stopped(job)
        except Exception as error:
            self._failed(job, error)
        else:
            self._finished(job, frame)
        finally:
            with self._changed:
                self._job = None

    def _check(self, request: Request) -> None:
        """What was asked before a switch was checked against the limits of another model."""
        if request.model != self.row.name:
            raise KleinError(
                f"This picture was asked of {request.model}, and now {self.row.title} is there; "
                "choose that model again, or type on."
            )

    def _is_superseded(self, engine: Engine, name: str, steps_done: int) -> bool:
        with self._changed:
            session, job = self._sessions.get(name), self._job
            if self._is_interrupted() or session is None or job is None:
                return True
            return pacing.supersede(
                session.state,
                job.running,
                steps_done,
                self._forecast(engine),
                self._settings,
                self._clock(),
            )

    def _forecast(self, engine: Engine) -> pacing.Forecast:
        return lambda request: 0.0 if engine.has(request) else self._costs.forecast(request)

    def _show_preview(self, job: _Job, frame: Frame) -> None:
        with self._changed:
            session = self._sessions.get(job.name)
            count = session.superseded if session else 0
        if session:
            _tell(session.listener, Shown(job.running.seq, frame, count))

    def _finished(self, job: _Job, frame: Frame) -> None:
        with self._changed:
            self._renders += 1
            running = self._job.running if self._job else job.running
            if not frame.timings.cached:
                self._costs = self._costs.after(frame.request, frame.timings.again_s)
            session = self._sessions.get(job.name)
            if session is None:
                return
            session.state = pacing.shown(session.state, running)
            count = session.superseded
        _tell(session.listener, Shown(running.seq, frame, count))

    def _stopped(self, job: _Job) -> None:
        with self._changed:
            self._superseded += 1
            session = self._sessions.get(job.name)
            if session is not None:
                session.superseded += 1

    def _failed(self, job: _Job, error: Exception) -> None:
        if not isinstance(error, KleinError):
            log.error("a render failed", exc_info=error)
        with self._changed:
            session = self._sessions.get(job.name)
            if session is None:
                return
            session.state = pacing.gave_up(session.state, job.running)
        sentence = sentence_of(error, "The picture could not be made")
        _tell(session.listener, Failed(job.running.seq, sentence))


def _running(seq: int, run: pacing.Run, now: float) -> pacing.Running:
    return pacing.Running(seq, run.request, run.stage, now, run.expected_s, run.settled)


def _tell(listener: Listener, event: Event) -> None:
    """A listener that fails must not take the engine's thread with it."""
    try:
        listener(event)
    except Exception:
        log.exception("a listener failed")
