"""Pins leave, to their owner alone: as a ZIP, a contact sheet, or files of one format."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import partial
from itertools import chain
from threading import Event
from typing import TypeVar
from urllib.parse import quote

from starlette.requests import Request as HTTPRequest
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute

from klein_ui import limits, moodboard
from klein_ui.contract import InvalidRequest, KleinError, Pixels
from klein_ui.pins import Pin
from klein_ui.provenance import archive
from klein_ui.provenance.archive import Item
from klein_ui.provenance.entries import Card
from klein_ui.provenance.export import Exported, Format
from klein_ui.provenance.frames import frame_in
from klein_ui.provenance.names import file_name
from klein_ui.provenance.record import Record
from klein_ui.provenance.sheet import SheetFormat, SheetItem, sheet
from klein_ui.ui import answers, board_routes, bodies
from klein_ui.ui.services import Services

EXPORT_PATH = "/gradio_api/live/export"
KINDS = ("zip", "sheet.png", "sheet.pdf", "png", "webp", "jpeg")
FORMATS = {"png": Format.PNG, "webp": Format.WEBP, "jpeg": Format.JPEG}
ZIP = "application/zip"
BOARD = "Moodboard"

UNCLEAR = (
    "The export names no pins, or no known format; send “pins” or a “board”, and “as”, one of "
    f"{', '.join(KINDS)}."
)
NOTHING = "There is nothing to export; pin a picture first."

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Chosen:
    """The pins to export, and the title of their board."""

    title: str
    pins: tuple[Pin, ...]


def routes(services: Services) -> list[BaseRoute]:
    """The routes to hand to `launch`, beside those of :mod:`klein_ui.ui.socket`."""
    # A sheet is large while it is drawn.
    exporting = partial(export, asyncio.Lock())
    return [answers.route(EXPORT_PATH, exporting, services, "POST", limits.EXPORTS)]


async def export(turn: asyncio.Lock, services: Services, request: HTTPRequest) -> Response:
    """The file of `{"pins": [ids] or "board": id, "as": one of KINDS}`, as an attachment.

    What is wrong with any picture is said before anything is sent.
    """
    return await exported(turn, services, request, await bodies.fields(request))


async def exported(
    turn: asyncio.Lock, services: Services, request: HTTPRequest, fields: dict[str, object]
) -> Response:
    """The same, of a body that was read. Raises `KleinError` or `Refused`."""
    owner = board_routes.owner(services, request)
    kind = fields.get("as")
    if kind not in KINDS:
        raise answers.Refused(422, UNCLEAR)
    chosen = await board_routes.of_owner(_chosen, services, owner, fields)
    if kind in ("sheet.png", "sheet.pdf"):
        async with turn:
            draw = partial(_sheet, services, owner, chosen, SheetFormat(str(kind)[6:]))
            return await _while_there(request, draw)
    if kind == "png" and len(chosen.pins) == 1:
        made = await asyncio.to_thread(_exported, services, owner, chosen.pins[0], Format.PNG)
        return attachment(made.name, made.mime, made.data)
    await asyncio.to_thread(_vet, services, owner, chosen)
    items = _items(services, owner, chosen, FORMATS.get(str(kind), Format.PNG))
    return await zipped(items, chosen.title, len(chosen.pins))


async def zipped(items: Iterator[Item], title: str, count: int) -> Response:
    """A ZIP of `items`, streamed once its first picture is there. Raises `KleinError`."""
    parts = archive.written(items, title)
    first = await asyncio.to_thread(next, parts, b"")
    name = file_name(title or BOARD, count, "zip")
    return StreamingResponse(chain([first], parts), media_type=ZIP, headers=_headers(name))


def attachment(name: str, mime: str, data: bytes) -> Response:
    """A file to save under `name`."""
    return Response(data, media_type=mime, headers=_headers(name))


def frame_and_record(services: Services, owner: str, pin: Pin) -> tuple[Pixels, Record]:
    """The pixels of a pin and what is known of them. Raises `KleinError`."""
    frame, record = frame_in(services.moodboard.picture(owner, pin.id))
    return frame.pixels, record


def card_of(pin: Pin) -> Card:
    """What somebody wrote to the pin."""
    return Card(pin.title, pin.note, pin.tags, pin.role, pin.star)


def _headers(name: str) -> dict[str, str]:
    # A header holds no other letters.
    return {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}",
        "Cache-Control": "no-store",
    }


def _chosen(services: Services, owner: str, fields: dict[str, object]) -> Chosen:
    """The owner's own pins, in the order they are named, or that of the board."""
    board_id, ids = fields.get("board"), fields.get("pins")
    boards = {board.id: board.title for board in services.moodboard.boards(owner)}
    if isinstance(ids, list) and ids and all(isinstance(one, str) for one in ids):
        pins = tuple(services.moodboard.get(owner, one) for one in dict.fromkeys(ids))
        title = boards.get(pins[0].board, "")
    elif isinstance(board_id, str):
        if board_id not in boards:
            raise InvalidRequest("board", moodboard.NO_BOARD)
        pins, title = services.moodboard.pins(owner, board_id), boards[board_id]
    else:
        raise answers.Refused(422, UNCLEAR)
    if not pins:
        raise answers.Refused(422, NOTHING)
    if len(pins) > archive.MAX_ENTRIES:
        raise InvalidRequest("pins", archive.TOO_MANY)
    return Chosen(title, pins)


def _exported(services: Services, owner: str, pin: Pin, kind: Format) -> Exported:
    frame, record = frame_in(services.moodboard.picture(owner, pin.id))
    return services.exporter.export(frame, kind, record.lineage, card_of(pin))


def _vet(services: Services, owner: str, chosen: Chosen) -> None:
    """Before the first byte: what stops half way looks like a lost connection. Raises `KleinError`
    for the first picture that is damaged, or held back by the safety check."""
    gate = services.exporter.gate
    for pin in chosen.pins:
        png = services.moodboard.picture(owner, pin.id)
        if gate.check is not None or gate.required:
            gate.passed(frame_in(png)[0].pixels)


def _items(services: Services, owner: str, chosen: Chosen, kind: Format) -> Iterator[Item]:
    for pin in chosen.pins:
        yield _exported(services, owner, pin, kind).item(card_of(pin))


def _sheet(
    services: Services, owner: str, chosen: Chosen, kind: SheetFormat, is_gone: Callable[[], bool]
) -> Response:
    def item(pin: Pin) -> SheetItem:
        def load() -> Pixels:
            if is_gone():
                raise KleinError(bodies.CUT_OFF)
            return frame_and_record(services, owner, pin)[0]

        return SheetItem(Record(pin.request, stage=pin.stage), load, card_of(pin))

    items = [item(pin) for pin in chosen.pins]
    made = sheet(services.exporter, items, chosen.title, date.today(), kind)
    return attachment(made.name, made.mime, made.data)


async def _while_there(request: HTTPRequest, work: Callable[[Callable[[], bool]], T]) -> T:
    """What `work` gives, in a thread; the function it gets says once the client is gone."""
    gone = Event()

    async def watch() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        gone.set()

    watching = asyncio.create_task(watch())
    try:
        return await asyncio.to_thread(work, gone.is_set)
    finally:
        watching.cancel()
