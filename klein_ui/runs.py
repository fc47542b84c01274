"""The renders under way, and what renders were measured to take: alone, and together."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from klein_ui import batches, pacing, turns
from klein_ui.batches import Batches
from klein_ui.contract import Engine, Frame
from klein_ui.models import ModelRow
from klein_ui.pacing import Costs
from klein_ui.turns import Job, Turn


class Runs:
    """The jobs that the engine has now, by session. Whoever owns this locks it."""

    def __init__(self, settings: pacing.PacingSettings) -> None:
        self._settings = settings
        self._jobs: dict[str, Job] = {}
        self._costs = Costs()
        self._batches = Batches()

    def another_model(self, costs: Costs) -> None:
        """Begin with `costs`: what was measured before was measured of other weights."""
        self._costs, self._batches = costs, Batches()

    def names(self) -> frozenset[str]:
        """Whose pictures are being made."""
        return frozenset(self._jobs)

    def begin(
        self, engine: Engine, row: ModelRow, states: Mapping[str, pacing.State], now: float
    ) -> Turn:
        """The jobs that an idle `engine`, which has the model of `row`, gets now.

        `states` come in turn, whoever had the engine last being last.
        """
        turn = turns.turn(states, self._forecast(engine), self._settings, now)
        if turn.jobs:
            turn = replace(turn, jobs=self._formed(engine, row, turn.jobs))
        self._jobs = {job.name: job for job in turn.jobs}
        return turn

    def outdate(self, name: str, now: float) -> None:
        """Session `name` has typed: what runs for it, if anything does, is not its newest."""
        job = self._jobs.get(name)
        if job and job.running.outdated_at is None:
            self._jobs[name] = replace(job, running=replace(job.running, outdated_at=now))

    def supersede(
        self, engine: Engine, name: str, state: pacing.State, steps_done: int, now: float
    ) -> bool:
        """Whether what runs for session `name`, which is in `state`, is to stop."""
        job = self._jobs.get(name)
        if job is None:
            return True
        forecast, settings = self._forecast(engine), self._settings
        request, count = job.running.request, len(self._jobs)
        share = self._batches.share(request, count, self._costs.measured(request))
        return pacing.supersede(state, job.running, steps_done, forecast, settings, now, share)

    def end(self, job: Job) -> pacing.Running:
        """`job` runs no more; how it stood."""
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

    def _formed(self, engine: Engine, row: ModelRow, due: Sequence[Job]) -> tuple[Job, ...]:
        # One that was asked of another model is refused, alone.
        together = engine.together if _is_of(due[0], row) else None
        due = [due[0], *(job for job in due[1:] if _is_of(job, row))]
        longest_s = self._settings.target_s
        return batches.formed(due, together, self._costs, self._batches, longest_s, row.max_area)

    def _forecast(self, engine: Engine) -> pacing.Forecast:
        return lambda request: 0.0 if engine.has(request) else self._costs.forecast(request)


def _is_of(job: Job, row: ModelRow) -> bool:
    return job.running.request.model == row.name
