"""The one thing in the foreground."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from klein_ui.postcard.canvas import Canvas, Field, box, disc, polygon
from klein_ui.postcard.palette import Colour, Mood, blend, from_hex

Painter = Callable[[Canvas, Colour, float, float], None]

OBJECT_HEIGHT = 0.76
"""How far down the object stands, as a fraction of the picture."""

_WHITE: Colour = (1.0, 1.0, 1.0)
_BLACK: Colour = (0.0, 0.0, 0.0)
_WOOD = from_hex("#6b4630")


def paint_object(
    canvas: Canvas, name: str, colour: Colour, mood: Mood, place: tuple[float, float]
) -> None:
    """One object, about a third of the shorter side tall, centred at a place in fractions."""
    x, y = canvas.at(*place)
    y = min(y, canvas.tall - 0.20)
    shade = 0.18 * (1.0 - mood.brightness)
    if name not in ("balloon", "heart", "star"):
        _shadow(canvas, x, y + 0.150)
    _PAINTERS[name](canvas, blend(colour, mood.tint, shade), x, y)


def _shadow(canvas: Canvas, x: float, y: float) -> None:
    flat = np.hypot((canvas.x - x) / 0.17, (canvas.y - y) / 0.028) - 1.0
    canvas.blend(0.30 * canvas.coverage(np.asarray(flat * 0.03, np.float32), 0.02), _BLACK)


def _house(canvas: Canvas, colour: Colour, x: float, y: float) -> None:
    canvas.fill(box(canvas, (x + 0.075, y - 0.115), (0.020, 0.055)), blend(colour, _BLACK, 0.5))
    canvas.fill(box(canvas, (x, y + 0.06), (0.125, 0.09)), colour)
    roof = [(x - 0.165, y - 0.022), (x, y - 0.165), (x + 0.165, y - 0.022)]
    canvas.fill(polygon(canvas, roof), blend(colour, (0.45, 0.12, 0.10), 0.62))
    canvas.fill(box(canvas, (x - 0.045, y + 0.095), (0.028, 0.055)), _WOOD)
    canvas.fill(box(canvas, (x + 0.055, y + 0.055), (0.030, 0.028)), (1.0, 0.88, 0.50))


def _boat(canvas: Canvas, colour: Colour, x: float, y: float) -> None:
    canvas.fill(box(canvas, (x, y - 0.02), (0.008, 0.15)), _WOOD, line=False)
    big = [(x + 0.012, y - 0.165), (x + 0.135, y + 0.055), (x + 0.012, y + 0.055)]
    canvas.fill(polygon(canvas, big), from_hex("#fbf6ea"))
    small = [(x - 0.014, y - 0.115), (x - 0.014, y + 0.055), (x - 0.105, y + 0.055)]
    canvas.fill(polygon(canvas, small), blend(from_hex("#fbf6ea"), colour, 0.30))
    hull = [
        (x - 0.17, y + 0.07),
        (x + 0.17, y + 0.07),
        (x + 0.115, y + 0.15),
        (x - 0.115, y + 0.15),
    ]
    canvas.fill(polygon(canvas, hull), colour)


def _tree(canvas: Canvas, colour: Colour, x: float, y: float) -> None:
    canvas.fill(box(canvas, (x, y + 0.09), (0.022, 0.07)), _WOOD)
    crown = np.minimum(
        disc(canvas, (x, y - 0.075), 0.098),
        np.minimum(
            disc(canvas, (x - 0.075, y + 0.002), 0.078), disc(canvas, (x + 0.075, y + 0.002), 0.078)
        ),
    )
    canvas.fill(np.asarray(crown, np.float32), colour)
    light = canvas.coverage(disc(canvas, (x - 0.035, y - 0.085), 0.045), 0.03)
    canvas.blend(0.30 * light, blend(colour, _WHITE, 0.6))


def _heart(canvas: Canvas, colour: Colour, x: float, y: float) -> None:
    canvas.fill(_heart_distance(canvas, x, y - 0.01), colour)
    shine = canvas.coverage(disc(canvas, (x - 0.068, y - 0.070), 0.026), 0.02)
    canvas.blend(0.55 * shine, _WHITE)


def _heart_distance(canvas: Canvas, x: float, y: float) -> Field:
    """Two discs and the wedge between the lines that touch them below."""
    r, cx, cy = 0.090, 0.074, -0.050
    lobes = np.minimum(disc(canvas, (x - cx, y + cy), r), disc(canvas, (x + cx, y + cy), r))
    dx, dy = np.abs(canvas.x - x) - cx, canvas.y - y - cy
    wedge = np.maximum((dx + dy) * 0.7071 - r, np.maximum((dx - dy) * 0.7071, -dy))
    return np.asarray(np.minimum(lobes, wedge), np.float32)


def _star(canvas: Canvas, colour: Colour, x: float, y: float) -> None:
    dx, dy = canvas.x - x, canvas.y - y
    fold = np.pi / 5
    angle = (np.arctan2(dx, -dy) + fold) % (2 * fold) - fold
    radius = np.hypot(dx, dy)
    px, py = radius * np.abs(np.sin(angle)), radius * np.cos(angle)
    outer, inner = 0.170, 0.074
    ix, iy = inner * np.sin(fold), inner * np.cos(fold)
    length = np.hypot(ix, outer - iy)
    distance = (px * (outer - iy) + (py - outer) * ix) / length
    canvas.fill(np.asarray(distance, np.float32), colour)
    core = canvas.coverage(disc(canvas, (x, y), 0.035), 0.05)
    canvas.blend(0.4 * core, blend(colour, _WHITE, 0.8))


def _cube(canvas: Canvas, colour: Colour, x: float, y: float) -> None:
    w, h, t = 0.135, 0.155, 0.078
    top = [(x - w, y - t), (x, y - 2 * t), (x + w, y - t), (x, y)]
    left = [(x - w, y - t), (x, y), (x, y + h), (x - w, y + h - t)]
    right = [(x, y), (x + w, y - t), (x + w, y + h - t), (x, y + h)]
    canvas.fill(polygon(canvas, left), blend(colour, _BLACK, 0.12))
    canvas.fill(polygon(canvas, right), blend(colour, _BLACK, 0.38))
    canvas.fill(polygon(canvas, top), blend(colour, _WHITE, 0.35))


def _balloon(canvas: Canvas, colour: Colour, x: float, y: float) -> None:
    y -= 0.07
    basket = box(canvas, (x, y + 0.190), (0.032, 0.024), 0.006)
    for side in (-1.0, 1.0):
        rope = np.abs(canvas.x - x - side * (0.026 + (y + 0.17 - canvas.y) * 0.45)) - 0.004
        rope = np.maximum(rope, np.abs(canvas.y - y - 0.13) - 0.045)
        canvas.fill(np.asarray(rope, np.float32), _WOOD, line=False)
    skin = np.minimum(
        disc(canvas, (x, y), 0.125), (np.abs(canvas.x - x) - (0.225 - canvas.y + y) * 0.62) * 0.85
    )
    skin = np.maximum(np.maximum(skin, canvas.y - y - 0.125), disc(canvas, (x, y), 0.165))
    skin = np.where(canvas.y < y + 0.06, disc(canvas, (x, y), 0.125), skin)
    canvas.fill(np.asarray(skin, np.float32), colour)
    stripe = np.abs(np.hypot((canvas.x - x) / 0.5, canvas.y - y) - 0.01) - 0.11
    inside = canvas.coverage(np.asarray(np.maximum(stripe, skin + 0.004), np.float32))
    canvas.blend(0.45 * inside, blend(colour, _WHITE, 0.75))
    canvas.fill(basket, _WOOD)


_PAINTERS: dict[str, Painter] = {
    "house": _house,
    "boat": _boat,
    "tree": _tree,
    "heart": _heart,
    "star": _star,
    "cube": _cube,
    "balloon": _balloon,
}
