"""Clips and strips are bounded, in order, and decodable."""

import io

import numpy as np
import pytest
from PIL import Image, ImageSequence

from klein_ui import images
from klein_ui.clips import MAX_STRIP_SIDE, PAPER, Kind, Limits, chosen, clip, strip

from .kept import noise

COLOURS = [(200, 30, 30), (30, 200, 30), (30, 30, 200), (220, 220, 40)]


def flat(colour: tuple[int, int, int], width: int = 64, height: int = 48) -> bytes:
    return images.png(np.full((height, width, 3), colour, dtype=np.uint8), {})


def shown(data: bytes) -> tuple[list[tuple[int, ...]], list[int], tuple[int, int]]:
    """The middle of each picture, its time in ms, and the size."""
    with Image.open(io.BytesIO(data)) as made:
        middles, times = [], []
        for picture in ImageSequence.Iterator(made):
            rgb = np.array(picture.convert("RGB"))
            times.append(int(picture.info["duration"]))
            middles.append(tuple(int(level) for level in rgb[rgb.shape[0] // 2, rgb.shape[1] // 2]))
        return middles, times, made.size


@pytest.mark.parametrize("kind", list(Kind))
def test_a_clip_shows_the_pictures_in_their_order(kind: Kind) -> None:
    data = clip([flat(colour) for colour in COLOURS], kind, frame_ms=100, rest_ms=900)
    middles, times, size = shown(data)
    assert np.abs(np.array(middles) - np.array(COLOURS)).max() < 12
    assert times == [100, 100, 100, 900]
    assert size == (64, 48)
    with Image.open(io.BytesIO(data)) as made:
        assert made.format == kind.upper()
        assert made.info["loop"] == 0


def test_many_pictures_become_some_with_the_first_and_the_last() -> None:
    numbers = [bytes([n]) for n in range(100)]
    some = chosen(numbers, 12)
    assert len(some) == 12
    assert (some[0], some[-1]) == (numbers[0], numbers[-1])
    assert some == sorted(set(some))
    assert chosen(numbers, 1) == [numbers[-1]]
    assert chosen(numbers[:3], 12) == numbers[:3]


@pytest.mark.parametrize("kind", list(Kind))
def test_a_clip_stays_within_its_bounds(kind: Kind) -> None:
    pictures = [images.png(noise(seed, 256, 192), {}) for seed in range(6)]
    whole = clip(pictures, kind)
    small = clip(pictures, kind, Limits(pictures=4, side=200, max_bytes=len(whole) // 6))
    middles, _, size = shown(small)
    assert len(small) <= len(whole) // 6
    assert len(middles) == 4
    assert max(size) <= 200
    assert shown(whole)[2] == (256, 192)


def test_drafts_are_shown_at_the_size_of_the_last_and_other_shapes_on_paper() -> None:
    data = clip([flat(COLOURS[0], 32, 24), flat(COLOURS[1], 20, 80), flat(COLOURS[2])], Kind.WEBP)
    with Image.open(io.BytesIO(data)) as made:
        assert made.size == (64, 48)
        made.seek(1)
        corner = np.array(made.convert("RGB"))[4, 4].astype(int)
    assert np.abs(corner - PAPER).max() < 12


@pytest.mark.parametrize("bounds", [Limits(max_bytes=10), Limits(pictures=0)])
def test_a_clip_that_cannot_be_is_refused(bounds: Limits) -> None:
    with pytest.raises(ValueError, match="clip"):
        clip([flat(COLOURS[0])], Kind.WEBP, bounds)
    with pytest.raises(ValueError, match="needs pictures"):
        clip([], Kind.GIF)


def test_a_strip_lays_them_side_by_side() -> None:
    sheet = strip([flat(colour) for colour in COLOURS], height=48, gap=4)
    assert sheet.shape == (48, 4 * 64 + 3 * 4, 3)
    assert [tuple(sheet[24, 32 + 68 * number]) for number in range(4)] == COLOURS
    assert tuple(sheet[24, 66]) == PAPER


def test_a_wide_strip_gets_smaller_and_too_many_are_refused() -> None:
    sheet = strip([flat(COLOURS[0], 128, 32)] * 300, height=64, gap=2)
    assert sheet.shape[1] <= MAX_STRIP_SIDE
    assert 0 < sheet.shape[0] < 64
    with pytest.raises(ValueError, match="fewer pictures"):
        strip([flat(COLOURS[0])] * 3000)
    with pytest.raises(ValueError, match="needs pictures"):
        strip([])
