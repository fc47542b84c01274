"""What the app did and how long it took: counters, and the times of the last renders."""

import math
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Lock

from klein_ui.contract import Frame

WINDOW = 512
"""How many of the last times p50 and p95 are of."""

BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the histograms' buckets; above the last one there is one more."""


class Part(StrEnum):
    """What is timed: the parts of a render, all of it, and the way of a key within the server."""

    ENCODE = "encode"
    IMAGES = "images"
    DENOISE = "denoise"
    DECODE = "decode"
    RENDER = "render"
    KEY_TO_FRAME = "key_to_frame"


class Count(StrEnum):
    """What is counted since the start."""

    RENDERS = "renders"
    TOGETHER = "batches"
    CACHE_HITS = "cache_hits"
    SUPERSEDED = "superseded"
    FAILURES = "failures"
    OUT_OF_MEMORY = "out_of_memory"
    RESTARTS = "restarts"
    MOVES = "moves"
    PLACES_LOST = "places_lost"


@dataclass(frozen=True, slots=True)
class Times:
    """How long one part took, in seconds: percentiles of the last `WINDOW`, None where there were
    none, and since the start a histogram of `BOUNDS_S`, whose `buckets` are each by itself."""

    p50_s: float | None
    p95_s: float | None
    buckets: tuple[int, ...]
    sum_s: float

    @property
    def count(self) -> int:
        """How often it was timed since the start."""
        return sum(self.buckets)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All figures at one moment."""

    counts: Mapping[Count, int]
    times: Mapping[Part, Times]


@dataclass(frozen=True, slots=True)
class Stats:
    """What the dispatcher did so far; `batches` are pictures made together, whatever became of
    each of them, which `renders` and `superseded` count one by one. `waiting` sessions have no
    picture of their last word yet."""

    loads: int
    sessions: int
    renders: int
    superseded: int
    batches: int
    waiting: int


@dataclass(slots=True)
class _Series:
    last: deque[float] = field(default_factory=lambda: deque(maxlen=WINDOW))
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_S) + 1))
    sum_s: float = 0.0

    def add(self, seconds: float) -> None:
        self.last.append(seconds)
        self.buckets[bisect_left(BOUNDS_S, seconds)] += 1
        self.sum_s += seconds

    def times(self) -> Times:
        ranked = sorted(self.last)
        halves = percentile(ranked, 0.5), percentile(ranked, 0.95)
        return Times(*halves, tuple(self.buckets), self.sum_s)


class Figures:
    """Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: Counter[Count] = Counter()
        self._series = {part: _Series() for part in Part}

    def count(self, what: Count) -> None:
        """One more of `what`."""
        with self._lock:
            self._counts[what] += 1

    def rendered(self, frame: Frame, key_to_frame_s: float | None) -> None:
        """`frame` was made, `key_to_frame_s` after its key where nothing was waited for."""
        timings = frame.timings
        with self._lock:
            self._counts[Count.RENDERS] += 1
            if key_to_frame_s is not None:
                self._series[Part.KEY_TO_FRAME].add(key_to_frame_s)
            if timings.cached:
                self._counts[Count.CACHE_HITS] += 1
                return
            self._series[Part.ENCODE].add(timings.encode_s)
            self._series[Part.IMAGES].add(timings.images_s)
            self._series[Part.DENOISE].add(timings.denoise_s)
            self._series[Part.DECODE].add(timings.decode_s)
            self._series[Part.RENDER].add(timings.render_s)

    def snapshot(self) -> Snapshot:
        """The figures now."""
        with self._lock:
            counts = {what: self._counts[what] for what in Count}
            return Snapshot(counts, {part: one.times() for part, one in self._series.items()})


def percentile(ranked: list[float], share: float) -> float | None:
    """The nearest-rank percentile of `ranked`, which is sorted; None of nothing."""
    return ranked[max(0, math.ceil(share * len(ranked)) - 1)] if ranked else None
