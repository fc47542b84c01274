"""Ways to draw: each turns a painted canvas into pixels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from klein_ui.postcard.canvas import Canvas, Field
from klein_ui.postcard.palette import INK, PAPER

PIXEL_CELLS = 32
"""Blocks along the shorter side in the pixel style."""


def apply_style(canvas: Canvas, style: str) -> Field:
    """RGB float32 (height, width, 3) in 0..1, before clipping."""
    return _STYLERS[style](canvas)


def _flat(canvas: Canvas) -> Field:
    return canvas.rgb


def _line_drawing(canvas: Canvas) -> Field:
    paper = np.asarray(PAPER, np.float32)
    washed = paper + (canvas.rgb - paper) * 0.30
    ink = canvas.ink[..., None]
    return np.asarray(washed + (np.asarray(INK, np.float32) - washed) * ink, np.float32)


def _pixel(canvas: Canvas) -> Field:
    height, width = canvas.ink.shape
    block = max(1, round(min(height, width) / PIXEL_CELLS))
    rows, columns = -(-height // block), -(-width // block)
    padded = np.pad(
        canvas.rgb, ((0, rows * block - height), (0, columns * block - width), (0, 0)), mode="edge"
    )
    cells = padded.reshape(rows, block, columns, block, 3).mean(axis=(1, 3))
    steps = np.round(np.clip(cells, 0, 1) * 9.0) / 9.0
    grown = np.repeat(np.repeat(steps, block, axis=0), block, axis=1)
    return np.asarray(grown[:height, :width], np.float32)


def _neon(canvas: Canvas) -> Field:
    dark = canvas.rgb * 0.26 + np.asarray((0.02, 0.0, 0.06), np.float32)
    peak = canvas.glow.max(axis=2, keepdims=True)
    vivid = np.clip(canvas.glow * 1.25 - 0.12 * peak, 0.0, None)
    return np.asarray(dark + vivid * 1.15, np.float32)


def _watercolour(canvas: Canvas) -> Field:
    x, y = canvas.x, canvas.y
    wobble = 0.0045 * (np.sin(x * 23.0 + 3.0 * np.sin(y * 9.0)) + np.sin(y * 31.0 + x * 7.0))
    shifted = _shift(canvas, wobble)
    pools = 0.5 + 0.5 * np.sin(x * 11.0 + 2.0 * np.sin(y * 8.0)) * np.sin(y * 10.0 - x * 5.0)
    paper = np.asarray(PAPER, np.float32)
    strength = (0.60 + 0.22 * pools)[..., None]
    return np.asarray(paper + (shifted - paper) * strength, np.float32)


def _shift(canvas: Canvas, offset: Field) -> Field:
    """Rows and columns looked up at wobbling places, so that edges run like wet paint."""
    height, width = canvas.ink.shape
    step = np.round(offset / canvas.pixel).astype(np.int32)
    rows = np.clip(np.arange(height)[:, None] + step, 0, height - 1)
    columns = np.clip(np.arange(width)[None, :] + step[:, ::-1], 0, width - 1)
    looked_up = canvas.rgb[rows, columns]
    soft = looked_up.copy()
    soft[1:-1, 1:-1] = 0.4 * looked_up[1:-1, 1:-1] + 0.15 * (
        looked_up[:-2, 1:-1] + looked_up[2:, 1:-1] + looked_up[1:-1, :-2] + looked_up[1:-1, 2:]
    )
    return np.asarray(soft, np.float32)


def _monochrome(canvas: Canvas) -> Field:
    luma = canvas.rgb @ np.asarray((0.299, 0.587, 0.114), np.float32)
    contrast = np.clip(0.5 + (luma - 0.5) * 1.15, 0.0, 1.0)[..., None]
    return np.asarray(contrast * np.asarray((1.0, 0.985, 0.95), np.float32), np.float32)


_STYLERS: dict[str, Callable[[Canvas], Field]] = {
    "flat": _flat,
    "line drawing": _line_drawing,
    "pixel": _pixel,
    "neon": _neon,
    "watercolour": _watercolour,
    "monochrome": _monochrome,
}

STYLES: tuple[str, ...] = tuple(_STYLERS)

CONTOUR_STYLES = ("line drawing", "neon")
"""The styles that need the ink and glow of a canvas."""
