"""What a file of an export says: the way back of pictures, their JSON, contact sheets and ZIPs."""

import hashlib
import io
from dataclasses import dataclass

from klein_ui.contract import KleinError, Request
from klein_ui.provenance import archive, chunks
from klein_ui.provenance.entries import Entry, entry_from
from klein_ui.provenance.record import (
    BOARD_CHUNK,
    CHUNK,
    NO_REQUEST,
    PARAMETERS,
    record_from,
)
from klein_ui.provenance.strict import parsed

MAX_SIDECAR_BYTES = chunks.MAX_TEXT_BYTES

NO_SIDECAR = "A JPEG or WebP holds no request itself; add the JSON file saved beside it as well."
OTHER_PICTURE = "This JSON file belongs to another picture; choose the one saved beside it."
IS_PDF = "A PDF holds no requests; choose the PNG of the contact sheet, or the ZIP of the board."
NO_ENTRY = "The JSON file names no picture; choose the one saved beside the picture."
UNKNOWN = "This file is no export of Klein Live; choose a PNG, a ZIP, or a JSON file."
BAD_JSON = "The JSON file holds no request of Klein Live; choose the one saved beside the picture."


@dataclass(frozen=True, slots=True)
class Found:
    """What a file says. `kind` is its format, `title` that of a board; a picture is one entry.

    `is_board` says that it is about a board: an archive, its manifest, or a contact sheet.

    What it says is only well-formed; each request has to pass `validate` before it is rendered.
    Texts are plain text, whatever they look like.
    """

    kind: str
    entries: tuple[Entry, ...]
    title: str = ""
    parameters: str = ""
    is_board: bool = False

    @property
    def requests(self) -> tuple[Request, ...]:
        """The request of each entry."""
        return tuple(entry.record.request for entry in self.entries)


def read(data: bytes, sidecar: bytes | None = None) -> Found:
    """What the file `data` says; a JPEG or WebP needs its JSON, `sidecar`, which is a file too.

    Raises `KleinError`: one sentence for whatever is damaged, hostile, or of another program.
    """
    kind = kind_of(data)
    if kind == "PNG":
        return _of_png(data)
    if kind == "ZIP":
        contents = archive.read(io.BytesIO(data))
        return Found(kind, contents.entries, contents.title, is_board=True)
    if kind == "JSON":
        return _of_json(data)
    if sidecar is None:
        raise KleinError(NO_SIDECAR)
    digest = hashlib.sha256(data).hexdigest()
    entries = [entry for entry in _of_json(sidecar).entries if entry.sha256 == digest]
    if not entries:
        raise KleinError(OTHER_PICTURE)
    return Found(kind, (entries[0],))


def kind_of(data: bytes) -> str:
    """PNG, JPEG, WebP, ZIP or JSON, by the first bytes. Raises `KleinError` for others."""
    if data.startswith(chunks.SIGNATURE):
        return "PNG"
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "ZIP"
    if data[:64].lstrip().startswith(b"{"):
        return "JSON"
    raise KleinError(IS_PDF if data.startswith(b"%PDF") else UNKNOWN)


def _of_png(data: bytes) -> Found:
    found = chunks.texts(data, (CHUNK, PARAMETERS, BOARD_CHUNK))
    if BOARD_CHUNK in found:
        return _of_manifest("PNG", found[BOARD_CHUNK])
    if CHUNK not in found:
        raise KleinError(NO_REQUEST)
    entry = Entry(record_from(found[CHUNK]))
    return Found("PNG", (entry,), parameters=found.get(PARAMETERS, ""))


def _of_manifest(kind: str, manifest: str | bytes) -> Found:
    try:
        contents = archive.contents_of(manifest)
    except ValueError as error:
        raise KleinError(archive.BAD_MANIFEST) from error
    if not contents.entries:
        raise KleinError(NO_ENTRY)
    return Found(kind, contents.entries, contents.title, is_board=True)


def _of_json(data: bytes) -> Found:
    """What a sidecar says, or the manifest that was beside pictures in an archive."""
    try:
        if len(data) > MAX_SIDECAR_BYTES:
            raise ValueError("too long")
        told = parsed(data)
        if isinstance(told, dict) and "entries" in told:
            return _of_manifest("JSON", data)
        return Found("JSON", (entry_from(told),))
    except ValueError as error:
        raise KleinError(BAD_JSON) from error
