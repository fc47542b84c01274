"""The colours of a picture: a few that stand for all, by how much of it they cover.

Colours are clustered in Oklab, where distances are about as large as they look. Nothing is drawn
by chance: the first centre is the commonest colour, each next one the colour that the most of the
picture is furthest from, so the same pixels always have the same palette.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from klein_ui.contract import Pixels

COLOURS = 5
ROUNDS = 32
"""Rounds of refining the centres; most pictures settle after ten."""

Floats = NDArray[np.float64]

# Oklab by Björn Ottosson: linear sRGB to the cones, and their cube roots to lightness and colour.
_TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
_TO_RGB, _FROM_LAB = np.linalg.inv(_TO_CONES), np.linalg.inv(_TO_LAB)


@dataclass(frozen=True, slots=True)
class Swatch:
    """A colour as "#rrggbb" in lower case, and the `share` of the picture it stands for, 0 to 1."""

    hex: str
    share: float


def palette(pixels: Pixels, colours: int = COLOURS) -> tuple[Swatch, ...]:
    """At most so many colours of `pixels`, the largest share first; fewer where there are fewer.

    The shares add up to 1. Raises `ValueError` for a picture without pixels.
    """
    if pixels.size == 0 or colours < 1:
        raise ValueError("a palette needs pixels, and at least one colour")
    rgb, counts = _histogram(pixels)
    points = _lab(rgb)
    centres = _first_centres(points, counts, colours)
    nearest = _nearest(points, centres)
    for _ in range(ROUNDS):
        centres = _means(points, counts, nearest, len(centres))
        before, nearest = nearest, _nearest(points, centres)
        if np.array_equal(before, nearest):
            break
    shares = np.bincount(nearest, counts, len(centres)) / counts.sum()
    found = [
        Swatch(_hex(centre), float(share)) for centre, share in zip(centres, shares, strict=True)
    ]
    return tuple(
        sorted((one for one in found if one.share > 0), key=lambda one: (-one.share, one.hex))
    )


def _histogram(pixels: Pixels) -> tuple[Floats, Floats]:
    """Mean colours, shape (bins, 3), 0 to 255, and pixels of each bin of 8 by 8 by 8 levels."""
    flat = pixels.reshape(-1, 3)
    coarse = (flat >> 3).astype(np.int64)
    bins = (coarse[:, 0] << 10) | (coarse[:, 1] << 5) | coarse[:, 2]
    counts = np.bincount(bins, minlength=2**15).astype(np.float64)
    sums = np.stack([np.bincount(bins, flat[:, k], 2**15) for k in range(3)], axis=1)
    filled = counts > 0
    return sums[filled] / counts[filled, None], counts[filled]


def _first_centres(points: Floats, counts: Floats, colours: int) -> Floats:
    chosen = [int(counts.argmax())]
    distances = ((points - points[chosen[0]]) ** 2).sum(axis=1)
    while len(chosen) < min(colours, len(points)):
        chosen.append(int((counts * distances).argmax()))
        distances = np.minimum(distances, ((points - points[chosen[-1]]) ** 2).sum(axis=1))
    return points[chosen]


def _nearest(points: Floats, centres: Floats) -> NDArray[np.intp]:
    distances = ((points[:, None] - centres[None]) ** 2).sum(axis=2)
    nearest: NDArray[np.intp] = distances.argmin(axis=1)
    return nearest


def _means(points: Floats, counts: Floats, nearest: NDArray[np.intp], centres: int) -> Floats:
    weights = np.bincount(nearest, counts, centres)
    sums = np.stack(
        [np.bincount(nearest, counts * points[:, k], centres) for k in range(3)], axis=1
    )
    means: Floats = sums / np.maximum(weights, 1.0)[:, None]
    return means


def _lab(rgb: Floats) -> Floats:
    level = rgb / 255
    linear = np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)
    lab: Floats = np.cbrt(linear @ _TO_CONES.T) @ _TO_LAB.T
    return lab


def _hex(lab: Floats) -> str:
    linear = np.clip((lab @ _FROM_LAB.T) ** 3 @ _TO_RGB.T, 0, 1)
    level = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    red, green, blue = (round(float(one) * 255) for one in level)
    return f"#{red:02x}{green:02x}{blue:02x}"
