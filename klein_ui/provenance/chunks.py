"""The text chunks of a PNG, read by hand: nothing is unpacked before its size is bounded."""

import struct
import zlib
from collections.abc import Collection, Iterator

from klein_ui.contract import KleinError

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_TEXT_BYTES = 2**20
"""Sixty-four requests of the longest prompts fit."""
MAX_CHUNKS = 2**16
MAX_KEY_BYTES = 79

TOO_LONG = "The text in this picture is too long to be of Klein Live; choose another."
DAMAGED = "The text in this picture is damaged; choose another."
TWICE = "This picture holds two different requests; choose another."

_HEAD = struct.Struct(">I4s")
_TEXT = (b"tEXt", b"zTXt", b"iTXt")


def texts(data: bytes, keys: Collection[str]) -> dict[str, str]:
    """The text chunks of the PNG `data` whose key is one of `keys`; others are not looked at.

    Raises `KleinError` for one of more than 1 MiB unpacked, a damaged one, and two that disagree.
    """
    wanted = {key.encode("latin-1"): key for key in keys}
    found: dict[str, str] = {}
    for kind, body in _chunks(data):
        head, _, rest = body[: MAX_KEY_BYTES + 1].partition(b"\0")
        key = wanted.get(head)
        if kind not in _TEXT or key is None:
            continue
        text = _text(kind, body[len(head) + 1 :]) if rest or len(body) > len(head) else ""
        if found.setdefault(key, text) != text:
            raise KleinError(TWICE)
    return found


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and body of each text chunk, in their order."""
    at = len(SIGNATURE)
    for _ in range(MAX_CHUNKS):
        if at + _HEAD.size > len(data):
            return
        length, kind = _HEAD.unpack_from(data, at)
        start, end = at + _HEAD.size, at + _HEAD.size + length
        if end + 4 > len(data):
            return
        if kind in _TEXT:
            body = data[start:end]
            if zlib.crc32(kind + body) != int.from_bytes(data[end : end + 4], "big"):
                raise KleinError(DAMAGED)
            yield kind, body
        at = end + 4
    raise KleinError(TOO_LONG)


def _text(kind: bytes, value: bytes) -> str:
    try:
        if kind == b"tEXt":
            return _bounded(value).decode("latin-1")
        if kind == b"zTXt":
            return _inflated(value[1:]).decode("latin-1")
        is_compressed = value[0] == 1
        _language, _translated, packed = value[2:].split(b"\0", 2)
        return (_inflated(packed) if is_compressed else _bounded(packed)).decode()
    except (ValueError, IndexError, zlib.error) as error:
        raise KleinError(DAMAGED) from error


def _bounded(value: bytes) -> bytes:
    if len(value) > MAX_TEXT_BYTES:
        raise KleinError(TOO_LONG)
    return value


def _inflated(packed: bytes) -> bytes:
    """`packed` without zlib's compression, and never more of it than the bound and a byte."""
    return _bounded(zlib.decompressobj().decompress(packed, MAX_TEXT_BYTES + 1))
