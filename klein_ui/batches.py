"""Which pictures are made together: pure functions of what is due and of what was measured.

Together they may be quicker than one after the other, or not: that depends on the machine, the
model and the size. So it is tried where there is an opportunity, and kept where it was measured to
help. Nobody waits for a batch to fill.
"""

import logging
import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

from klein_ui.contract import Frame, Request, Together
from klein_ui.pacing import EMA_WEIGHT, Costs
from klein_ui.turns import Job

log = logging.getLogger(__name__)

MOST = 4
"""The largest batch."""

HELPS = 0.9
"""Part of the time of single renders that a batch may take at most."""

UNCOUNTED = 1
"""Runs of each new size that are not measured: a device's first meeting with a shape is slow."""

TRIALS = UNCOUNTED + 2
"""Runs after which a size is judged, by the better of those that counted: others may be busy."""

MOST_ROWS = 64


@dataclass(frozen=True, slots=True)
class BatchCost:
    """What `count` pictures of one size took together in so many runs: `render_s`, which is
    infinite before the first one that counts, and where they cannot be made together."""

    pixels: int
    steps: int
    count: int
    runs: int = 0
    render_s: float = math.inf

    @property
    def is_tried(self) -> bool:
        """Whether it was run often enough to be judged."""
        return self.runs >= TRIALS

    def after(self, render_s: float) -> "BatchCost":
        """This cost with one more run."""
        before_s = self.render_s
        if self.runs < UNCOUNTED:
            mean_s = before_s
        elif not self.is_tried:
            mean_s = min(before_s, render_s)
        else:
            mean_s = before_s + EMA_WEIGHT * (render_s - before_s)
        return replace(self, runs=self.runs + 1, render_s=mean_s)

    def failed(self) -> "BatchCost":
        """This cost where it turned out that they cannot be made together."""
        return replace(self, runs=TRIALS, render_s=math.inf)


@dataclass(frozen=True, slots=True)
class Batches:
    """What batches were measured to take, most recent last; at most `MOST_ROWS` sizes."""

    rows: tuple[BatchCost, ...] = ()

    def after(self, request: Request, count: int, render_s: float) -> "Batches":
        """These costs with one more measurement of `count` like `request`."""
        return self._with(self._row(request, count).after(render_s))

    def failed(self, request: Request, count: int) -> "Batches":
        """These costs where `count` like `request` cannot be made together."""
        return self._with(self._row(request, count).failed())

    def forecast(self, request: Request, count: int) -> float | None:
        """Expected seconds of `count` pictures like `request` together; None while it is tried."""
        row = self._row(request, count)
        return row.render_s if row.is_tried else None

    def share(self, request: Request, count: int, alone_s: float | None) -> float:
        """The part of a batch of `count` that would be saved if one picture were not in it.

        `alone_s` is what one takes by itself. While it is tried it is nothing, so that all of it
        is let through and measures.
        """
        if count == 1:
            return 1.0
        with_s = self.forecast(request, count)
        without_s = alone_s if count == 2 else self.forecast(request, count - 1)
        if not with_s or without_s is None:
            return 0.0
        return max(0.0, 1 - without_s / with_s)

    def count(self, request: Request, due: int, alone_s: float, longest_s: float) -> int:
        """How many of `due` pictures like `request`, each `alone_s`, to make at once.

        Where a batch was measured to help, the one that takes least for each picture. A size that
        was never tried is tried, but only where the one below it helps. No batch may keep the
        engine for longer than `longest_s`: whoever types meanwhile waits for it.
        """
        best, best_each_s = 1, HELPS * alone_s
        for count in range(2, min(due, MOST) + 1):
            took_s, helps_s = self.forecast(request, count), HELPS * count * alone_s
            if took_s is None:
                return count if helps_s <= longest_s else best
            if took_s > helps_s:
                return best
            if took_s <= longest_s and took_s / count <= best_each_s:
                best, best_each_s = count, took_s / count
        return best

    def _row(self, request: Request, count: int) -> BatchCost:
        new = BatchCost(request.seen_pixels, request.steps, count)
        return next((row for row in self.rows if _size(row) == _size(new)), new)

    def _with(self, changed: BatchCost) -> "Batches":
        others = tuple(row for row in self.rows if _size(row) != _size(changed))
        return Batches((*others, changed)[-MOST_ROWS:])


def formed(
    due: Sequence[Job],
    together: Together | None,
    alone: Costs,
    batches: Batches,
    longest_s: float,
    most_px: int,
) -> tuple[Job, ...]:
    """The first of `due`, at least one, with those of the others that go with it.

    `alone` are the costs of single renders. `most_px` bounds the pixels of all pictures of a
    batch: the memory plan has room for the largest picture of the model.
    """
    first = due[0]
    request = first.running.request
    alone_s = alone.measured(request)
    if together is None or alone_s is None or first.running.expected_s == 0.0:
        return (first,)
    alike = _alike(due, together)[: max(1, most_px // (request.width * request.height))]
    count = batches.count(request, len(alike), alone_s, longest_s)
    if count == 1:
        return (first,)
    expected_s = batches.forecast(request, count) or count * alone_s
    return tuple(
        replace(job, running=replace(job.running, expected_s=expected_s)) for job in alike[:count]
    )


def took_s(frames: Sequence[Frame]) -> float:
    """Seconds that a batch took, from its `frames`: each step was of all, the rest of one each."""
    each = (frame.timings.encode_s + frame.timings.decode_s for frame in frames)
    return sum(each) + max(frame.timings.denoise_s for frame in frames)


def _alike(due: Sequence[Job], together: Together) -> list[Job]:
    """The first of `due` and those of its bucket, each picture once.

    One that is kept already takes no time, and the same picture twice is kept after the first.
    """
    bucket = _bucket(together, due[0].running.request)
    alike = {due[0].running.request: due[0]}
    if bucket is None:
        return [due[0]]
    for job in due[1:]:
        request = job.running.request
        if job.running.expected_s != 0.0 and _bucket(together, request) == bucket:
            alike.setdefault(request, job)
    return list(alike.values())


def _bucket(together: Together, request: Request) -> Hashable | None:
    """Its bucket; none where that cannot be told: then it is made alone, and that says why."""
    try:
        return together.bucket(request)
    except Exception:
        log.exception("a picture is made alone")
        return None


def _size(row: BatchCost) -> tuple[int, int, int]:
    return row.pixels, row.steps, row.count
