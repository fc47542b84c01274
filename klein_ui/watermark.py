"""An invisible mark in the brightness of a picture, which survives saving and scaling.

The luma is averaged to a square of one size, whatever the picture's, so that scaling changes
nothing the mark is in. Of its Haar approximation band, some low frequencies of each 8 × 8 block
are moved to the nearest of two interleaved lattices, one for each bit. Every bit is there many
times over, and a Golay code corrects what is lost. The mark is no secret and no proof: whoever
knows this code can remove or forge it.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from klein_ui.contract import Pixels

NAME = b"klein"
VERSION = 1

SIDE = 256
"""Of the square that the luma is averaged to, in pixels; half of it is the Haar band."""
BLOCK = 8
PLACES = ((0, 1), (1, 0), (1, 1), (0, 2), (2, 0))
"""Frequencies of a block, down and across: not the mean, and none that scaling loses."""
STEP = 30.0
"""Distance of the lattice points of one bit; half of it lies between those of the two."""
PASSES = 3
"""The picture takes the mark only to whole levels and not beyond black and white."""

_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
_KEY = b"klein-live watermark 1"
_WORD_BITS = 12
_CODE_BITS = 24

Field = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark that was found; `agreement` is the part of its copies that say the same, 0.5 to 1."""

    version: int
    agreement: float


def embed(pixels: Pixels, version: int = VERSION) -> Pixels:
    """A copy of `pixels`, shape (height, width, 3), with the mark; `version` is 0 to 255."""
    bits = _spread(_encoded(NAME + bytes([version])))
    height, width = pixels.shape[:2]
    down, across = _averaging(height), _averaging(width)
    up, wide = _smooth(height), _smooth(width)
    change = np.zeros((height, width), dtype=np.float32)
    marked = pixels
    for _ in range(PASSES):
        seen = _coefficients(_averaged(marked, down, across))
        missing = _band(_nearest(seen, bits) - seen)
        change += up @ _unhaar(missing) @ wide.T
        levels = np.rint(pixels + change[..., None])
        marked = np.clip(levels, 0, 255).astype(np.uint8)
    return marked


def detect(pixels: Pixels) -> Mark | None:
    """The mark in `pixels`, at whatever size they are now; None where there is none."""
    height, width = pixels.shape[:2]
    seen = _coefficients(_averaged(pixels, _averaging(height), _averaging(width)))
    # How much nearer each coefficient is to the lattice of 1 than to that of 0, -1 to 1.
    leaning = -np.cos(2 * np.pi * (seen.ravel() - _dither(seen.size)) / STEP)
    order, flips = _order(seen.size), _flips(seen.size)
    leaning = leaning[order] * flips[order]
    payload = _decoded(_folded(leaning))
    if payload[: len(NAME)] != NAME:
        return None
    said = np.resize(_encoded(payload), leaning.size) * 2.0 - 1.0
    agreement = float(np.mean(np.sign(leaning) == said))
    return Mark(payload[-1], agreement)


def _averaged(pixels: Pixels, down: Field, across: Field) -> Field:
    """The luma as a square of `SIDE` pixels."""
    luma = pixels.astype(np.float32) @ _LUMA
    return np.asarray(down @ luma @ across.T, dtype=np.float32)


def _averaging(length: int) -> Field:
    """Averages `length` pixels to `SIDE` by the areas they share, shape (SIDE, length)."""
    edges = np.arange(SIDE + 1) * (length / SIDE)
    pixels = np.arange(length)
    upper = np.minimum(edges[1:, None], pixels + 1)
    lower = np.maximum(edges[:-1, None], pixels)
    shared = np.maximum(upper - lower, 0)
    return np.asarray(shared / shared.sum(axis=1, keepdims=True), dtype=np.float32)


def _smooth(length: int) -> Field:
    """Spreads `SIDE` values over `length` pixels, linear between them, shape (length, SIDE)."""
    at = np.clip((np.arange(length) + 0.5) * (SIDE / length) - 0.5, 0, SIDE - 1)
    weights = 1 - np.abs(at[:, None] - np.arange(SIDE))
    return np.asarray(np.maximum(weights, 0), dtype=np.float32)


def _haar(square: Field) -> Field:
    """The approximation band of one level of the Haar transform, half as wide and high."""
    rows = square[0::2] + square[1::2]
    return np.asarray((rows[:, 0::2] + rows[:, 1::2]) / 2, dtype=np.float32)


def _unhaar(band: Field) -> Field:
    return np.asarray(band.repeat(2, axis=0).repeat(2, axis=1) / 2, dtype=np.float32)


def _dct() -> Field:
    """The orthonormal DCT of `BLOCK` values."""
    frequency, at = np.arange(BLOCK)[:, None], np.arange(BLOCK)[None, :]
    waves = np.cos(np.pi * frequency * (2 * at + 1) / (2 * BLOCK)) * np.sqrt(2 / BLOCK)
    waves[0] /= np.sqrt(2)
    return np.asarray(waves, dtype=np.float32)


def _coefficients(square: Field) -> Field:
    """The chosen frequencies of all blocks, shape (places, blocks, blocks)."""
    band, dct = _haar(square), _dct()
    blocks = len(band) // BLOCK
    cut = band.reshape(blocks, BLOCK, blocks, BLOCK).transpose(0, 2, 1, 3)
    waves = dct @ cut @ dct.T
    return np.stack([waves[:, :, down, across] for down, across in PLACES])


def _band(coefficients: Field) -> Field:
    """The band that has these coefficients in the chosen places, and nothing elsewhere."""
    dct = _dct()
    blocks = coefficients.shape[1]
    waves = np.zeros((blocks, blocks, BLOCK, BLOCK), dtype=np.float32)
    for (down, across), values in zip(PLACES, coefficients, strict=True):
        waves[:, :, down, across] = values
    cut = (dct.T @ waves @ dct).transpose(0, 2, 1, 3)
    return np.asarray(cut.reshape(blocks * BLOCK, blocks * BLOCK), dtype=np.float32)


def _nearest(seen: Field, bits: NDArray[np.bool_]) -> Field:
    """The nearest points of each bit's lattice, of the shape of `seen`."""
    offset = (_dither(seen.size) + np.where(bits, STEP / 2, 0)).reshape(seen.shape)
    return np.asarray(np.rint((seen - offset) / STEP) * STEP + offset, dtype=np.float32)


def _noise(name: bytes, count: int) -> NDArray[np.uint32]:
    """Chance that is the same on every machine and with every version of numpy."""
    stream = hashlib.shake_256(_KEY + name).digest(4 * count)
    return np.frombuffer(stream, dtype="<u4").astype(np.uint32)


def _dither(count: int) -> Field:
    """Where each lattice begins, so that flat pictures say nothing by themselves."""
    return np.asarray(_noise(b"dither", count) / 2**32 * STEP, dtype=np.float32)


def _order(count: int) -> NDArray[np.intp]:
    return np.argsort(_noise(b"order", count), kind="stable")


def _flips(count: int) -> Field:
    return np.asarray(1 - 2.0 * (_noise(b"flips", count) & 1), dtype=np.float32)


def _spread(code: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The bits of all places: copy after copy of `code` in a scattered order."""
    count = len(PLACES) * (SIDE // 2 // BLOCK) ** 2
    spread = np.empty(count, dtype=np.bool_)
    spread[_order(count)] = np.resize(code, count)
    return spread ^ (_flips(count) < 0)


def _folded(leaning: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sum of all copies of each bit."""
    length = _CODE_BITS * (len(NAME) + 1) * 8 // _WORD_BITS
    return np.bincount(np.arange(leaning.size) % length, leaning, length).astype(np.float64)


def _golay() -> NDArray[np.bool_]:
    """All words of the extended Golay code, by their number, shape (4096, 24)."""
    numbers = np.arange(2**_WORD_BITS)
    remainders = numbers << 11
    for bit in range(22, 10, -1):
        # The generator x¹¹ + x¹⁰ + x⁶ + x⁵ + x⁴ + x² + 1.
        divided = remainders ^ (0b110001110101 << (bit - 11))
        remainders = np.where(remainders >> bit & 1, divided, remainders)
    words = (numbers << 11 | remainders)[:, None] >> np.arange(22, -1, -1) & 1
    parity = words.sum(axis=1, keepdims=True) & 1
    return np.concatenate([words, parity], axis=1).astype(np.bool_)


def _encoded(payload: bytes) -> NDArray[np.bool_]:
    bits = np.unpackbits(np.frombuffer(payload, dtype=np.uint8)).reshape(-1, _WORD_BITS)
    numbers = bits.astype(np.int64) @ (1 << np.arange(_WORD_BITS - 1, -1, -1))
    return _golay()[numbers].ravel()


def _decoded(soft: NDArray[np.float64]) -> bytes:
    """The payload whose code fits best; any `soft` has one."""
    fits = soft.reshape(-1, _CODE_BITS) @ (_golay() * 2.0 - 1.0).T
    numbers = fits.argmax(axis=1)
    bits = numbers[:, None] >> np.arange(_WORD_BITS - 1, -1, -1) & 1
    return np.packbits(bits.astype(np.uint8)).tobytes()
