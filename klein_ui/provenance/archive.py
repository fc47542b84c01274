"""Several pictures in a ZIP with a manifest: written as a stream, and read with suspicion."""

import hashlib
import io
import json
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from klein_ui.contract import KleinError
from klein_ui.provenance.entries import NO_CARD, Card, Entry, entry_fields, entry_from
from klein_ui.provenance.names import file_name, folded, is_safe
from klein_ui.provenance.record import SCHEMA, SOFTWARE, Record, check_schema
from klein_ui.provenance.strict import MAX_TEXT_CHARS, parsed

MANIFEST = "manifest.json"
MAX_ENTRIES = 1000
MAX_ARCHIVE_BYTES = 2**31 - 2**20
MAX_MANIFEST_BYTES = 8 * 2**20
MAX_DIRECTORY_BYTES = (MAX_ENTRIES + 1) * 512
MAX_PICTURE_BYTES = 64 * 2**20
MAX_RATIO = 20
"""Pictures are compressed already; what unpacks to more than so many times itself is a trap."""

_BLOCK = 2**20
_END = b"PK\x05\x06"
_END_BYTES = 22
_ENCRYPTED = 1
_EPOCH = (1980, 1, 1, 0, 0, 0)

TOO_MANY = f"An archive holds at most {MAX_ENTRIES:,} pictures; choose fewer."
TOO_LARGE = "The archive is too large; choose fewer pictures."
NO_ARCHIVE = "The archive is damaged or no export of Klein Live; export the board again."
NO_MANIFEST = f"The archive has no {MANIFEST}; choose one that Klein Live exported."
BAD_MANIFEST = "The manifest of the archive makes no sense; export the board again."
BAD_NAME = "A file of the archive is named so that it could do harm; nothing of it was read."
TWICE = "Two files of the archive have one name; export the board again."
STRANGE = "The archive and its manifest name different files; export the board again."
BOMB = "The archive unpacks to far more than it is; nothing of it was read."
CHANGED = "“{name}” is not the picture that the manifest names; export the board again."


@dataclass(frozen=True, slots=True)
class Item:
    """A picture on its way into an archive: its file's bytes and suffix, its record, its card."""

    data: bytes
    suffix: str
    record: Record
    card: Card = NO_CARD


@dataclass(frozen=True, slots=True)
class Contents:
    """The title and the entries of an archive, in their order."""

    title: str
    entries: tuple[Entry, ...]


class _Sink(io.RawIOBase):
    """Takes what is written until somebody carries it away; it cannot be sought in."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        part = bytes(data)  # type: ignore[call-overload]
        self._parts.append(part)
        return len(part)

    def taken(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)


def written(items: Iterable[Item], title: str = "") -> Iterator[bytes]:
    """The bytes of a ZIP, one picture at a time: no more than one of `items` is held.

    The manifest comes last, when all digests are known. Raises `KleinError` for too many pictures
    or too large an archive, which a client sees as one that ends early.
    """
    sink, entries, taken, total = _Sink(), list[dict[str, object]](), {MANIFEST}, 0
    with zipfile.ZipFile(sink, "w") as archive:
        for item in items:
            total += len(item.data)
            if len(entries) == MAX_ENTRIES:
                raise KleinError(TOO_MANY)
            if total > MAX_ARCHIVE_BYTES - 2 * MAX_MANIFEST_BYTES:
                raise KleinError(TOO_LARGE)
            name = _name(item, taken)
            entry = Entry(item.record, name, hashlib.sha256(item.data).hexdigest(), item.card)
            entries.append(entry_fields(entry))
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), item.data)
            yield sink.taken()
        told = manifest(title, entries)
        archive.writestr(zipfile.ZipInfo(MANIFEST, _EPOCH), told, zipfile.ZIP_DEFLATED)
    yield sink.taken()


def _name(item: Item, taken: set[str]) -> str:
    request = item.record.request
    name = file_name(item.card.title or request.prompt, request.seed, item.suffix, taken)
    taken.add(folded(name))
    return name


def manifest(title: str, entries: Sequence[dict[str, object]]) -> bytes:
    """The JSON of a board: its title, and what `entry_fields` gave for each picture.

    Raises `KleinError` for more than 8 MiB.
    """
    told = {"schema": SCHEMA, "software": SOFTWARE, "title": title, "entries": entries}
    encoded = json.dumps(told, ensure_ascii=False, indent=1).encode()
    if len(encoded) > MAX_MANIFEST_BYTES:
        raise KleinError(TOO_LARGE)
    return encoded


def read(file: BinaryIO) -> Contents:
    """The contents of an archive of :func:`written`, every digest compared, nothing unpacked to
    disk and no more than a block of a picture held. Raises `KleinError`."""
    with _opened(file) as archive:
        infos = _checked(archive, file.seek(0, io.SEEK_END))
        try:
            contents = contents_of(archive.read(MANIFEST))
        except ValueError as error:
            raise KleinError(BAD_MANIFEST) from error
        except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError) as error:
            raise KleinError(NO_ARCHIVE) from error
        names = [entry.file for entry in contents.entries]
        if len(set(names)) < len(names) or {*names, MANIFEST} != infos.keys():
            raise KleinError(STRANGE)
        for entry in contents.entries:
            if not entry.sha256 or _sha256(archive, infos[entry.file]) != entry.sha256:
                raise KleinError(CHANGED.format(name=entry.file))
    return contents


def picture(file: BinaryIO, entry: Entry) -> bytes:
    """The bytes of the picture of `entry`, of an archive that :func:`read` has read."""
    with _opened(file) as archive:
        infos = _checked(archive, file.seek(0, io.SEEK_END))
        if entry.file not in infos:
            raise KleinError(STRANGE)
        data = b"".join(_blocks(archive, infos[entry.file]))
    if hashlib.sha256(data).hexdigest() != entry.sha256:
        raise KleinError(CHANGED.format(name=entry.file))
    return data


def _opened(file: BinaryIO) -> zipfile.ZipFile:
    """The archive, once its directory is known to be small: `ZipFile` reads it all."""
    size = file.seek(0, io.SEEK_END)
    if size > MAX_ARCHIVE_BYTES:
        raise KleinError(TOO_LARGE)
    # An export has no comment and needs no 64 bit numbers, so its end is where it must be.
    file.seek(max(size - _END_BYTES, 0))
    end = file.read(_END_BYTES)
    if len(end) < _END_BYTES or not end.startswith(_END) or end[20:22] != b"\0\0":
        raise KleinError(NO_ARCHIVE)
    file.seek(max(size - _END_BYTES - 20, 0))
    if file.read(4) == b"PK\x06\x07":
        raise KleinError(NO_ARCHIVE)
    if int.from_bytes(end[10:12], "little") > MAX_ENTRIES + 1:
        raise KleinError(TOO_MANY)
    if int.from_bytes(end[12:16], "little") > MAX_DIRECTORY_BYTES:
        raise KleinError(NO_ARCHIVE)
    try:
        return zipfile.ZipFile(file)
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise KleinError(NO_ARCHIVE) from error


def _checked(archive: zipfile.ZipFile, size_bytes: int) -> dict[str, zipfile.ZipInfo]:
    """The files by name, once names, number and sizes are harmless."""
    infos = archive.infolist()
    if len(infos) > MAX_ENTRIES + 1:
        raise KleinError(TOO_MANY)
    # `filename` has what `ZipInfo` made of a hostile name; the other is what the archive says.
    if not all(is_safe(info.orig_filename) for info in infos):
        raise KleinError(BAD_NAME)
    if len({folded(info.orig_filename) for info in infos}) < len(infos):
        raise KleinError(TWICE)
    by_name = {info.orig_filename: info for info in infos}
    if MANIFEST not in by_name:
        raise KleinError(NO_MANIFEST)
    pictures = [info.file_size for name, info in by_name.items() if name != MANIFEST]
    is_bomb = sum(pictures) > MAX_RATIO * size_bytes or max(pictures, default=0) > MAX_PICTURE_BYTES
    if is_bomb or by_name[MANIFEST].file_size > MAX_MANIFEST_BYTES:
        raise KleinError(BOMB)
    readable = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    if any(info.flag_bits & _ENCRYPTED or info.compress_type not in readable for info in infos):
        raise KleinError(NO_ARCHIVE)
    return by_name


def contents_of(manifest: str | bytes) -> Contents:
    """What a manifest says. Raises `ValueError`, and `KleinError` for a later version's."""
    told = parsed(manifest)
    if not isinstance(told, dict):
        raise ValueError("no manifest")
    check_schema(told.get("schema"))
    title, entries = told.get("title", ""), told.get("entries")
    if not isinstance(title, str) or len(title) > MAX_TEXT_CHARS or not isinstance(entries, list):
        raise ValueError("no entries")
    title.encode()
    if len(entries) > MAX_ENTRIES:
        raise KleinError(TOO_MANY)
    return Contents(title, tuple(entry_from(entry) for entry in entries))


def _sha256(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> str:
    digest = hashlib.sha256()
    for block in _blocks(archive, info):
        digest.update(block)
    return digest.hexdigest()


def _blocks(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    """The bytes of a file, never more than its directory says. Raises `KleinError`."""
    try:
        with archive.open(info) as unpacked:
            while block := unpacked.read(_BLOCK):
                yield block
    # Of a damaged stream `zlib.error` comes through, which is no other error's kind.
    except Exception as error:
        raise KleinError(NO_ARCHIVE) from error
