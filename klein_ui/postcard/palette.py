"""Named colours and the colour moods of the skies. All colours are sRGB triples in 0..1."""

from __future__ import annotations

from dataclasses import dataclass

Colour = tuple[float, float, float]


def from_hex(code: str) -> Colour:
    """``"#rrggbb"`` as an sRGB triple in 0..1."""
    return (int(code[1:3], 16) / 255, int(code[3:5], 16) / 255, int(code[5:7], 16) / 255)


def blend(a: Colour, b: Colour, amount: float) -> Colour:
    """Linear mix in sRGB: ``amount`` 0 gives ``a``, 1 gives ``b``."""
    return (
        a[0] + (b[0] - a[0]) * amount,
        a[1] + (b[1] - a[1]) * amount,
        a[2] + (b[2] - a[2]) * amount,
    )


@dataclass(frozen=True)
class Mood:
    """The colours of one sky.

    Attributes:
        top, middle, bottom: the gradient from the zenith down to the horizon.
        tint, tint_amount: what the air adds to everything on the ground.
        brightness: factor on the colours of the ground.
    """

    top: Colour
    middle: Colour
    bottom: Colour
    tint: Colour
    tint_amount: float
    brightness: float


SKY_MOODS: dict[str, Mood] = {
    "day": Mood(
        from_hex("#3d8fe0"), from_hex("#7fbcf0"), from_hex("#d4ecfb"),
        from_hex("#cfe6f7"), 0.06, 1.0,
    ),
    "dawn": Mood(
        from_hex("#8d8fd6"), from_hex("#f0b6c8"), from_hex("#fdeccb"),
        from_hex("#f6c9cf"), 0.14, 0.94,
    ),
    "sunset": Mood(
        from_hex("#4b2a6b"), from_hex("#d8473f"), from_hex("#ffb144"),
        from_hex("#e0603a"), 0.16, 0.84,
    ),
    "night": Mood(
        from_hex("#070b26"), from_hex("#131c4a"), from_hex("#2b3a78"),
        from_hex("#16204f"), 0.30, 0.66,
    ),
    "storm": Mood(
        from_hex("#2b3138"), from_hex("#4d565e"), from_hex("#7c868b"),
        from_hex("#59636b"), 0.22, 0.72,
    ),
    "fog": Mood(
        from_hex("#b9c0c4"), from_hex("#d3d7d8"), from_hex("#eceae4"),
        from_hex("#dcdedd"), 0.34, 1.0,
    ),
}  # fmt: skip

NAMED_COLOURS: dict[str, Colour] = {
    "red": from_hex("#e0312f"),
    "orange": from_hex("#f58a1f"),
    "yellow": from_hex("#f7d42c"),
    "green": from_hex("#37a84a"),
    "blue": from_hex("#2f63d8"),
    "purple": from_hex("#8a3fc0"),
    "pink": from_hex("#f47ab5"),
    "white": from_hex("#f6f4ee"),
}

TERRAIN_COLOURS: dict[str, Colour] = {
    "mountains": from_hex("#6f7f96"),
    "hills": from_hex("#6fae4e"),
    "sea": from_hex("#1f7fa8"),
    "desert": from_hex("#dba866"),
    "city": from_hex("#6d6a7d"),
    "forest": from_hex("#1f5a3c"),
}

LIGHT_COLOURS: dict[str, Colour] = {
    "sun": from_hex("#ffe07a"),
    "moon": from_hex("#f2efdc"),
}

OBJECT_COLOURS: dict[str, Colour] = {
    "house": from_hex("#efe0c4"),
    "boat": from_hex("#b5462f"),
    "tree": from_hex("#3f9142"),
    "heart": from_hex("#e5345a"),
    "star": from_hex("#f9cf3b"),
    "cube": from_hex("#4aa6c9"),
    "balloon": from_hex("#ef6a43"),
}

INK = from_hex("#2a2633")
PAPER = from_hex("#f7f3e9")
