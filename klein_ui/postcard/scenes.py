"""What a postcard shows: the attributes, the composition, and its picture.

A :class:`Scene` holds what words can say, a :class:`Layout` what the seed decides. Together with
a size they determine every pixel; there is no other source of chance.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from klein_ui.postcard.canvas import Canvas
from klein_ui.postcard.objects import OBJECT_HEIGHT, paint_object
from klein_ui.postcard.palette import (
    LIGHT_COLOURS,
    NAMED_COLOURS,
    OBJECT_COLOURS,
    SKY_MOODS,
    TERRAIN_COLOURS,
)
from klein_ui.postcard.skies import paint_light, paint_sky
from klein_ui.postcard.styles import CONTOUR_STYLES, STYLES, apply_style
from klein_ui.postcard.terrains import paint_terrain

NATURAL = "natural"
NONE = "none"

ATTRIBUTE_VALUES: dict[str, tuple[str, ...]] = {
    "sky": tuple(SKY_MOODS),
    "light": (NONE, *LIGHT_COLOURS),
    "light_colour": (NATURAL, *NAMED_COLOURS),
    "terrain": tuple(TERRAIN_COLOURS),
    "terrain_colour": (NATURAL, *NAMED_COLOURS),
    "object": (NONE, *OBJECT_COLOURS),
    "object_colour": (NATURAL, *NAMED_COLOURS),
    "style": STYLES,
}


@dataclass(frozen=True)
class Scene:
    """What the words of a prompt decide; each field takes a value of ``ATTRIBUTE_VALUES``."""

    sky: str = "day"
    light: str = "sun"
    light_colour: str = NATURAL
    terrain: str = "hills"
    terrain_colour: str = NATURAL
    object: str = NONE
    object_colour: str = NATURAL
    style: str = "flat"

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value not in ATTRIBUTE_VALUES[field.name]:
                raise ValueError(f"{field.name} has no value {value!r}")


@dataclass(frozen=True)
class Layout:
    """What the seed decides. Positions are fractions of the picture, y downwards.

    Attributes:
        light_x, light_y: centre of the sun or moon.
        object_x: centre of the object.
        horizon: height of the horizon.
        profile: which shape of ridges, waves or roofs (0 or 1).
    """

    light_x: float
    light_y: float
    object_x: float
    horizon: float
    profile: int


def layout_of_bits(light_right: bool, object_right: bool, profile: bool) -> Layout:
    """One of the eight compositions."""
    same_side = light_right == object_right
    return Layout(
        light_x=0.73 if light_right else 0.27,
        light_y=0.20 if same_side else 0.25,
        object_x=0.70 if object_right else 0.30,
        horizon=0.66 if profile else 0.58,
        profile=int(profile),
    )


def render(scene: Scene, layout: Layout, width: int, height: int) -> npt.NDArray[np.uint8]:
    """The picture as uint8 sRGB of shape (height, width, 3)."""
    canvas = Canvas(width, height, contours=scene.style in CONTOUR_STYLES)
    mood = SKY_MOODS[scene.sky]
    paint_sky(canvas, scene.sky, mood, layout.horizon)
    if scene.light != NONE:
        colour = NAMED_COLOURS.get(scene.light_colour, LIGHT_COLOURS[scene.light])
        paint_light(canvas, scene.light, colour, (layout.light_x, layout.light_y), scene.sky)
    ground = NAMED_COLOURS.get(scene.terrain_colour, TERRAIN_COLOURS[scene.terrain])
    paint_terrain(canvas, scene.terrain, ground, mood, layout.horizon, layout.profile)
    if scene.object != NONE:
        colour = NAMED_COLOURS.get(scene.object_colour, OBJECT_COLOURS[scene.object])
        paint_object(canvas, scene.object, colour, mood, (layout.object_x, OBJECT_HEIGHT))
    pixels = apply_style(canvas, scene.style)
    return np.asarray(np.clip(pixels, 0.0, 1.0) * 255.0 + 0.5, dtype=np.uint8)
