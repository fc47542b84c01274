"""Whose turn it is: of all sessions, who has a picture to make now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from klein_ui import pacing

LEAST_PATIENCE_S, MOST_PATIENCE_S = 0.02, 0.1
"""How long a session is left to its own place while another one is idle: long enough for that one
to wake where it is idle too, and no longer than anybody notices."""
REACH = 2
"""Times the number of places: so many in turn may be passed over for one that is at home."""


@dataclass(frozen=True, slots=True)
class Job:
    """A picture of the session `name` that is due, since the key at `asked_at`; with `preview` its
    first step is shown. `lane` is the number of the lane that makes it, and where that is another
    place than the one that made the session's last picture, it `moves`."""

    name: str
    running: pacing.Running
    preview: bool
    asked_at: float = 0.0
    lane: int = 0
    moves: bool = False


@dataclass(frozen=True, slots=True)
class Turn:
    """The job whose turn it is, and those after it that may go with it; or none until `until`.
    `left` are the sessions that were left to their own places, and `passed` those that come before
    the job in turn and were passed over for it."""

    jobs: tuple[Job, ...] = ()
    until: float | None = None
    left: tuple[str, ...] = ()
    passed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Homes:
    """Of all `places` there are, the one that is idle is `here`. `last` says by session which
    place made its last picture, and so has what that took in its caches; `since`, from when on it
    was left to that place, and `passed`, how often it was passed over."""

    here: str = ""
    places: frozenset[str] = frozenset()
    last: Mapping[str, str] = field(default_factory=dict)
    since: Mapping[str, float] = field(default_factory=dict)
    passed: Mapping[str, int] = field(default_factory=dict)

    def elsewhere(self, name: str) -> bool:
        """Whether session `name` is at home in another place that is still there, and may be left
        to it."""
        home = self.last.get(name, self.here)
        if self.passed.get(name, 0) >= self.reach:
            return False
        return home != self.here and home in self.places

    @property
    def reach(self) -> int:
        """How many may be passed over for one that is at home here, and how often each."""
        return max(1, REACH * len(self.places))


def turn(
    states: Mapping[str, pacing.State],
    forecast: pacing.Forecast,
    settings: pacing.PacingSettings,
    now: float,
    homes: Homes = Homes(),
) -> Turn:
    """What an idle lane should do. `states` come in turn: whoever had one last is last.

    Pictures for those who type go before settled ones, but not for ever. Of those that may go
    together, all are settled or none is, and settled ones only while nobody types.

    Whoever is at home elsewhere is left to that place for about as long as its picture takes. Then
    any place makes it, but each prefers its own among the next in turn: so caches stay warm, a
    place with many guests hands some over, and nobody waits for longer than with one queue.
    """
    due: list[Job] = []
    left: list[str] = []
    until: float | None = None
    for name, state in states.items():
        decision = pacing.decide(state, forecast, settings, now)
        if isinstance(decision, pacing.Run):
            running = _running(state.seq, decision, now)
            job = Job(name, running, decision.preview, state.last_key_at)
            later: float | None = _left_until(job, homes, now) if homes.elsewhere(name) else None
            if later is None or later <= now:
                due.append(job)
                continue
            left.append(name)
        else:
            later = decision.until
        if later is not None:
            until = later if until is None else min(until, later)
    if not due:
        return Turn(until=until, left=tuple(left))
    pressing = [
        job
        for job in due
        if not job.running.settled or pacing.overdue(states[job.name], settings, now)
    ]
    first = _own(pressing or due, homes)
    before = takewhile(lambda job: job is not first, pressing or due)
    passed = (*left, *(job.name for job in before))
    if first.running.settled and not all(job.running.settled for job in due):
        return Turn((first,), left=tuple(left), passed=passed)
    alike = (job for job in due if job.running.settled == first.running.settled)
    rest = (job for job in alike if job is not first)
    return Turn((first, *rest), left=tuple(left), passed=passed)


def _left_until(job: Job, homes: Homes, now: float) -> float:
    """Until when `job` is left to the place that its session is at home in; keys that come
    meanwhile do not put that off."""
    expected_s = job.running.expected_s or 0.0
    return homes.since.get(job.name, now) + min(max(expected_s, LEAST_PATIENCE_S), MOST_PATIENCE_S)


def _own(due: Sequence[Job], homes: Homes) -> Job:
    """The first of the next in turn who is not at home elsewhere, else the first."""
    return next((job for job in due[: homes.reach] if not homes.elsewhere(job.name)), due[0])


def _running(seq: int, run: pacing.Run, now: float) -> pacing.Running:
    return pacing.Running(seq, run.request, run.stage, now, run.expected_s, run.settled)
