"""The mark is there after what happens to pictures, is not seen, and is not found where none is."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from klein_ui import watermark
from klein_ui.bench.photos import photo
from klein_ui.contract import Pixels
from klein_ui.postcard.pictures import random_pictures

DRAWN = random_pictures(6, 3, (256, 512))
PHOTOS = [photo(512, 384, 1), photo(384, 512, 2), photo(256, 256, 3), photo(1024, 256, 4)]
FLAT = [np.full((256, 256, 3), level, np.uint8) for level in (0, 128, 255)]
PICTURES = [*DRAWN, *PHOTOS, *FLAT]
MARKED = [watermark.embed(pixels) for pixels in PICTURES]


def saved(pixels: Pixels, kind: str, quality: int) -> Pixels:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind, quality=quality)
    with Image.open(out) as picture:
        return np.array(picture.convert("RGB"))


def scaled(pixels: Pixels, filtered: Image.Resampling, part: float = 0.5) -> Pixels:
    size = (round(pixels.shape[1] * part), round(pixels.shape[0] * part))
    return np.array(Image.fromarray(pixels).resize(size, filtered))


@pytest.mark.parametrize(
    "fate",
    [
        lambda pixels: pixels,
        lambda pixels: saved(pixels, "JPEG", 85),
        lambda pixels: saved(pixels, "WEBP", 90),
        lambda pixels: scaled(pixels, Image.Resampling.LANCZOS),
        lambda pixels: scaled(pixels, Image.Resampling.BICUBIC),
        lambda pixels: scaled(pixels, Image.Resampling.BOX),
        lambda pixels: scaled(pixels, Image.Resampling.LANCZOS, 1.7),
        lambda pixels: saved(scaled(pixels, Image.Resampling.LANCZOS), "JPEG", 85),
    ],
    ids=["as it is", "JPEG 85", "WebP 90", "half", "half, bicubic", "half, box", "larger", "both"],
)
def test_every_mark_is_found_again(fate: Callable[[Pixels], Pixels]) -> None:
    found = [watermark.detect(fate(pixels)) for pixels in MARKED]
    assert [mark and mark.version for mark in found] == [watermark.VERSION] * len(MARKED)


def test_nobody_sees_it() -> None:
    for pixels, marked in zip(PICTURES, MARKED, strict=True):
        error = np.mean((marked.astype(float) - pixels) ** 2)
        assert 10 * np.log10(255**2 / error) > 43


def test_no_mark_is_found_where_there_is_none() -> None:
    others = [
        *random_pictures(20, 9, (128, 256, 320)),
        *(photo(320, 200, s) for s in range(20, 40)),
    ]
    assert not any(watermark.detect(pixels) for pixels in [*PICTURES, *others])


def test_a_mark_says_its_version() -> None:
    found = watermark.detect(watermark.embed(PHOTOS[0], 201))
    assert found is not None
    assert found.version == 201
    assert found.agreement > 0.99
