"""Pictures in a row as a clip, an animated WebP or GIF, or as a strip, one picture.

Pillow writes both kinds of clip; MP4 would need ffmpeg, which the app does without. A clip is
bounded: of many pictures it shows some, evenly chosen with the first and the last among them, and
it gets smaller until it fits into its bytes.
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

import numpy as np
from PIL import Image, ImageOps

from klein_ui.contract import Pixels

MAX_STRIP_SIDE = 16_383
"""The longest side that every browser draws, and that WebP can hold."""
SMALLEST_SIDE = 64
SHRINK = 0.75
PAPER = (24, 24, 27)
"""What lies around pictures of another shape."""

_FORMATS = ("JPEG", "PNG", "WEBP")

Picture = TypeVar("Picture")


class Kind(StrEnum):
    """The kinds of clip; WebP is smaller and has all colours, GIF plays everywhere."""

    WEBP = "webp"
    GIF = "gif"


@dataclass(frozen=True, slots=True)
class Limits:
    """A clip's most pictures, longer side in pixels, and bytes."""

    pictures: int = 120
    side: int = 512
    max_bytes: int = 8 * 2**20


def clip(
    pictures: Sequence[bytes],
    kind: Kind,
    limits: Limits | None = None,
    *,
    frame_ms: int = 120,
    rest_ms: int = 1200,
    mark: Callable[[Pixels], Pixels] | None = None,
) -> bytes:
    """The encoded `pictures`, JPEG, PNG or WebP, as a clip that repeats for ever.

    Each is shown for `frame_ms`, the last for `rest_ms`. The clip has the shape of the last
    picture; those of another are laid on dark paper. Only one is decoded at full size at a time.
    `mark` is asked for each as it is shown, at its last size.
    Raises `ValueError` without pictures, or where even the smallest clip has too many bytes.
    """
    within = limits or Limits()
    shown = chosen(pictures, within.pictures)
    frames = _fitted(shown, within.side)
    durations = [frame_ms] * (len(frames) - 1) + [rest_ms]
    while True:
        marked = frames if mark is None else [Image.fromarray(mark(np.array(f))) for f in frames]
        data = _encoded(marked, kind, durations)
        if len(data) <= within.max_bytes:
            return data
        size = tuple(max(1, round(side * SHRINK)) for side in frames[0].size)
        if max(size) < SMALLEST_SIDE:
            raise ValueError("the clip does not fit into its bytes; give it fewer pictures")
        frames = [frame.resize((size[0], size[1])) for frame in frames]


def strip(pictures: Sequence[bytes], height: int = 256, gap: int = 8) -> Pixels:
    """The encoded `pictures` side by side, each `height` pixels high, `gap` pixels apart.

    Where that is too wide for a picture all are made smaller. Raises `ValueError` without pictures,
    or with more than fit at one pixel each.
    """
    if not pictures:
        raise ValueError("a strip needs pictures")
    room = MAX_STRIP_SIDE - gap * (len(pictures) - 1)
    if room < len(pictures):
        raise ValueError("a strip holds fewer pictures; give it some of them")
    images = [_at_height(data, height) for data in pictures]
    width = sum(image.width for image in images)
    if width > room:
        # Rounded down, so that the sum cannot be too wide again.
        height = max(1, height * room // width)
        images = [image.resize((max(1, image.width * room // width), height)) for image in images]
    whole = sum(image.width for image in images) + gap * (len(images) - 1)
    sheet, left = Image.new("RGB", (whole, height), PAPER), 0
    for image in images:
        sheet.paste(image, (left, 0))
        left += image.width + gap
    return np.array(sheet)


def chosen(pictures: Sequence[Picture], most: int) -> list[Picture]:
    """At most so many of `pictures` or of their names, evenly, the last among them, and the first
    where there is room for two. Raises `ValueError` without pictures."""
    if not pictures or most < 1:
        raise ValueError("a clip needs pictures")
    if len(pictures) <= most:
        return list(pictures)
    if most == 1:
        return [pictures[-1]]
    last = len(pictures) - 1
    return [pictures[last * number // (most - 1)] for number in range(most)]


def _fitted(pictures: Sequence[bytes], side: int) -> list[Image.Image]:
    """All of them at one size: that of the last picture, its longer side at most `side`."""
    final = _opened(pictures[-1])
    final.thumbnail((side, side))
    frames = [_laid(_opened(data), final.size) for data in pictures[:-1]]
    return [*frames, final]


def _laid(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    # Drafts are rounded to the model's grid, so their shape is nearly that of their picture.
    if abs(image.width * size[1] - image.height * size[0]) <= 0.1 * image.width * size[1]:
        return image.resize(size, Image.Resampling.LANCZOS)
    return ImageOps.pad(image, size, Image.Resampling.LANCZOS, color=PAPER)


def _at_height(data: bytes, height: int) -> Image.Image:
    image = _opened(data)
    width = max(1, round(image.width * height / image.height))
    return image.resize((width, height), Image.Resampling.LANCZOS)


def _opened(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
        return image.convert("RGB")


def _encoded(frames: list[Image.Image], kind: Kind, durations: list[int]) -> bytes:
    out = io.BytesIO()
    rest = frames[1:]
    if kind is Kind.GIF:
        # Pillow would fold equal neighbours into one, whose time it adds up; so it may.
        frames[0].save(
            out, "GIF", save_all=True, append_images=rest, duration=durations, loop=0, disposal=1
        )
    else:
        frames[0].save(
            out,
            "WEBP",
            save_all=True,
            append_images=rest,
            duration=durations,
            loop=0,
            quality=80,
            method=2,
        )
    return out.getvalue()
