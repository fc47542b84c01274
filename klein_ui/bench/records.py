"""What a page showed and what its server did, both on the wall clock of the one machine."""

import time
from dataclasses import dataclass, field
from enum import StrEnum


class Outcome(StrEnum):
    """How a render ended."""

    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened to the prompt `number`; milliseconds of the wall clock."""

    number: int
    at_ms: float


@dataclass(frozen=True, slots=True)
class Seen:
    """What the probe noted since it was last asked: keys, pictures on screen, socket frames."""

    keys: tuple[Moment, ...]
    pictures: tuple[Moment, ...]
    messages_ms: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Submission:
    """A prompt's arrival at the server, in seconds of the wall clock."""

    number: int
    at_s: float


@dataclass(frozen=True, slots=True)
class Render:
    """One render; times are seconds of the wall clock. `step_ends_s` has one entry a step done."""

    number: int
    started_s: float
    ended_s: float
    step_ends_s: tuple[float, ...]
    outcome: Outcome

    @property
    def render_ms(self) -> float:
        """Milliseconds from the start of the render to finished pixels."""
        return (self.ended_s - self.started_s) * 1000


@dataclass(frozen=True, slots=True)
class Record:
    """All arrivals and renders since the record was last taken, oldest first."""

    submissions: tuple[Submission, ...]
    renders: tuple[Render, ...]


@dataclass(slots=True)
class Recorder:
    """Collects a `Record`. Any thread may add; one takes."""

    submissions: list[Submission] = field(default_factory=list)
    renders: list[Render] = field(default_factory=list)

    def submitted(self, number: int) -> None:
        """The prompt `number` has just arrived."""
        self.submissions.append(Submission(number, time.time()))

    def rendered(self, render: Render) -> None:
        """`render` has just ended."""
        self.renders.append(render)

    def take(self) -> Record:
        """What was added since the last call."""
        submissions, self.submissions = self.submissions, []
        renders, self.renders = self.renders, []
        return Record(tuple(submissions), tuple(renders))


def answer(number: int, seen: Seen, record: Record) -> tuple[Moment, Render] | None:
    """The first whole picture of the prompt `number` and the render behind it, None if none came.

    What was on screen before a render had ended was a preview of its first step.
    """
    renders = (one for one in record.renders if one.outcome is Outcome.FINISHED)
    render = next((one for one in renders if one.number == number), None)
    if render is None:
        return None
    whole = (one for one in seen.pictures if one.at_ms >= render.ended_s * 1000)
    picture = next((one for one in whole if one.number == number), None)
    return None if picture is None else (picture, render)
