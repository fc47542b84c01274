"""What an edit changed, and how what it should not have touched comes back."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter, ImageOps

from klein_ui.contract import Pixels

Heat = NDArray[np.float32]
"""How much each place changed, shape (height, width), 0 to 1."""

BILINEAR = Image.Resampling.BILINEAR

FINE_PX = 2
"""The difference is averaged over so many pixels before its size is taken: noise cancels out."""
COARSE_PX = 4
"""The change is known for blocks of this side, and smooth between them."""

QUIET_LEAST = 0.03
QUIET_MOST = 0.08
QUIET_MEDIANS = 3.0

EDGE_PART = 0.015
EDGE_LEAST_PX = 2
SOLID = 255

HEAT_LEAST, HEAT_MOST = 0.03, 0.5
FAINT, STRONG = (255, 120, 200), (208, 0, 112)
MOST_ALPHA = 220


def fitted(pixels: Pixels, width: int, height: int) -> Pixels:
    """`pixels` scaled and cropped about the middle to fill exactly `width` × `height` pixels."""
    if pixels.shape[:2] == (height, width):
        return pixels
    picture = ImageOps.fit(Image.fromarray(pixels), (width, height), Image.Resampling.LANCZOS)
    return np.array(picture)


def within(pixels: Pixels, side: int) -> Pixels:
    """`pixels`, with or without alpha, at most `side` on the longer side; never enlarged."""
    picture = Image.fromarray(pixels)
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    return np.array(picture)


def change(original: Pixels, result: Pixels) -> Heat:
    """How much each place of `result` differs from `original`, fitted to it.

    With d the difference of two pixels, 0 to 1 in sRGB as shown (so that equal steps look about
    equal), averaged over 2 × 2 pixels, in opponent colours:

        light = 0.30 d_red + 0.59 d_green + 0.11 d_blue
        warm  = (d_red - d_green) / 2
        sun   = (d_red + d_green) / 4 - d_blue / 2

    the change is the length of (light, warm, sun) averaged over blocks of 4 × 4 pixels, cut at
    1, and smooth between the blocks. From black to white is 1. The averages keep the fine noise of
    the model's decoder from sparkling.
    """
    height, width = result.shape[:2]
    return np.array(_spread(Image.fromarray(_blocks(original, result)), width, height))


def locked(original: Pixels, result: Pixels) -> Pixels:
    """`result` where it changed, the very pixels of `original` where it hardly did.

    Reading an image into the model and back costs a little everywhere. How little is told by the
    median change, as most edits leave most of a picture alone: up to three times that, but never
    less than 0.03 or more than 0.08, is no change, twice as much is one, and between the two the
    pictures blend. The bounds hold the line for an edit of nearly nothing or of nearly all. The
    mask is widened by a block, so that soft edges of a change are part of it.
    """
    height, width = result.shape[:2]
    original = fitted(original, width, height)
    blocks = _blocks(original, result)
    quiet = np.clip(QUIET_MEDIANS * np.median(blocks), QUIET_LEAST, QUIET_MOST)
    shares = _eased((blocks - quiet) / quiet)
    weights = Image.fromarray(np.rint(shares * SOLID).astype(np.uint8))
    wider = weights.filter(ImageFilter.MaxFilter(3))
    return _blended(original, result, _spread(wider, width, height))


def composited(original: Pixels, result: Pixels, mask: Pixels) -> Pixels:
    """`result` where `mask` is white, exactly the pixels of `original` where it is below 128.

    `original` and `mask`, of any size, are fitted to `result`. The soft edge lies wholly inside of
    the mask: it is 1.5 % of the shorter side wide, at least 2 pixels. Deeper than that it is
    `result`. The edge of the picture is no edge of the mask.
    """
    height, width = result.shape[:2]
    light = Image.fromarray(mask).convert("L")
    inside = fitted(np.asarray(light), width, height) >= 128
    edge_px = max(EDGE_LEAST_PX, round(EDGE_PART * min(width, height)))
    ramp = np.rint(_eased(np.arange(256) / edge_px) * SOLID)
    weights = Image.fromarray(_depth(inside, edge_px)).point(ramp.astype(int).tolist())
    return _blended(fitted(original, width, height), result, weights)


def heat_map(heat: Heat) -> Pixels:
    """A picture (height, width, 4) to lay over the result: clear where nothing changed.

    One hue, rare in pictures: pale and faint for little, deep and nearly solid for much, so that
    it stands out on light and on dark.
    """
    levels = np.linspace(0, 1, 256)
    share = np.sqrt(np.clip((levels - HEAT_LEAST) / (HEAT_MOST - HEAT_LEAST), 0, 1))[:, None]
    colour = np.array(FAINT) + share * np.subtract(STRONG, FAINT)
    ramp = np.rint(np.hstack([colour, share * MOST_ALPHA])).astype(np.uint8)
    shown: Pixels = ramp[np.rint(heat * 255).astype(np.uint8)]
    return shown


def _blocks(original: Pixels, result: Pixels) -> Heat:
    """The change of each block of `COARSE_PX`, shape (height / 4, width / 4) rounded up."""
    height, width = result.shape[:2]
    before, after = (
        np.asarray(Image.fromarray(pixels).reduce(FINE_PX), dtype=np.float32) / 255
        for pixels in (fitted(original, width, height), result)
    )
    # Channels as planes: numpy is several times as quick on what lies together.
    red, green, blue = np.ascontiguousarray(np.moveaxis(after - before, -1, 0))
    light = 0.30 * red + 0.59 * green + 0.11 * blue
    warm = (red - green) / 2
    sun = (red + green) / 4 - blue / 2
    length = np.minimum(np.sqrt(light * light + warm * warm + sun * sun), 1)
    return np.array(Image.fromarray(length).reduce(COARSE_PX // FINE_PX))


def _spread(blocks: Image.Image, width: int, height: int) -> Image.Image:
    """A picture of blocks at full size; the last ones may reach beyond it."""
    box = (0, 0, width / COARSE_PX, height / COARSE_PX)
    return blocks.resize((width, height), BILINEAR, box=box)


def _eased(share: NDArray[np.floating]) -> NDArray[np.floating]:
    """0 to 1 without a kink at either end."""
    within: NDArray[np.floating] = np.clip(share, 0, 1)
    eased: NDArray[np.floating] = within * within * (3 - 2 * within)
    return eased


def _depth(inside: NDArray[np.bool_], most: int) -> NDArray[np.uint8]:
    """How many pixels each place lies within the mask, at most `most`; 0 outside."""
    left = inside.astype(np.uint8)
    depth = left.copy()
    for step in range(1, most):
        left = _eroded(left, corners=step % 2 == 0)
        depth += left
    return depth


def _eroded(inside: NDArray[np.uint8], *, corners: bool) -> NDArray[np.uint8]:
    """Without the places that touch the outside; by turns across corners, so depth grows round."""
    left = inside.copy()
    left[1:] &= inside[:-1]
    left[:-1] &= inside[1:]
    # Columns of what the rows left make a square; of what there was, a cross.
    source = left.copy() if corners else inside
    left[:, 1:] &= source[:, :-1]
    left[:, :-1] &= source[:, 1:]
    return left


def _blended(original: Pixels, result: Pixels, weights: Image.Image) -> Pixels:
    """`result` by `weights`, 0 to 255; exact at both ends, and wherever the two are equal."""
    over, under = Image.fromarray(result), Image.fromarray(original)
    return np.array(Image.composite(over, under, weights))
