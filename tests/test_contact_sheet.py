"""Contact sheets: everything is on them, in bounds, in letters that the font has."""

from datetime import date

import numpy as np
import pytest
from PIL import Image, ImageFont
from PIL.PdfParser import PdfParser

from klein_ui import contact_sheet
from klein_ui.contact_sheet import LONGEST, MOST, PAGE, Heading, Shot, long_page, pages, pdf
from klein_ui.contract import Pixels

HEADING = Heading("Studies", date(2026, 11, 24))
COLOURS = [(200, 30, 30), (30, 160, 60), (40, 60, 190), (230, 200, 40), (120, 20, 140)]


def plain(colour: tuple[int, int, int], width: int = 64, height: int = 64) -> Pixels:
    return np.full((height, width, 3), colour, dtype=np.uint8)


def shot(number: int = 0, width: int = 64, height: int = 64, caption: str = "a cup") -> Shot:
    colour = COLOURS[number % len(COLOURS)]
    return Shot(width, height, caption, "64 x 64", lambda: plain(colour, width, height))


def extent(page: Image.Image, colour: tuple[int, int, int]) -> tuple[int, int]:
    """Width and height of what has exactly that colour below the heading: a picture, its strip."""
    is_it = (np.asarray(page)[430:] == colour).all(axis=-1)
    return int(is_it.sum(axis=1).max()), int(is_it.sum(axis=0).max())


@pytest.mark.parametrize("count", [1, 2, 5, 12, 40, MOST])
def test_each_picture_is_on_the_long_page_once(count: int) -> None:
    loaded: list[int] = []

    def one(number: int) -> Shot:
        def load() -> Pixels:
            loaded.append(number)
            return plain(COLOURS[0])

        return Shot(64, 64, f"number {number}", "", load)

    page = long_page([one(number) for number in range(count)], HEADING)
    assert loaded == list(range(count))
    assert page.width == PAGE[0]
    assert page.height <= LONGEST
    # The foot is paper: nothing runs over it.
    assert (np.asarray(page)[-90:] == np.asarray(page)[0, 0]).all()


def test_the_tallest_pictures_fit_too() -> None:
    page = long_page([shot(number, 64, 512) for number in range(MOST)], HEADING)
    assert page.height <= LONGEST
    assert (np.asarray(page)[-90:] == np.asarray(page)[0, 0]).all()


@pytest.mark.parametrize(("width", "height"), [(64, 64), (256, 64), (64, 256), (96, 64)])
def test_shapes_stay_true(width: int, height: int) -> None:
    page = long_page([shot(0, width, height), shot(1), shot(2)], HEADING)
    across, down = extent(page, COLOURS[0])
    # The strip below the picture is as wide, and a few pixels high.
    assert across / down == pytest.approx(width / height, rel=0.08)


def test_pictures_of_a_row_stand_on_one_line() -> None:
    page = np.asarray(long_page([shot(0, 256, 64), shot(1, 64, 128), shot(2)], HEADING))[430:]
    feet = []
    for colour in COLOURS[:3]:
        rows = np.flatnonzero((page == colour).all(axis=-1).any(axis=1))
        feet.append(rows.max())
    assert len(set(feet)) == 1


def test_many_pictures_take_pages_and_each_is_a4() -> None:
    sheets = list(pages([shot(number) for number in range(40)], HEADING))
    assert len(sheets) == 3
    assert {sheet.size for sheet in sheets} == {PAGE}
    data = pdf(iter(sheets), "Studies", "Klein Live")
    with PdfParser(buf=data) as read:
        assert len(read.pages) == 3
        assert read.info.Title == "Studies"
    assert data.startswith(b"%PDF")


@pytest.mark.parametrize("count", [0, MOST + 1])
def test_none_and_too_many_are_refused(count: int) -> None:
    shots = [shot()] * count
    with pytest.raises(ValueError, match="1 to 120"):
        long_page(shots, HEADING)
    with pytest.raises(ValueError, match="1 to 120"):
        next(pages(shots, HEADING))


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("Élan, Süden, Łódź, Straße", "Elan, Suden, Lodz, Strasse"),
        ("„so“ — 3 × 4 · that’s", "“so“ - 3 x 4 · that’s"),
        ("a 🌋 in 日本 \n\t at dawn\u202e", "a in at dawn"),
        ("<b>plain</b>", "<b>plain</b>"),
        ("日本", contact_sheet.OTHER_LETTERS),
    ],
)
def test_text_is_told_in_the_letters_of_the_font(text: str, read: str) -> None:
    assert contact_sheet.readable(text) == read


def test_the_font_has_every_letter_that_is_used() -> None:
    font = ImageFont.load_default(40)
    missing = bytes(font.getmask("\uffff"))
    kept = {chr(code) for code in range(0x3000) if contact_sheet.readable(f"a{chr(code)}a") != "aa"}
    used = {letter for one in kept for letter in contact_sheet.readable(f"a{one}a")} - {" "}
    assert len(used) > 90
    assert [letter for letter in used if bytes(font.getmask(letter)) == missing] == []


def test_a_hostile_caption_stays_in_its_column() -> None:
    shots = [shot(0, caption="m" * 8000), shot(1, caption="word " * 2000), shot(2)]
    page = np.asarray(long_page(shots, HEADING))
    first = (page == COLOURS[0]).all(axis=-1)
    column = np.flatnonzero(first.any(axis=0))
    gap = page[600:, column.max() + 2 : column.max() + 30]
    assert (gap == page[0, 0]).all()


def test_the_same_pictures_make_the_same_page() -> None:
    first, second = (long_page([shot(0), shot(1)], HEADING) for _ in range(2))
    assert first.tobytes() == second.tobytes()
