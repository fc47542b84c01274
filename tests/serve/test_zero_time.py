"""For how long a GPU is asked for."""

from dataclasses import replace

import numpy as np
import pytest

from klein_ui.contract import Frame, Origin, Reference, Request, Stage, Timings
from klein_ui.serve.zero_time import Durations

BYTES = 16_000_000_000
PICTURE = Request("sun", 1, 1024, 1024, 4, 1.0, "klein-4b")


def frame(request: Request, render_s: float, *, cached: bool = False) -> Frame:
    pixels = np.zeros((1, 1, 3), np.uint8)
    timings = Timings(denoise_s=render_s, cached=cached)
    return Frame(request, Stage.FINAL, pixels, timings, Origin("", "", "", ""))


def test_the_first_picture_of_klein_asks_for_seconds_not_for_a_minute() -> None:
    assert Durations(BYTES).seconds(PICTURE) == 10
    assert Durations(15_000_000).seconds(replace(PICTURE, width=128, height=128)) == 3


@pytest.mark.parametrize(
    "more",
    [
        {"steps": 50},
        {"width": 2048, "height": 1024},
        {"references": (Reference("d"), Reference("e"), Reference("f"))},
    ],
)
def test_more_work_asks_for_more(more: dict[str, object]) -> None:
    durations = Durations(BYTES)
    asked = replace(PICTURE, **more)  # type: ignore[arg-type]
    assert durations.seconds(asked) > durations.seconds(PICTURE)


def test_what_was_slower_counts_at_once_and_what_was_quicker_by_and_by() -> None:
    durations = Durations(BYTES)
    before = durations.seconds(PICTURE)
    durations.rendered(frame(PICTURE, 10.0))
    slower = durations.seconds(PICTURE)
    assert slower >= 6 + 1.5 * 10
    durations.rendered(frame(PICTURE, 0.3))
    assert before < durations.seconds(PICTURE) < slower
    for _ in range(20):
        durations.rendered(frame(PICTURE, 0.3))
    assert durations.seconds(PICTURE) < before


def test_a_kept_picture_teaches_nothing() -> None:
    durations = Durations(BYTES)
    durations.rendered(frame(PICTURE, 0.0, cached=True))
    assert durations.seconds(PICTURE) == Durations(BYTES).seconds(PICTURE)


def test_a_start_that_took_longer_counts_at_once_and_is_forgotten_by_and_by() -> None:
    durations = Durations(BYTES)
    durations.started(1.0)
    assert durations.seconds(PICTURE) == 10
    durations.started(20.0)
    assert durations.seconds(PICTURE) == 24
    durations.started(6.0)
    assert 10 < durations.seconds(PICTURE) < 24
    for _ in range(20):
        durations.started(1.0)
    assert durations.seconds(PICTURE) == 10
