"""The renders under way, and what renders were measured to take: alone, and together."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from klein_ui import batches, pacing, turns
from klein_ui.batches import Batches
from klein_ui.contract import Frame, Lane
from klein_ui.models import ModelRow
from klein_ui.pacing import Costs
from klein_ui.turns import Homes, Job, Turn


class Runs:
    """The jobs that all lanes have now, by session, and where each session is at home. Whoever
    owns this locks it."""

    def __init__(self, settings: pacing.PacingSettings) -> None:
        self._settings = settings
        self._jobs: dict[str, Job] = {}
        self._homes: dict[str, str] = {}
        self._left: dict[str, float] = {}
        self._passed: Counter[str] = Counter()
        self._costs = Costs()
        self._batches = Batches()

    def another_model(self, costs: Costs) -> None:
        """Begin with `costs`: what was measured before was measured of other weights."""
        self._costs, self._batches = costs, Batches()

    def names(self) -> frozenset[str]:
        """Whose pictures are being made."""
        return frozenset(self._jobs)

    def begin(
        self,
        lane: Lane,
        row: ModelRow,
        states: Mapping[str, pacing.State],
        now: float,
        number: int = 0,
        places: frozenset[str] = frozenset(),
    ) -> Turn:
        """The jobs that `lane`, which is idle and has the model of `row`, gets now: the one with
        this `number`, of an engine that has these `places`.

        `states` come in turn, whoever had a lane last being last. Whatever this lane had is over.
        """
        self._jobs = {name: job for name, job in self._jobs.items() if job.lane != number}
        # Who wants no picture any more is not left to any place, and begins anew with the next key.
        self._left = {name: since for name, since in self._left.items() if name in states}
        free = {name: state for name, state in states.items() if name not in self._jobs}
        homes = Homes(lane.place or "", places, self._homes, self._left, self._passed)
        turn = turns.turn(free, self._forecast(lane), self._settings, now, homes)
        for name in turn.left:
            self._left.setdefault(name, now)
        self._passed.update(turn.passed)
        if turn.jobs:
            jobs = self._formed(lane, row, turn.jobs)
            turn = replace(turn, jobs=tuple(self._settled(job, number, homes) for job in jobs))
            self._jobs |= {job.name: job for job in turn.jobs}
        return turn

    def forget(self, name: str) -> None:
        """The session `name` is closed: it is at home nowhere."""
        self._homes.pop(name, None)
        self._left.pop(name, None)
        self._passed.pop(name, None)

    def outdate(self, name: str, now: float) -> None:
        """Session `name` has typed: what runs for it, if anything does, is not its newest."""
        job = self._jobs.get(name)
        if job and job.running.outdated_at is None:
            self._jobs[name] = replace(job, running=replace(job.running, outdated_at=now))

    def supersede(
        self, lane: Lane, begun: Job, state: pacing.State, steps_done: int, now: float
    ) -> bool:
        """Whether `begun`, whose session is in `state`, is to stop."""
        job = self._jobs.get(begun.name)
        if job is None or job.lane != begun.lane:
            return True
        forecast, settings = self._forecast(lane), self._settings
        request = job.running.request
        count = sum(other.lane == job.lane for other in self._jobs.values())
        share = self._batches.share(request, count, self._costs.measured(request))
        return pacing.supersede(state, job.running, steps_done, forecast, settings, now, share)

    def end(self, job: Job) -> pacing.Running:
        """`job` runs no more; how it stood."""
        held = self._jobs.get(job.name, job)
        if held.lane != job.lane:
            # Another lane has the session by now.
            return job.running
        return self._jobs.pop(job.name, job).running

    def measured(self, frame: Frame) -> None:
        """Learn from `frame`, which was made alone."""
        if not frame.timings.cached:
            self._costs = self._costs.after(frame.request, frame.timings.again_s)

    def measured_together(self, jobs: Sequence[Job], frames: Sequence[Frame]) -> None:
        """Learn from `frames`, where all of `jobs`, which went together, were made."""
        if len(frames) == len(jobs):
            took_s = batches.took_s(frames)
            self._batches = self._batches.after(jobs[0].running.request, len(jobs), took_s)

    def failed_together(self, jobs: Sequence[Job]) -> None:
        """So many pictures of this size are not made together again."""
        self._batches = self._batches.failed(jobs[0].running.request, len(jobs))

    def _settled(self, job: Job, number: int, homes: Homes) -> Job:
        """`job` as that of the lane with this `number`, where its session is at home from now."""
        moves = self._homes.get(job.name, homes.here) != homes.here
        self._left.pop(job.name, None)
        self._passed.pop(job.name, None)
        if homes.here:
            self._homes[job.name] = homes.here
        return replace(job, lane=number, moves=moves)

    def _formed(self, lane: Lane, row: ModelRow, due: Sequence[Job]) -> tuple[Job, ...]:
        # One that was asked of another model is refused, alone.
        together = lane.together if _is_of(due[0], row) else None
        due = [due[0], *(job for job in due[1:] if _is_of(job, row))]
        longest_s = self._settings.target_s
        return batches.formed(due, together, self._costs, self._batches, longest_s, row.max_area)

    def _forecast(self, lane: Lane) -> pacing.Forecast:
        return lambda request: 0.0 if lane.has(request) else self._costs.forecast(request)


def _is_of(job: Job, row: ModelRow) -> bool:
    return job.running.request.model == row.name
