"""The palettes of drawn pictures are known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from klein_ui.palette import Swatch, palette

from .kept import noise

BANDS = {"#1b3a5c": 40, "#e8c547": 25, "#b23a48": 20, "#f4f1de": 10, "#000000": 5}


def drawn(bands: dict[str, int]) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    rows = [
        [list(bytes.fromhex(name[1:]))] * 32 for name, rows in bands.items() for _ in range(rows)
    ]
    return np.array(rows, dtype=np.uint8)


def test_five_bands_are_five_colours_by_their_heights() -> None:
    expected = tuple(Swatch(name, rows / 100) for name, rows in BANDS.items())
    assert palette(drawn(BANDS)) == expected


@given(st.permutations(list(BANDS)))
def test_where_a_colour_lies_does_not_matter(order: list[str]) -> None:
    assert palette(drawn({name: BANDS[name] for name in order})) == palette(drawn(BANDS))


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_a_flat_picture_is_its_colour(rgb: tuple[int, int, int]) -> None:
    pixels = np.full((4, 6, 3), rgb, dtype=np.uint8)
    assert palette(pixels) == (Swatch(f"#{bytes(rgb).hex()}", 1.0),)


def test_a_small_accent_is_a_colour_of_its_own() -> None:
    greys = {f"#{level:02x}{level:02x}{level:02x}": 16 for level in range(96, 160, 8)}
    found = palette(drawn({**greys, "#d00020": 4}))
    assert "#d00020" in [swatch.hex for swatch in found]


def test_shares_add_up_and_come_largest_first() -> None:
    found = palette(noise(1, 128, 96))
    shares = [swatch.share for swatch in found]
    assert len(found) == 5
    assert sum(shares) == pytest.approx(1)
    assert shares == sorted(shares, reverse=True)
    assert found == palette(noise(1, 128, 96).copy())


def test_no_pixels_are_refused() -> None:
    with pytest.raises(ValueError, match="needs pixels"):
        palette(np.zeros((0, 4, 3), dtype=np.uint8))
