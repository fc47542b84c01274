"""Which attributes a picture shows, judged from its pixels alone.

For each attribute the renderer draws every value it could have, all else as asked, in every
composition; the drawing nearest to the picture wins. No trained model is involved.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image

from klein_ui.postcard.layouts import BITS, layout_of
from klein_ui.postcard.scenes import ATTRIBUTE_VALUES, NONE, Scene, render

JUDGED_SIZE = 64
COLOURLESS_STYLES = ("monochrome", "line drawing", "neon")

Small = npt.NDArray[np.float32]


def shrink(picture: Image.Image | npt.NDArray[np.uint8]) -> Small:
    """A picture as float32 (64, 64, 3) in 0..1."""
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    small = image.convert("RGB").resize((JUDGED_SIZE, JUDGED_SIZE), Image.Resampling.BOX)
    return np.asarray(np.asarray(small, np.float32) / 255, np.float32)


@lru_cache(maxsize=4096)
def _drawn(scene: Scene, composition: int) -> Small:
    bits = [bool(composition >> k & 1) for k in range(BITS)]
    # Twice the size and then shrunk, so that fine lines come out as in a shrunk big picture.
    side = 2 * JUDGED_SIZE
    return shrink(render(scene, layout_of(bits), side, side))


def composition_of(picture: Small, scene: Scene) -> int:
    """The composition (bits as a number) whose drawing of the scene is nearest."""
    return int(np.argmin([_distance(picture, _drawn(scene, c)) for c in range(2**BITS)]))


def judge(picture: Small, scene: Scene, attribute: str) -> str:
    """The value of an attribute that a picture shows, given the rest of what was asked."""
    composition = composition_of(picture, scene)
    values = ATTRIBUTE_VALUES[attribute]
    distances = [
        _distance(picture, _drawn(replace(scene, **{attribute: value}), composition))
        for value in values
    ]
    return values[int(np.argmin(distances))]


def applies(scene: Scene, attribute: str) -> bool:
    """Whether an attribute can be seen at all: no colour without its thing, or in ink."""
    if not attribute.endswith("_colour"):
        return True
    if scene.style in COLOURLESS_STYLES:
        return False
    return bool(getattr(scene, attribute.removesuffix("_colour")) != NONE)


def _distance(a: Small, b: Small) -> float:
    return float(np.square(a - b).sum())
