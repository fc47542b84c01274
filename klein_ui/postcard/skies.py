"""The sky and its light."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from klein_ui.postcard.canvas import Canvas, Field, disc
from klein_ui.postcard.palette import Colour, Mood, blend, from_hex

_STARS = (
    (0.08, 0.10, 1.0), (0.19, 0.42, 0.7), (0.33, 0.07, 0.8), (0.42, 0.27, 1.0), (0.50, 0.12, 0.7),
    (0.57, 0.38, 0.8), (0.63, 0.06, 1.0), (0.86, 0.40, 0.9), (0.93, 0.12, 0.8), (0.06, 0.30, 0.8),
    (0.48, 0.46, 0.6), (0.95, 0.28, 0.6),
)  # fmt: skip

_CLOUDS: dict[str, tuple[tuple[float, float, float, float], ...]] = {
    "day": ((0.47, 0.13, 0.14, 0.95), (0.10, 0.40, 0.11, 0.9), (0.92, 0.42, 0.12, 0.9)),
    "dawn": ((0.50, 0.38, 0.17, 0.55), (0.08, 0.33, 0.12, 0.5)),
    "sunset": ((0.50, 0.16, 0.18, 0.5), (0.08, 0.42, 0.14, 0.5), (0.95, 0.40, 0.12, 0.5)),
    "storm": (
        (0.10, 0.06, 0.22, 0.9), (0.45, 0.02, 0.24, 0.9), (0.82, 0.07, 0.24, 0.9),
        (0.28, 0.17, 0.16, 0.8), (0.66, 0.19, 0.17, 0.8),
    ),
}  # fmt: skip

_CLOUD_COLOURS: dict[str, Colour] = {
    "day": from_hex("#ffffff"),
    "dawn": from_hex("#fff0e8"),
    "sunset": from_hex("#7d2f58"),
    "storm": from_hex("#1e2328"),
}


def paint_sky(canvas: Canvas, sky: str, mood: Mood, horizon: float) -> None:
    """The gradient from zenith to horizon, then stars, clouds, lightning or mist."""
    depth = np.clip(canvas.y / (horizon * canvas.tall), 0.0, 1.0)
    top, middle, bottom = (np.asarray(c, np.float32) for c in (mood.top, mood.middle, mood.bottom))
    upper = np.clip(depth / 0.55, 0.0, 1.0)[..., None]
    lower = np.clip((depth - 0.55) / 0.45, 0.0, 1.0)[..., None]
    column = top + (middle - top) * upper + (bottom - middle) * lower
    canvas.rgb[:] = column
    if sky == "night":
        _stars(canvas, horizon)
    _clouds(canvas, sky)
    if sky == "storm":
        _lightning(canvas)


def paint_light(
    canvas: Canvas, light: str, colour: Colour, place: tuple[float, float], sky: str
) -> None:
    """A sun with rays of glow, or a crescent moon, at a place in fractions of the picture."""
    centre = canvas.at(*place)
    away = disc(canvas, centre, 0.0)
    dim = 0.5 if sky in ("storm", "fog") else 1.0
    if light == "sun":
        canvas.blend(0.62 * dim * np.exp(-np.maximum(away - 0.10, 0.0) / 0.09), colour)
        canvas.fill(away - 0.115, colour)
        canvas.blend(0.35 * canvas.coverage(away - 0.075, 0.05), blend(colour, (1, 1, 1), 0.7))
        return
    canvas.blend(0.34 * dim * np.exp(-np.maximum(away - 0.10, 0.0) / 0.07), colour)
    bite = disc(canvas, (centre[0] + 0.062, centre[1] - 0.035), 0.098)
    canvas.fill(np.maximum(away - 0.118, -bite), colour)


def _stars(canvas: Canvas, horizon: float) -> None:
    for x, y, size in _STARS:
        centre = canvas.at(x, y * horizon / 0.5)
        distance = disc(canvas, centre, 0.0065 * size)
        canvas.blend(0.9 * canvas.coverage(distance, 0.008), (0.95, 0.95, 0.85))


def _clouds(canvas: Canvas, sky: str) -> None:
    for x, y, size, opacity in _CLOUDS.get(sky, ()):
        canvas.blend(
            opacity * canvas.coverage(_cloud(canvas, x, y, size), 0.03), _CLOUD_COLOURS[sky]
        )


def _cloud(canvas: Canvas, x: float, y: float, size: float) -> Field:
    """Three puffs on a flat base."""
    cx, cy = canvas.at(x, y)
    puffs = np.minimum(
        disc(canvas, (cx, cy - 0.10 * size), 0.36 * size),
        np.minimum(
            disc(canvas, (cx - 0.42 * size, cy), 0.26 * size),
            disc(canvas, (cx + 0.45 * size, cy), 0.24 * size),
        ),
    )
    return np.asarray(np.maximum(puffs, canvas.y - (cy + 0.13 * size)), np.float32)


def _lightning(canvas: Canvas) -> None:
    points = [(0.50, 0.22), (0.455, 0.34), (0.515, 0.36), (0.47, 0.52)]
    bolt = np.full(canvas.ink.shape, 1e3, np.float32)
    for start, end in pairwise(points):
        (ax, ay), (bx, by) = canvas.at(*start), canvas.at(*end)
        dx, dy = bx - ax, by - ay
        along = np.clip(((canvas.x - ax) * dx + (canvas.y - ay) * dy) / (dx * dx + dy * dy), 0, 1)
        bolt = np.minimum(bolt, np.hypot(canvas.x - ax - along * dx, canvas.y - ay - along * dy))
    canvas.blend(0.35 * np.exp(-bolt / 0.035), (0.85, 0.9, 1.0))
    canvas.fill(bolt - 0.007, (1.0, 0.97, 0.72), line=False)
