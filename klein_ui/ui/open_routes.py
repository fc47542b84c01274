"""Exports come back: the requests of a file or link, and a board of what an archive holds."""

import asyncio
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import BinaryIO, TypeVar

from starlette.datastructures import UploadFile
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HTTPRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from klein_ui import limits, permalink
from klein_ui.contract import KleinError
from klein_ui.files import sentence
from klein_ui.provenance import archive, chunks
from klein_ui.provenance.reading import MAX_SIDECAR_BYTES, Found, kind_of, read
from klein_ui.ui import answers, bodies
from klein_ui.ui.addresses import address_of
from klein_ui.ui.board_routes import NOBODY
from klein_ui.ui.opened import opened, opened_link, told
from klein_ui.ui.owners import owner_of
from klein_ui.ui.rebuilt import rebuilt
from klein_ui.ui.services import Services

T = TypeVar("T")

OPEN_PATH = "/gradio_api/live/open"
MAX_FILE_BYTES = 64 * 2**20
MAX_ARCHIVE_BYTES = 512 * 2**20
MOST_TOLD = 200
"""Requests of one answer; a board has all that it can hold."""

MOST_AT_ONCE, MOST_OF_ADDRESS = 8, 2
"""Each may lie on the disk as large as an archive, for as long as its sender takes."""
RECEIVE_S = 900.0
"""An archive at 5 Mbit/s."""

TOO_MANY = "Too many files are being opened at this moment; open yours again in a minute."
TOO_LARGE = f"The file is larger than {MAX_FILE_BYTES // 2**20} MB; choose the export itself."
TOO_LARGE_ARCHIVE = f"An archive may have {MAX_ARCHIVE_BYTES // 2**20} MB; export fewer pins."
CUT_OFF = "The file was cut off on its way; open it again."
TOO_SLOW = f"The file took longer than {RECEIVE_S / 60:.0f} minutes; open it from nearer by."
NO_PAIR = "Give a picture and the JSON file beside it, both at once."
EMPTY = "The file is empty; choose another."


def routes(services: Services) -> list[BaseRoute]:
    """The routes to hand to `launch`, beside those of :mod:`klein_ui.ui.socket`."""
    places, turn = limits.Places(MOST_OF_ADDRESS, MOST_AT_ONCE), asyncio.Lock()

    async def opening(services: Services, request: HTTPRequest) -> Response:
        with places.taken(address_of(request)) as has_one:
            if not has_one:
                raise answers.Refused(503, TOO_MANY)
            return await opened_file(turn, services, request)

    return [
        answers.route(OPEN_PATH, opening, services, "POST", limits.OPENS),
        answers.route(OPEN_PATH, opened_query, services, "GET"),
    ]


async def opened_query(services: Services, request: HTTPRequest) -> Response:
    """`{"requests": [one], "notes"}` of the link whose query this is."""
    fields = permalink.fields(request.url.query)
    found = await asyncio.to_thread(opened_link, fields, services)
    return _answer([told(found, services)], found.notes)


async def opened_file(turn: asyncio.Lock, services: Services, request: HTTPRequest) -> Response:
    """`{"requests": [...], "notes": [...], "title", "is_board"}` of the file in the body.

    A JPEG or WebP comes with its JSON, as `picture` and `sidecar` of a form. With `?board=1` what
    an archive or a contact sheet holds goes onto a new board, the `board` of the answer.
    """
    wants_board, owner = request.query_params.get("board") == "1", owner_of(request)
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        return await _requests(services, await _in_time(_of_pair(request)))
    # Deletes itself once it is closed.
    with tempfile.TemporaryFile(dir=_folder(services)) as file:
        kind = await _in_time(_received(request, file))
        async with turn:
            found = await asyncio.to_thread(_read, file, kind)
        if not (found.is_board and wants_board):
            return await _requests(services, found)
        if not owner:
            raise answers.Refused(403, NOBODY)
        source = file if kind == "ZIP" else None
        board, notes = await rebuilt(services, owner, found, source, request.is_disconnected)
        return _answer([], notes, board=board, title=found.title, is_board=True)


async def _in_time(receiving: Coroutine[None, None, T]) -> T:
    try:
        async with asyncio.timeout(RECEIVE_S):
            return await receiving
    except TimeoutError as error:
        # Who lets it drip must not hold the place of others.
        raise answers.Refused(408, TOO_SLOW) from error


async def _requests(services: Services, found: Found) -> Response:
    def all_told() -> tuple[list[dict[str, object]], tuple[str, ...]]:
        each = [
            (opened(entry.record.request, services), entry.card)
            for entry in found.entries[:MOST_TOLD]
        ]
        notes = each[0][0].notes if len(each) == 1 else ()
        return [told(one, services, card) for one, card in each], notes

    requests, notes = await asyncio.to_thread(all_told)
    return _answer(requests, notes, title=found.title, is_board=found.is_board)


def _folder(services: Services) -> Path:
    """Where what is being received lies: beside what is kept, not in the system's own folder."""
    folder = services.ledger.folder.parent / "temporary"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise answers.Refused(507, sentence(error)) from error
    return folder


def _answer(
    requests: list[dict[str, object]], notes: tuple[str, ...], **more: object
) -> JSONResponse:
    return JSONResponse(
        {"requests": requests, "notes": list(notes), **more}, headers={"Cache-Control": "no-store"}
    )


async def _received(request: HTTPRequest, file: BinaryIO) -> str:
    """Write the body into `file`, no more than its kind may have; the kind."""
    head, size_bytes, kind = b"", 0, ""
    try:
        async for part in bodies.parts(request):
            size_bytes += len(part)
            await asyncio.to_thread(file.write, part)
            if not kind and len(head) < chunks.MAX_KEY_BYTES:
                head += part[: chunks.MAX_KEY_BYTES]
            if not kind and len(head) >= chunks.MAX_KEY_BYTES:
                kind = _known(head)
            _check_size(kind, size_bytes)
    except (ClientDisconnect, TimeoutError) as error:
        raise answers.Refused(400, CUT_OFF) from error
    except OSError as error:
        raise answers.Refused(507, sentence(error)) from error
    if not size_bytes:
        raise answers.Refused(422, EMPTY)
    return kind or _known(head)


def _check_size(kind: str, size_bytes: int) -> None:
    if kind == "ZIP" and size_bytes > MAX_ARCHIVE_BYTES:
        raise answers.Refused(413, TOO_LARGE_ARCHIVE)
    if kind != "ZIP" and size_bytes > MAX_FILE_BYTES:
        raise answers.Refused(413, TOO_LARGE)


def _read(file: BinaryIO, kind: str) -> Found:
    file.seek(0)
    try:
        if kind == "ZIP":
            contents = archive.read(file)
            return Found(kind, contents.entries, contents.title, is_board=True)
        return read(file.read())
    except KleinError as error:
        raise answers.Refused(422, str(error)) from error


def _known(head: bytes) -> str:
    try:
        return kind_of(head)
    except KleinError as error:
        raise answers.Refused(422, str(error)) from error


async def _of_pair(request: HTTPRequest) -> Found:
    """Of a form, whose size must be known beforehand: its files are read to the end."""
    announced = request.headers.get("content-length", "")
    if not (announced.isdecimal() and int(announced[:12]) <= MAX_FILE_BYTES + MAX_SIDECAR_BYTES):
        raise answers.Refused(413, TOO_LARGE)
    try:
        async with request.form(max_files=2, max_fields=0) as form:
            picture, sidecar = form.get("picture"), form.get("sidecar")
            if not isinstance(picture, UploadFile) or not isinstance(sidecar, UploadFile):
                raise answers.Refused(422, NO_PAIR)
            data, beside = await picture.read(), await sidecar.read()
    except ClientDisconnect as error:
        raise answers.Refused(400, CUT_OFF) from error
    try:
        return await asyncio.to_thread(read, data, beside)
    except KleinError as error:
        raise answers.Refused(422, str(error)) from error
