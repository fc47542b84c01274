"""A contact sheet holds what it shows, and nothing on it left unchecked."""

import io
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from klein_ui import contact_sheet, watermark
from klein_ui.contract import KleinError, Request
from klein_ui.provenance import sheet as sheets
from klein_ui.provenance.entries import Card
from klein_ui.provenance.export import Exporter
from klein_ui.provenance.reading import IS_PDF, read
from klein_ui.provenance.record import Record, record_of
from klein_ui.provenance.sheet import Sheet, SheetFormat, SheetItem
from klein_ui.safety import Gate, HeldBack, Verdict
from tests.provenance.generated import frame, requests, texts

DAY = date(2026, 11, 24)
REQUEST = Request("a cup", 7, 64, 48, 4, 1.0, "postcard")
cards = st.builds(Card, texts, texts, st.lists(texts, max_size=2).map(tuple), texts, st.booleans())


def item(request: Request, card: Card | None = None) -> SheetItem:
    made = frame(request)
    return SheetItem(record_of(made), lambda: made.pixels, card or Card())


def made(
    items: list[SheetItem], title: str = "Cups", exporter: Exporter | None = None, kind: str = "png"
) -> Sheet:
    return sheets.sheet(exporter or Exporter(), items, title, DAY, SheetFormat(kind))


@settings(max_examples=12, deadline=None)
@given(st.lists(st.tuples(requests, cards), min_size=1, max_size=8), texts)
def test_a_sheet_gives_back_all_requests_and_cards(
    given_items: list[tuple[Request, Card]], title: str
) -> None:
    data = made([item(request, card) for request, card in given_items], title).data
    found = read(data)
    assert found.is_board
    assert found.title == title
    assert [(entry.record.request, entry.card) for entry in found.entries] == given_items
    assert found.entries[0].record.origin is not None


def test_lineages_stay_out_of_it() -> None:
    record = Record(REQUEST, lineage=(replace(REQUEST, seed=1),))
    pixels = frame(REQUEST).pixels
    found = read(made([SheetItem(record, lambda: pixels)]).data)
    assert found.entries[0].record.lineage == ()


def test_each_picture_passes_the_gate_and_one_that_does_not_stops_the_sheet() -> None:
    seen: list[int] = []

    def looks(pixels: object) -> Verdict:
        seen.append(1)
        return Verdict(len(seen) < 3, "nsfw", 1.0)

    items = [item(replace(REQUEST, seed=seed)) for seed in range(5)]
    for kind in ("png", "pdf"):
        seen.clear()
        with pytest.raises(HeldBack, match="nsfw"):
            made(items, exporter=Exporter(Gate(looks)), kind=kind)
        assert len(seen) == 3


def test_a_marked_sheet_still_holds_its_requests() -> None:
    data = made([item(REQUEST)], exporter=Exporter(watermark=True)).data
    assert read(data).requests == (REQUEST,)
    with Image.open(io.BytesIO(data)) as page:
        assert watermark.detect(np.array(page)) is not None


def test_a_pdf_holds_none_and_says_so() -> None:
    made_pdf = made([item(REQUEST)], kind="pdf")
    assert (made_pdf.name, made_pdf.mime) == ("Cups-1.pdf", "application/pdf")
    with pytest.raises(KleinError) as refused:
        read(made_pdf.data)
    assert str(refused.value) == IS_PDF


@pytest.mark.parametrize(
    ("items", "sentence"),
    [
        ([], sheets.NONE),
        ([item(REQUEST)] * (contact_sheet.MOST + 1), sheets.TOO_MANY),
        ([item(replace(REQUEST, prompt="x" * 8000))] * 120, ""),
        ([item(REQUEST, Card(note="é" * 5000))] * 120, sheets.TOO_LONG),
    ],
)
def test_what_does_not_fit_is_one_sentence(items: list[SheetItem], sentence: str) -> None:
    if not sentence:
        assert len(read(made(items).data).entries) == len(items)
        return
    with pytest.raises(KleinError) as refused:
        made(items)
    assert str(refused.value) == sentence
