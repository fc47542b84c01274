"""Pictures on a designed page: a grid with captions, and the colours of each and of all.

The letters are those of the font that Pillow ships (Aileron), which has ASCII, typographic quotes
and little more: accents are taken off, what has a plain spelling gets it, and the rest is left
out. So a sheet looks the same on every machine, and never shows an empty box for a letter.
"""

import io
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from klein_ui.contract import Pixels
from klein_ui.palette import Swatch, palette

DPI = 300
PAGE = (2480, 3508)
"""A4 upright, in pixels."""
MOST = 120
"""Pictures of one sheet."""
LONGEST = 7300
"""A sheet of one page is at most so many pixels high: with its width, 54 MB."""

PAPER, INK, QUIET = "#fbfaf7", "#1b1a18", "#8b877e"

_MARGIN = 200
_TOP = 470
_FOOT = 210
_ON_A_PAGE = (2, 3, 4)
_ON_A_LONG_PAGE = (4, 5, 6, 7, 8)
_TALLEST = 1.3
"""A picture's height in widths of its column; taller ones become narrower."""
_MOST_AIR = 90
_SAMPLE = 48

_HAS = frozenset([*map(chr, range(0x20, 0x7F)), *"©«°±´·»‘’“”…‹›™"])
_SPELLED = {
    **dict.fromkeys("‐‑‒–—―−", "-"),
    **dict.fromkeys("‚′", "’"),
    **dict.fromkeys("„‟″", "“"),
    "×": "x",
    "•": "·",
    "ı": "i",
    "ł": "l",
    "Ł": "L",
    "ø": "o",
    "Ø": "O",
    "đ": "d",
    "Đ": "D",
    "ß": "ss",
    "æ": "ae",
    "Æ": "AE",
    "œ": "oe",
    "Œ": "OE",
}
"""What is no letter with an accent, in letters that the font has."""
OTHER_LETTERS = "(words in other letters: the PNG holds them)"
_PLAIN = str.maketrans(_SPELLED)


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture of a sheet: its size in pixels, its caption, and a line of small facts.

    `load` gives the pixels when the picture is drawn, so that one at a time is in memory.
    """

    width: int
    height: int
    caption: str
    facts: str
    load: Callable[[], Pixels]


@dataclass(frozen=True, slots=True)
class Heading:
    """What stands above the pictures."""

    title: str
    day: date


def long_page(shots: Sequence[Shot], heading: Heading) -> Image.Image:
    """All of `shots`, at most 120, on one page as long as they need. Raises `ValueError` for none
    and for more."""
    _check(shots)
    across = _one_page(shots) or next(
        (many for many in _ON_A_LONG_PAGE if _needed(shots, many) <= LONGEST), _ON_A_LONG_PAGE[-1]
    )
    rows = _rows(shots, across)
    height = min(_TOP + sum(row.height for row in rows) + _FOOT, LONGEST)
    return _drawn(rows, heading, (PAGE[0], height), len(shots), "", 0)


def pages(shots: Sequence[Shot], heading: Heading) -> Iterator[Image.Image]:
    """All of `shots`, at most 120, on as many A4 pages as they need, one after the other.

    Raises `ValueError` for none and for more.
    """
    _check(shots)
    room = PAGE[1] - _TOP - _FOOT
    full: list[list[_Row]] = [[]]
    for row in _rows(shots, _one_page(shots) or _ON_A_PAGE[-1]):
        if full[-1] and sum(one.height for one in [*full[-1], row]) > room:
            full.append([])
        full[-1].append(row)
    for number, rows in enumerate(full, 1):
        spare = room - sum(row.height for row in rows)
        air = min(spare // len(rows), _MOST_AIR)
        said = f"{number} / {len(full)}" if len(full) > 1 else ""
        yield _drawn(rows, heading, PAGE, len(shots), said, air)


def pdf(sheets: Iterator[Image.Image], title: str, software: str) -> bytes:
    """The pages as one PDF, each added to those before it, so that one at a time is in memory."""
    out = io.BytesIO()
    for number, page in enumerate(sheets):
        out.seek(0)
        page.save(
            out,
            "PDF",
            append=number > 0,
            resolution=DPI,
            quality=93,
            subsampling=0,
            title=title,
            creator=software,
            producer=software,
        )
    return out.getvalue()


def readable(text: str) -> str:
    """`text` on one line, in the letters that the font has; where those of the words are mostly
    others, a word on that, since half a sentence says something else than the whole."""
    plain = unicodedata.normalize("NFKD", text.translate(_PLAIN)).translate(_PLAIN)
    letters = [letter for letter in plain if unicodedata.category(letter).startswith("L")]
    if sum(letter not in _HAS for letter in letters) * 2 > len(letters):
        return OTHER_LETTERS
    kept = (" " if letter.isspace() else letter for letter in plain)
    return " ".join("".join(letter for letter in kept if letter in _HAS).split())


@dataclass(frozen=True, slots=True)
class _Column:
    """The measures of a column in pixels, by its width."""

    width: int
    gap: int

    @property
    def letter(self) -> int:
        return max(20, min(44, round(self.width * 0.056)))

    @property
    def facts_letter(self) -> int:
        return max(17, round(self.letter * 0.78))

    @property
    def line(self) -> int:
        return round(self.letter * 1.34)

    @property
    def strip(self) -> int:
        return max(6, min(18, self.width // 52))

    @property
    def below(self) -> int:
        """From the foot of a picture to that of its caption."""
        return self.strip * 4 + 2 * self.line + round(self.facts_letter * 1.7)


@dataclass(frozen=True, slots=True)
class _Row:
    """Pictures side by side on one base line; `first` is the number of the first one."""

    shots: tuple[Shot, ...]
    column: _Column
    first: int

    @property
    def pictures(self) -> int:
        """The height of its highest picture."""
        return max(_fitted(shot, self.column)[1] for shot in self.shots)

    @property
    def height(self) -> int:
        return self.pictures + self.column.below + self.column.gap


def _check(shots: Sequence[Shot]) -> None:
    if not 0 < len(shots) <= MOST:
        raise ValueError(f"a sheet has from 1 to {MOST} pictures")


def _one_page(shots: Sequence[Shot]) -> int | None:
    """The fewest columns in which all fit onto one A4 page; None where they do not."""
    choices = (1, *_ON_A_PAGE) if len(shots) == 1 else _ON_A_PAGE
    room = PAGE[1] - _FOOT
    return next((many for many in choices if _needed(shots, many) <= room), None)


def _needed(shots: Sequence[Shot], across: int) -> int:
    return _TOP + sum(row.height for row in _rows(shots, across))


def _rows(shots: Sequence[Shot], across: int) -> list[_Row]:
    gap = max(36, 92 - 8 * across)
    column = _Column((PAGE[0] - 2 * _MARGIN - (across - 1) * gap) // across, gap)
    return [
        _Row(tuple(shots[start : start + across]), column, start + 1)
        for start in range(0, len(shots), across)
    ]


def _fitted(shot: Shot, column: _Column) -> tuple[int, int]:
    """Width and height of the picture in its column, its shape unchanged."""
    scale = min(column.width / shot.width, column.width * _TALLEST / shot.height)
    return max(1, round(shot.width * scale)), max(1, round(shot.height * scale))


def _drawn(
    rows: Sequence[_Row], heading: Heading, size: tuple[int, int], count: int, said: str, air: int
) -> Image.Image:
    page = Image.new("RGB", size, PAPER)
    draw, top, samples = ImageDraw.Draw(page), _TOP, list[Pixels]()
    for row in rows:
        base = top + row.pictures
        for place, shot in enumerate(row.shots):
            left = _MARGIN + place * (row.column.width + row.column.gap)
            samples.append(_draw_shot(page, draw, shot, row, (left, base, row.first + place)))
        top += row.height + air
    _draw_heading(draw, heading, count, palette(np.concatenate(samples)))
    _draw_foot(draw, size[1], said)
    return page


def _draw_shot(
    page: Image.Image,
    draw: ImageDraw.ImageDraw,
    shot: Shot,
    row: _Row,
    place: tuple[int, int, int],
) -> Pixels:
    """Draw it with its caption at left, base line, number; a small sample of its pixels."""
    (left, base, number), column = place, row.column
    pixels = shot.load()
    size = _fitted(shot, column)
    picture = Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS)
    page.paste(picture, (left, base - size[1]))
    top = base + column.strip
    _draw_strip(draw, palette(pixels), (left, top, left + size[0], top + column.strip))
    top += round(column.strip * 2.4)
    letters = _font(column.letter)
    for line in _two_lines(readable(shot.caption), letters, column.width):
        draw.text((left, top), line, INK, letters)
        top += column.line
    small = _font(column.facts_letter)
    under = base + column.below - round(column.facts_letter * 1.25)
    under = min(under, top + round(column.facts_letter * 0.35))
    facts = f"{number:02d}   {readable(shot.facts)}"
    draw.text((left, under), _cut(facts, small, column.width), QUIET, small)
    return np.array(picture.resize((_SAMPLE, _SAMPLE), Image.Resampling.BOX))


def _draw_strip(
    draw: ImageDraw.ImageDraw, swatches: Sequence[Swatch], box: tuple[int, int, int, int]
) -> None:
    """The colours side by side, each as wide as its share."""
    left, top, right, bottom = box
    share = 0.0
    for swatch in swatches:
        begin = left + round(share * (right - left))
        share += swatch.share
        end = left + round(share * (right - left))
        if end > begin:
            draw.rectangle((begin, top, end - 1, bottom - 1), swatch.hex)


def _draw_heading(
    draw: ImageDraw.ImageDraw, heading: Heading, count: int, swatches: Sequence[Swatch]
) -> None:
    right, small = PAGE[0] - _MARGIN, _font(34)
    words = readable(heading.title) or "Moodboard"
    fonts = (_font(size) for size in (112, 92, 76))
    large = next((font for font in fonts if font.getlength(words) <= right - _MARGIN), _font(64))
    title = _cut(words, large, right - _MARGIN)
    # The side bearing of a large letter would set it off from the pictures' edge.
    draw.text((_MARGIN - large.getbbox(title)[0], 300), title, INK, large, anchor="ls")
    pictures = "1 picture" if count == 1 else f"{count} pictures"
    day = f"{heading.day.day} {heading.day:%B %Y}"
    draw.text((_MARGIN, 366), day, QUIET, small, anchor="ls")
    draw.text((right, 366), pictures, QUIET, small, anchor="rs")
    _draw_strip(draw, swatches, (_MARGIN, 396, right, 410))


def _draw_foot(draw: ImageDraw.ImageDraw, height: int, said: str) -> None:
    small = _font(26)
    draw.text((_MARGIN, height - 110), "Klein Live", QUIET, small, anchor="ls")
    draw.text((PAGE[0] - _MARGIN, height - 110), said, QUIET, small, anchor="rs")


def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise ValueError("Pillow was built without FreeType, so it has no letters for a sheet")
    return font


def _two_lines(text: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    """`text` on at most two lines, the second cut where there is more."""
    # Whatever is longer than that fits on no two lines; measuring it would take long.
    words = text[:600].split()
    first = list[str]()
    while words and font.getlength(" ".join([*first, words[0]])) <= width:
        first.append(words.pop(0))
    if not first and words:
        return [_cut(words[0], font, width)]
    lines = [" ".join(first), _cut(" ".join(words), font, width)]
    return [line for line in lines if line]


def _cut(text: str, font: ImageFont.FreeTypeFont, width: int) -> str:
    if font.getlength(text) <= width:
        return text
    fits = 0
    while font.getlength(text[: fits + 1].rstrip() + "…") <= width:
        fits += 1
    return text[:fits].rstrip(" .,;:") + "…"
