"""A contact sheet leaves: each picture checked, the page marked, its requests inside, signed last.

The PNG holds its requests in a chunk `klein-live-board`, which has the fields of an archive's
manifest; the PDF holds none.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

import numpy as np
from PIL import Image

from klein_ui import contact_sheet, images, watermark
from klein_ui.contact_sheet import Heading, Shot
from klein_ui.contract import KleinError, Pixels
from klein_ui.provenance.archive import manifest
from klein_ui.provenance.chunks import MAX_TEXT_BYTES
from klein_ui.provenance.entries import NO_CARD, Card, Entry, entry_fields
from klein_ui.provenance.export import Exporter
from klein_ui.provenance.names import file_name
from klein_ui.provenance.record import BOARD_CHUNK, SOFTWARE, Record
from klein_ui.roles import typed

NONE = "There is no picture to put on a sheet; choose some."
TOO_MANY = f"A contact sheet holds at most {contact_sheet.MOST} pictures; choose fewer."
TOO_LONG = "The prompts and notes are too long for one contact sheet; choose fewer pictures."


class SheetFormat(StrEnum):
    """A format of contact sheets, by the suffix of its files."""

    PNG = "png"
    PDF = "pdf"

    @property
    def mime(self) -> str:
        """Its MIME type."""
        return "application/pdf" if self is SheetFormat.PDF else "image/png"


@dataclass(frozen=True, slots=True)
class SheetItem:
    """A picture on its way onto a sheet; `load` gives its pixels when it is drawn."""

    record: Record
    load: Callable[[], Pixels]
    card: Card = NO_CARD


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file to save: its name, its MIME type, its bytes."""

    name: str
    mime: str
    data: bytes


def sheet(
    exporter: Exporter, items: Sequence[SheetItem], title: str, day: date, kind: SheetFormat
) -> Sheet:
    """The sheet of `items`, at most 120. Raises `KleinError`: for none and for more, for a picture
    that the gate of `exporter` holds back, and where it must sign and cannot."""
    if not items:
        raise KleinError(NONE)
    if len(items) > contact_sheet.MOST:
        raise KleinError(TOO_MANY)
    shots = [_shot(exporter, item) for item in items]
    heading = Heading(title, day)
    if kind is SheetFormat.PDF:
        pages = (_marked(exporter, page) for page in contact_sheet.pages(shots, heading))
        data = contact_sheet.pdf(pages, contact_sheet.readable(title), SOFTWARE)
    else:
        texts = {BOARD_CHUNK: _requests(items, title), "Software": SOFTWARE}
        page = _marked(exporter, contact_sheet.long_page(shots, heading))
        data = images.png(np.asarray(page), texts)
    signed, _notes = exporter.signed(data, kind.mime)
    return Sheet(file_name(title or "Moodboard", len(items), kind.value), kind.mime, signed)


def _shot(exporter: Exporter, item: SheetItem) -> Shot:
    request = item.record.request

    def load() -> Pixels:
        pixels = item.load()
        exporter.gate.passed(pixels)
        return pixels

    words = item.card.title or typed(request.prompt, request.references)
    facts = f"{request.width} × {request.height} · seed {request.seed} · {request.model}"
    return Shot(request.width, request.height, words, facts, load)


def _marked(exporter: Exporter, page: Image.Image) -> Image.Image:
    return Image.fromarray(watermark.embed(np.array(page))) if exporter.watermark else page


def _requests(items: Sequence[SheetItem], title: str) -> str:
    """What the page shows, without the requests that led to its references."""
    records = (replace(item.record, lineage=()) for item in items)
    entries = [
        entry_fields(Entry(record, card=item.card))
        for record, item in zip(records, items, strict=True)
    ]
    text = manifest(title, entries)
    if len(text) > MAX_TEXT_BYTES:
        raise KleinError(TOO_LONG)
    return text.decode()
