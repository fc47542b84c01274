"""A prompt's number, written into the pixels of its picture so that any page can be asked whose
picture it shows. `page_probe.js` has the same two functions and must stay equal to these.

The stamp is a square of black and white cells in the upper left corner, coarse enough to live
through JPEG and WebP: 24 bits of number, then 12 bits by which a picture without one is told.
"""

from klein_ui.contract import Pixels

GRID = 6
"""Cells along each side of the stamp."""

PICTURE_CELLS = 16
"""Cells that would fit along the shorter side of the picture."""

NUMBER_BITS = 24
CHECK_BITS = 12


def number_of(prompt: str) -> int:
    """The number of a prompt: its FNV-1a hash folded to 24 bits."""
    value = 0x811C9DC5
    for byte in prompt.encode():
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return (value >> NUMBER_BITS) ^ (value & (1 << NUMBER_BITS) - 1)


def stamped(pixels: Pixels, number: int) -> Pixels:
    """A copy of `pixels`, shape (height, width, 3), that carries `number`."""
    picture = pixels.copy()
    cell_px = min(picture.shape[:2]) // PICTURE_CELLS
    word = number << CHECK_BITS | _check(number)
    for index in range(GRID * GRID):
        top, left = index // GRID * cell_px, index % GRID * cell_px
        white = word >> (GRID * GRID - 1 - index) & 1
        picture[top : top + cell_px, left : left + cell_px] = 255 * white
    return picture


def read(pixels: Pixels) -> int | None:
    """The number that `pixels` carry, None where they carry none."""
    cell_px = min(pixels.shape[:2]) // PICTURE_CELLS
    word = 0
    for index in range(GRID * GRID):
        row, column = index // GRID, index % GRID
        pixel = pixels[row * cell_px + cell_px // 2, column * cell_px + cell_px // 2]
        word = word << 1 | (int(pixel.astype(int).sum()) > 3 * 127)
    number = word >> CHECK_BITS
    return number if word & (1 << CHECK_BITS) - 1 == _check(number) else None


def _check(number: int) -> int:
    return (number * 0xB5D + 0x5A7 >> 5) & (1 << CHECK_BITS) - 1
