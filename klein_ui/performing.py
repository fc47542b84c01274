"""The jobs in the engine's hands: rendered alone or together, and what becomes of each."""

import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from threading import Lock

from klein_ui.attempts import attempt
from klein_ui.contract import (
    DeviceLost,
    Frame,
    Hooks,
    KleinError,
    Lane,
    Outcome,
    OutOfMemory,
    PlaceLost,
    Postponed,
    Render,
    Request,
    Superseded,
    Together,
    sentence_of,
)
from klein_ui.figures import Count, Figures
from klein_ui.mailboxes import Mailboxes
from klein_ui.models import ModelRow
from klein_ui.turns import Job

log = logging.getLogger(__name__)

KILLS = "This picture ended the engine twice; change the prompt, the size or the images."
MOST_DEATHS = 2
MOST_KNOWN = 64


class Deaths:
    """How often which request ended a thread, or the place that made it; the last ones. Safe to
    use from several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: OrderedDict[Request, int] = OrderedDict()

    def add(self, request: Request, count: int = 1) -> None:
        """`request` did so `count` times more."""
        with self._lock:
            self._counts[request] = self._counts.pop(request, 0) + count
            if len(self._counts) > MOST_KNOWN:
                self._counts.popitem(last=False)

    def forget(self, request: Request) -> None:
        """`request` was made: what it ended before, it ended by chance."""
        with self._lock:
            self._counts.pop(request, None)

    def are_too_many(self, request: Request) -> bool:
        """Whether `request` is not to be tried again."""
        with self._lock:
            return self._counts.get(request, 0) >= MOST_DEATHS


class Performer:
    """Has a lane make pictures. Lives on that lane's thread alone.

    `stops` says whether all work is to stop within a step, and is asked at each one.
    """

    def __init__(
        self, boxes: Mailboxes, figures: Figures, deaths: Deaths, stops: Callable[[], bool]
    ) -> None:
        self._boxes = boxes
        self._figures = figures
        self._deaths = deaths
        self._stops = stops
        self._in_hand: tuple[Job, ...] = ()

    def perform(self, lane: Lane, row: ModelRow, jobs: tuple[Job, ...]) -> None:
        """Make the pictures of `jobs`, at least one, and tell whose they are how they ended.

        Raises `DeviceLost`, and then those that have not ended are due again.
        """
        self._in_hand = jobs
        for job in jobs:
            if job.moves:
                self._figures.count(Count.MOVES)
        try:
            if len(jobs) == 1 or lane.together is None:
                self._perform(lane, row, jobs[0])
            else:
                self._perform_together(lane, lane.together, jobs)
        except DeviceLost:
            self._boxes.dropped(self._in_hand)
            raise
        # Of a batch that failed: those that have not ended are due again.
        left, self._in_hand = self._in_hand, ()
        if left:
            self._boxes.dropped(left)

    def broke_off(self) -> bool:
        """The thread ended and began again: what it had in hand is due once more, alone. False if
        that was nothing, so that the engine had no part in it."""
        jobs, self._in_hand = self._in_hand, ()
        self._boxes.dropped(jobs)
        if len(jobs) > 1:
            self._boxes.failed_together(jobs)
        for job in jobs:
            self._deaths.add(job.running.request, int(len(jobs) == 1))
        return bool(jobs)

    def _perform(self, lane: Lane, row: ModelRow, job: Job) -> None:
        outcome: Outcome
        try:
            self._check(job.running.request, row)
            outcome = attempt(lane, self._render(lane, job), row)
        except DeviceLost:
            raise
        except Exception as error:
            outcome = error
        else:
            self._boxes.measured(outcome)
            if outcome.request != job.running.request:
                self._figures.count(Count.OUT_OF_MEMORY)
        self._end(job, outcome)

    def _perform_together(self, lane: Lane, together: Together, jobs: Sequence[Job]) -> None:
        """Each picture ends by itself. Those that have not when the batch fails are still due,
        and the next turns make them."""
        frames: list[Frame] = []
        self._figures.count(Count.TOGETHER)
        try:
            for place, outcome in together.render_together(
                [self._render(lane, job) for job in jobs]
            ):
                if isinstance(outcome, Frame):
                    frames.append(outcome)
                self._end(jobs[place], outcome)
            self._boxes.measured_together(jobs, frames)
        except DeviceLost:
            raise
        except Exception as error:
            log.warning("%d pictures could not be made together", len(jobs), exc_info=error)
            self._boxes.failed_together(jobs)

    def _render(self, lane: Lane, job: Job) -> Render:
        def superseded(steps_done: int) -> bool:
            stops = self._stops()
            return self._boxes.is_superseded(lane, job, steps_done, stops=stops)

        def preview(frame: Frame) -> None:
            self._boxes.previewed(job, frame)

        hooks = Hooks(superseded, preview if job.preview else None, job.name)
        return Render(job.running.request, job.running.stage, hooks)

    def _check(self, request: Request, row: ModelRow) -> None:
        """What was asked before a switch was checked against the limits of another model."""
        if request.model != row.name:
            raise KleinError(
                f"This picture was asked of {request.model}, and now {row.title} is there; "
                "choose that model again, or type on."
            )
        if self._deaths.are_too_many(request):
            raise KleinError(KILLS)

    def _end(self, job: Job, outcome: Outcome) -> None:
        if isinstance(outcome, DeviceLost):
            raise outcome
        self._in_hand = tuple(other for other in self._in_hand if other is not job)
        if isinstance(outcome, Frame):
            self._deaths.forget(job.running.request)
            self._figures.rendered(outcome, self._boxes.finished(job, outcome))
        elif isinstance(outcome, Postponed):
            self._boxes.dropped((job,))
        elif isinstance(outcome, Superseded):
            self._figures.count(Count.SUPERSEDED)
            self._boxes.stopped(job)
        elif isinstance(outcome, PlaceLost):
            self._figures.count(Count.PLACES_LOST)
            self._deaths.add(job.running.request, int(outcome.begun))
            self._boxes.dropped([job])
        else:
            self._fail(job, outcome)

    def _fail(self, job: Job, error: Exception) -> None:
        if not isinstance(error, KleinError):
            log.error("a render failed", exc_info=error)
        self._figures.count(Count.FAILURES)
        if isinstance(error, OutOfMemory):
            self._figures.count(Count.OUT_OF_MEMORY)
        self._boxes.failed(job, sentence_of(error, "The picture could not be made"))
