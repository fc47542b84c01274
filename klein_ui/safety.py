"""The seam of a safety check: who looks at a picture before it leaves, and what if nobody can."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from klein_ui.contract import KleinError, Pixels

UNCHECKED = "No safety check looked at this picture; one can be set with --safety."
FAILED = "The safety check could not look at this picture, so it was let through unchecked."
CLOSED = "Nothing leaves without a safety check here, and there is none: {why}"
NONE_SET = "give its folder with --safety."
BROKE = "The safety check failed on this picture, so it stays here; export it again."
UNSAFE = "The safety check holds this picture back (“{label}”); change the prompt."


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check says of a picture; `score` from 0 to 1 is how sure it is of `label`."""

    allowed: bool
    label: str
    score: float


class Check(Protocol):
    """Looks at pictures."""

    def __call__(self, pixels: Pixels) -> Verdict:
        """What it says of `pixels`, shape (height, width, 3). May raise anything."""
        ...


class HeldBack(KleinError):
    """A picture that does not leave: it is unsafe, or nobody could look where somebody must."""


@dataclass(frozen=True, slots=True)
class Gate:
    """Lets pictures through, or not. Where `required`, only what a check allowed."""

    check: Check | None = None
    required: bool = False
    why_not: str = NONE_SET

    def passed(self, pixels: Pixels) -> tuple[str, ...]:
        """Sentences on what was let through unchecked. Raises `HeldBack`."""
        if self.check is None:
            if self.required:
                raise HeldBack(CLOSED.format(why=self.why_not))
            return (UNCHECKED,)
        try:
            verdict = self.check(pixels)
        # A check is somebody else's model, and may fail in any way.
        except Exception as error:
            if self.required:
                raise HeldBack(BROKE) from error
            return (FAILED,)
        if not verdict.allowed:
            raise HeldBack(UNSAFE.format(label=verdict.label))
        return ()


OPEN = Gate()


def gate(load: Callable[[], Check] | None, *, required: bool) -> Gate:
    """The gate with the check that `load` gives; where it cannot, one that says why.

    A required check that cannot be loaded closes the gate: nothing passes. One that is not required
    was wanted all the same: raises `KleinError`.
    """
    if load is None:
        return Gate(required=required)
    try:
        return Gate(load(), required)
    except KleinError as error:
        if not required:
            raise
        return Gate(None, required, str(error))
