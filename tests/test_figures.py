"""Figures: what is counted, what is timed, and that they stay bounded."""

from dataclasses import replace

import pytest

from klein_ui.contract import Frame, Stage, Timings
from klein_ui.engine.fake import FAKE_ORIGIN, bands
from klein_ui.figures import BOUNDS_S, WINDOW, Count, Figures, Part, percentile

from .stepping import asked


def frame(seconds: float, *, cached: bool = False) -> Frame:
    request = asked("sun").request
    timings = Timings(0.1, 0.2, seconds, 0.3, cached)
    return Frame(request, Stage.FINAL, bands(request), timings, FAKE_ORIGIN)


def test_each_part_of_a_render_has_its_percentiles() -> None:
    figures = Figures()
    for hundredth in range(1, 101):
        figures.rendered(frame(hundredth / 100), hundredth / 50)
    times = figures.snapshot().times
    assert (times[Part.DENOISE].p50_s, times[Part.DENOISE].p95_s) == (0.5, 0.95)
    assert times[Part.RENDER].p50_s == pytest.approx(1.1)
    assert (times[Part.KEY_TO_FRAME].p50_s, times[Part.KEY_TO_FRAME].count) == (1.0, 100)
    assert times[Part.ENCODE].sum_s == pytest.approx(10.0)


def test_a_kept_picture_is_a_hit_and_no_time_of_the_engine() -> None:
    figures = Figures()
    figures.rendered(frame(1.0, cached=True), 0.01)
    now = figures.snapshot()
    assert (now.counts[Count.RENDERS], now.counts[Count.CACHE_HITS]) == (1, 1)
    assert (now.times[Part.RENDER].count, now.times[Part.RENDER].p50_s) == (0, None)
    assert now.times[Part.KEY_TO_FRAME].p95_s == 0.01


def test_percentiles_are_of_the_last_ones_and_the_histogram_of_all() -> None:
    figures = Figures()
    for _ in range(WINDOW):
        figures.rendered(frame(9.0), None)
    for _ in range(WINDOW):
        figures.rendered(frame(0.004), None)
    times = figures.snapshot().times[Part.DENOISE]
    assert times.p95_s == 0.004
    assert times.count == 2 * WINDOW
    assert len(times.buckets) == len(BOUNDS_S) + 1
    assert (times.buckets[0], times.buckets[BOUNDS_S.index(10.0)]) == (WINDOW, WINDOW)
    assert figures.snapshot().times[Part.KEY_TO_FRAME].count == 0


def test_what_is_longer_than_all_buckets_has_one_too() -> None:
    figures = Figures()
    figures.rendered(replace(frame(1e6)), None)
    assert figures.snapshot().times[Part.DENOISE].buckets[-1] == 1


def test_of_nothing_there_is_no_percentile() -> None:
    assert percentile([], 0.5) is None
    assert percentile([3.0], 0.95) == 3.0
