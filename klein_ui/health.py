"""Whether the engine's thread gets on: what it does, since when, and for how long it may."""

from dataclasses import dataclass
from enum import StrEnum

STUCK = "The engine has stood still for {:.0f} s while {}; restart the app if it stays so."


class Doing(StrEnum):
    """What the engine's thread is at, in words."""

    WAITING = "waiting"
    LOADING = "loading a model"
    RENDERING = "making a picture"


PATIENCE_S = {Doing.LOADING: 1800.0, Doing.RENDERING: 300.0}
"""How long the thread may be silent; it speaks at each report, and at each step of a picture. One
step of a large model on a CPU takes a minute, and 36 GB of weights come from a slow disk."""


@dataclass(frozen=True, slots=True)
class Health:
    """Whether all is well, and whether pictures can be had now; else `reason` is a sentence."""

    is_alive: bool
    is_ready: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Pulse:
    """The last sign of life: at `at`, in seconds of a monotonic clock, and what was done then."""

    at: float
    doing: Doing = Doing.WAITING

    def complaint(self, now: float) -> str:
        """Why the thread seems to stand still, in one sentence; empty while it does not."""
        silent_s = now - self.at
        patience_s = PATIENCE_S.get(self.doing)
        if patience_s is None or silent_s <= patience_s:
            return ""
        return STUCK.format(silent_s, self.doing)
