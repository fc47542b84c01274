"""Whose turn it is: of all sessions, who has a picture to make now."""

from collections.abc import Mapping
from dataclasses import dataclass

from klein_ui import pacing


@dataclass(frozen=True, slots=True)
class Job:
    """A picture of the session `name` that is due, since the key at `asked_at`; with `preview` its
    first step is shown."""

    name: str
    running: pacing.Running
    preview: bool
    asked_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Turn:
    """The job whose turn it is, and those after it that may go with it; or none until `until`."""

    jobs: tuple[Job, ...] = ()
    until: float | None = None


def turn(
    states: Mapping[str, pacing.State],
    forecast: pacing.Forecast,
    settings: pacing.PacingSettings,
    now: float,
) -> Turn:
    """What an idle engine should do. `states` come in turn: whoever had the engine last is last.

    Pictures for those who type go before settled ones, but not for ever. Of those that may go
    together, all are settled or none is, and settled ones only while nobody types.
    """
    due: list[Job] = []
    until: float | None = None
    for name, state in states.items():
        decision = pacing.decide(state, forecast, settings, now)
        if isinstance(decision, pacing.Run):
            running = _running(state.seq, decision, now)
            due.append(Job(name, running, decision.preview, state.last_key_at))
        elif decision.until is not None:
            until = decision.until if until is None else min(until, decision.until)
    if not due:
        return Turn(until=until)
    pressing = (
        job
        for job in due
        if not job.running.settled or pacing.overdue(states[job.name], settings, now)
    )
    first = next(pressing, due[0])
    if first.running.settled and not all(job.running.settled for job in due):
        return Turn((first,))
    alike = (job for job in due if job.running.settled == first.running.settled)
    return Turn((first, *(job for job in alike if job is not first)))


def _running(seq: int, run: pacing.Run, now: float) -> pacing.Running:
    return pacing.Running(seq, run.request, run.stage, now, run.expected_s, run.settled)
