"""A picture's number survives what pictures go through on their way to a page."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from klein_ui.bench.photos import photo
from klein_ui.bench.stamp import number_of, read, stamped

PHOTOS = {side: photo(side, side, seed=side) for side in (128, 256, 512)}
numbers = st.integers(0, 2**24 - 1)


def through(codec: str, side: int, number: int, quality: int) -> int | None:
    out = io.BytesIO()
    Image.fromarray(stamped(PHOTOS[side], number)).save(out, codec, quality=quality)
    return read(np.asarray(Image.open(out).convert("RGB")))


@settings(max_examples=25, deadline=None)
@given(numbers, st.sampled_from(sorted(PHOTOS)), st.sampled_from([60, 75, 93]))
def test_jpeg_keeps_the_number(number: int, side: int, quality: int) -> None:
    assert through("JPEG", side, number, quality) == number


@settings(max_examples=10, deadline=None)
@given(numbers, st.sampled_from([128, 256]))
def test_webp_keeps_the_number(number: int, side: int) -> None:
    assert through("WEBP", side, number, 80) == number


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_flat_picture_has_no_number(level: int) -> None:
    assert read(np.full((256, 256, 3), level, np.uint8)) is None


def test_a_photo_has_no_number() -> None:
    assert read(PHOTOS[512]) is None


def test_the_stamp_leaves_the_original_alone() -> None:
    before = PHOTOS[256].copy()
    stamped(PHOTOS[256], 123)
    assert np.array_equal(before, PHOTOS[256])


def test_every_letter_counts() -> None:
    sentence = "a lighthouse in the fog, at dusk"
    starts = {number_of(sentence[:end]) for end in range(len(sentence) + 1)}
    assert len(starts) == len(sentence) + 1
    assert all(0 <= number < 2**24 for number in starts)
