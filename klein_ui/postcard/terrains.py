"""The land: everything from the horizon down."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from klein_ui.postcard.canvas import Canvas, Field, box
from klein_ui.postcard.palette import Colour, Mood, blend

Painter = Callable[[Canvas, Colour, Mood, float, int], None]

_WHITE: Colour = (1.0, 1.0, 1.0)
_BLACK: Colour = (0.0, 0.0, 0.0)


def paint_terrain(
    canvas: Canvas, terrain: str, colour: Colour, mood: Mood, horizon: float, profile: int
) -> None:
    """One kind of land in a colour, under the light of a sky; ``horizon`` is a fraction."""
    _PAINTERS[terrain](canvas, colour, mood, horizon * canvas.tall, profile)


def lit(colour: Colour, mood: Mood, depth: float = 0.0) -> Colour:
    """A ground colour under a sky; ``depth`` 0..1 adds air in front of far things."""
    dark: Colour = (
        colour[0] * mood.brightness, colour[1] * mood.brightness, colour[2] * mood.brightness
    )  # fmt: skip
    return blend(blend(dark, mood.tint, mood.tint_amount), mood.bottom, depth)


def _along(canvas: Canvas, profile: int) -> Field:
    """The horizontal position in 0..1, mirrored by the profile."""
    x = canvas.x / canvas.wide
    return x if profile == 0 else np.asarray(1.0 - x, np.float32)


def _ridge(x: Field, peaks: tuple[tuple[float, float, float], ...]) -> Field:
    """A skyline of triangles (position, height, half width), softly broken."""
    height = np.zeros_like(x)
    for centre, top, half in peaks:
        height = np.maximum(height, top * (1.0 - np.abs(x - centre) / half))
    return np.asarray(np.maximum(height, 0.0) + 0.008 * np.sin(x * 47.0), np.float32)


def _mountains(canvas: Canvas, colour: Colour, mood: Mood, horizon: float, profile: int) -> None:
    x = _along(canvas, profile)
    far = _ridge(x, ((0.10, 0.20, 0.22), (0.52, 0.24, 0.26), (0.90, 0.22, 0.25)))
    near = _ridge(x, ((0.28, 0.33, 0.27), (0.74, 0.23, 0.24), (1.05, 0.20, 0.22)))
    canvas.fill(horizon - far - canvas.y, lit(colour, mood, 0.5))
    sheet = horizon + 0.02 - near - canvas.y
    shade = np.asarray(((x > 0.28) & (x < 0.52)) | (x > 0.74), np.float32)
    canvas.fill(sheet, lit(colour, mood, 0.08))
    facet = canvas.coverage(sheet) * canvas.coverage(
        np.asarray(np.where(x < 0.52, 0.28 - x, 0.74 - x), np.float32), 0.02
    )
    canvas.blend(0.28 * facet * shade, lit(blend(colour, _BLACK, 0.55), mood))
    snowline = horizon - 0.17 + 0.018 * np.sin(x * 60.0)
    snow = canvas.coverage(sheet + 0.004) * canvas.coverage(canvas.y - snowline)
    canvas.blend(0.92 * snow, lit(_WHITE, mood, 0.05))
    _meadow(canvas, blend(colour, _BLACK, 0.30), mood, horizon, profile)


def _meadow(canvas: Canvas, colour: Colour, mood: Mood, horizon: float, profile: int) -> None:
    """The foreground in two gentle swells."""
    x = _along(canvas, profile)
    back = horizon + 0.06 + 0.025 * np.sin(x * 5.0 + 0.6)
    front = canvas.tall - 0.13 + 0.035 * np.sin(x * 4.2 + 2.4)
    canvas.fill(back - canvas.y, lit(colour, mood))
    canvas.fill(front - canvas.y, lit(blend(colour, _BLACK, 0.22), mood))


def _hills(canvas: Canvas, colour: Colour, mood: Mood, horizon: float, profile: int) -> None:
    x = _along(canvas, profile)
    layers = (
        (-0.06, 0.055, 5.5, 0.4, 0.42, 0.0),
        (0.01, 0.060, 6.4, 2.6, 0.14, 0.0),
        (0.12, 0.050, 4.8, 5.0, 0.0, 0.10),
        (0.27, 0.045, 4.0, 1.2, 0.0, 0.24),
    )
    for drop, swell, waves, phase, air, dark in layers:
        crest = horizon + drop - swell * np.sin(x * waves + phase)
        canvas.fill(crest - canvas.y, lit(blend(colour, _BLACK, dark), mood, air))


def _sea(canvas: Canvas, colour: Colour, mood: Mood, horizon: float, profile: int) -> None:
    surface = horizon - canvas.y + 0.0 * canvas.x
    depth = np.clip((canvas.y - horizon) / (canvas.tall - horizon), 0.0, 1.0)[..., None]
    near = np.asarray(lit(blend(colour, _BLACK, 0.18), mood), np.float32)
    far = np.asarray(lit(colour, mood, 0.28), np.float32)
    water = np.broadcast_to(far + (near - far) * depth, canvas.rgb.shape)
    canvas.fill(surface, np.asarray(water, np.float32), line=False)
    canvas.stroke(surface, lit(colour, mood, 0.28))
    x = _along(canvas, profile)
    for row in range(5):
        y = horizon + (canvas.tall - horizon) * (0.12 + 0.19 * row)
        wave = y + 0.010 * np.sin(x * (30.0 - 3.0 * row) + 1.7 * row)
        band = np.abs(canvas.y - wave) - (0.0035 + 0.0018 * row)
        gaps = np.clip(2.2 * np.sin(x * (9.0 - row) + 2.3 * row) + 0.6, 0.0, 1.0)
        canvas.blend(
            0.42 * gaps * canvas.coverage(np.asarray(band, np.float32)),
            lit(blend(colour, _WHITE, 0.75), mood, 0.1),
        )


def _desert(canvas: Canvas, colour: Colour, mood: Mood, horizon: float, profile: int) -> None:
    x = _along(canvas, profile)
    canvas.fill(horizon - 0.02 * np.sin(x * 4.0) - canvas.y, lit(colour, mood, 0.4))
    _pyramid(canvas, colour, mood, horizon, 0.52 if profile == 0 else 0.48)
    dunes = ((0.07, 0.05, 4.6, 0.3, 0.0), (0.17, 0.05, 5.2, 3.4, 0.10), (0.30, 0.04, 4.4, 5.6, 0.2))
    for drop, swell, waves, phase, dark in dunes:
        wave = np.sin(x * waves + phase)
        crest = horizon + drop - swell * (1.0 - np.abs(wave)) * 1.6 + 0.03
        sheet = crest - canvas.y
        canvas.fill(sheet, lit(blend(colour, _BLACK, dark), mood))
        shade = canvas.coverage(sheet) * np.asarray(np.clip(wave * 3.0, 0.0, 1.0), np.float32)
        fade = np.clip(1.0 - (canvas.y - crest) / 0.12, 0.0, 1.0)
        canvas.blend(0.38 * shade * fade, lit(blend(colour, _BLACK, 0.5), mood))


def _pyramid(canvas: Canvas, colour: Colour, mood: Mood, horizon: float, place: float) -> None:
    top, half, base = horizon - 0.13, 0.13, horizon + 0.06
    cx = place * canvas.wide
    slope = (base - top) / half
    body = np.maximum((np.abs(canvas.x - cx) * slope + top - canvas.y) * 0.6, canvas.y - base)
    body = np.asarray(body, np.float32)
    canvas.fill(body, lit(blend(colour, _WHITE, 0.12), mood, 0.12))
    dark = canvas.coverage(body) * canvas.coverage(np.asarray(cx - canvas.x, np.float32))
    canvas.blend(0.45 * dark, lit(blend(colour, _BLACK, 0.5), mood))


_ROOFS = (
    (0.05, 0.16, 0.055), (0.16, 0.27, 0.045), (0.26, 0.19, 0.050), (0.37, 0.34, 0.048),
    (0.48, 0.22, 0.050), (0.59, 0.14, 0.052), (0.69, 0.25, 0.045), (0.80, 0.17, 0.055),
    (0.91, 0.30, 0.048), (1.00, 0.18, 0.045),
)  # fmt: skip


def _city(canvas: Canvas, colour: Colour, mood: Mood, horizon: float, profile: int) -> None:
    base = horizon + 0.10
    glowing = mood.brightness < 0.9
    window: Colour = (1.0, 0.86, 0.45) if glowing else lit(blend(colour, _WHITE, 0.55), mood)
    for x, tall, half in _ROOFS[::2]:
        place = (x + 0.055) if profile == 0 else 1.0 - (x + 0.055)
        body = box(
            canvas, (place * canvas.wide, base - tall * 0.7), (half * canvas.wide, tall * 0.7)
        )
        canvas.fill(body, lit(colour, mood, 0.45))
    for index, (x, tall, half) in enumerate(_ROOFS):
        place = (x if profile == 0 else 1.0 - x) * canvas.wide
        body = box(canvas, (place, base - tall / 2), (half * canvas.wide, tall / 2 + 0.02))
        shade = 0.06 if index % 2 else 0.20
        canvas.fill(body, lit(blend(colour, _BLACK, shade), mood))
        _windows(canvas, body, place, base - tall, window)
    street = base - canvas.y + 0.0 * canvas.x
    canvas.fill(street, lit(blend(colour, _BLACK, 0.42), mood))
    lane = np.abs(canvas.y - (base + canvas.tall) / 2 - 0.02) - 0.008
    dash = np.clip(3.0 * np.sin(canvas.x * 40.0), 0.0, 1.0)
    canvas.blend(0.7 * dash * canvas.coverage(lane), lit(blend(colour, _WHITE, 0.7), mood))


def _windows(canvas: Canvas, body: Field, place: float, top: float, colour: Colour) -> None:
    column = np.abs(np.abs(canvas.x - place) - 0.020) - 0.009
    row = np.abs((canvas.y - top - 0.02) % 0.052 - 0.026) - 0.011
    grid = np.asarray(np.maximum(column, row), np.float32)
    canvas.blend(0.85 * canvas.coverage(grid) * canvas.coverage(body + 0.012), colour)


def _forest(canvas: Canvas, colour: Colour, mood: Mood, horizon: float, profile: int) -> None:
    x = _along(canvas, profile)
    canvas.fill(horizon - 0.11 - 0.02 * np.sin(x * 9.0) - canvas.y, lit(colour, mood, 0.45))
    for drop, tall, count, shift, air, dark in (
        (0.05, 0.23, 9, 0.3, 0.22, 0.0),
        (0.12, 0.19, 7, 0.0, 0.02, 0.12),
    ):
        sheet = _firs(canvas, x, horizon + drop, tall, count, shift)
        canvas.fill(sheet, lit(blend(colour, _BLACK, dark), mood, air))
    _meadow(canvas, blend(colour, _BLACK, 0.34), mood, horizon + 0.03, profile)


def _firs(canvas: Canvas, x: Field, base: float, tall: float, count: int, shift: float) -> Field:
    """A row of firs: each a stack of three skirts."""
    cell = x * count + shift
    index = np.floor(cell)
    inside = np.abs(cell - index - 0.5) * 2.0
    high = tall * (0.78 + 0.22 * np.sin(index * 2.4 + shift))
    level = (base - canvas.y) / high
    skirt = np.clip(1.0 - level, 0.0, 1.0) * 0.75 + 0.30 * (
        np.clip(1.0 - level, 0.0, 1.0) * 3.0 % 1.0
    )
    distance = np.where(level > 0.0, np.maximum(inside - skirt, (level - 1.0) * 2.0), -0.5)
    return np.asarray(distance * 0.06, np.float32)


_PAINTERS: dict[str, Painter] = {
    "mountains": _mountains,
    "hills": _hills,
    "sea": _sea,
    "desert": _desert,
    "city": _city,
    "forest": _forest,
}
