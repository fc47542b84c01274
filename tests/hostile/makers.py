"""Files that mean harm, made small and fast."""

import io
import json
import struct
import zipfile
import zlib
from functools import cache

from PIL import Image

BOMB_SIDE = 13_370
PNG = b"\x89PNG\r\n\x1a\n"


def saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    """`picture` as a file of `kind`."""
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def flat(width: int = 96, height: int = 80, mode: str = "RGB") -> Image.Image:
    """A picture of one colour."""
    return Image.new(mode, (width, height), 1 if mode in "1LP" else (200, 30, 30))


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of(width: int, height: int, pixels: bytes, bits: int = 8, colour: int = 2) -> bytes:
    """A PNG that says it has so many pixels, with `pixels` behind."""
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(pixels, 9))
    return PNG + chunk(b"IHDR", header) + body + chunk(b"IEND", b"")


@cache
def bomb() -> bytes:
    """22 kB that would be a gigabyte of pixels."""
    return saved(Image.new("1", (BOMB_SIDE, BOMB_SIDE)), "PNG")


def with_chunk(kind: bytes, data: bytes) -> bytes:
    """A good PNG with one more chunk before its pixels."""
    good = saved(flat(), "PNG")
    at = good.index(b"IDAT") - 4
    return good[:at] + chunk(kind, data) + good[at:]


@cache
def zeros(size_bytes: int = 2**28) -> bytes:
    """What inflates to so many zeros."""
    return zlib.compress(bytes(size_bytes), 9)


def text_bomb(kind: bytes, key: bytes, size_bytes: int = 2**28) -> bytes:
    """A PNG whose text would inflate to `size_bytes`."""
    packed = zeros(size_bytes)
    between = b"\0\0" if kind == b"zTXt" else b"\0\1\0\0\0"
    return with_chunk(kind, key + between + packed)


def zipped(entries: dict[str, bytes]) -> bytes:
    """A ZIP of `entries`."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return out.getvalue()


def scans(count: int) -> bytes:
    """A JPEG that passes over its pixels `count` times."""
    data = saved(flat(), "JPEG", progressive=True)
    start, end = data.rindex(b"\xff\xda"), data.rindex(b"\xff\xd9")
    return data[:end] + data[start:end] * count + data[end:]


def deep(depth: int = 100_000) -> bytes:
    """JSON that is nested so often."""
    return b"[" * depth


def nested_object(depth: int = 20_000) -> str:
    """A message whose prompt is nested so often."""
    return '{"type": "request", "seq": 1, "prompt": ' + "[" * depth + "]" * depth + "}"


def animated(kind: str) -> bytes:
    """Two frames, red and blue."""
    blue = Image.new("RGB", (96, 80), "blue")
    return saved(flat(), kind, save_all=True, append_images=[blue], duration=80)


def form(parts: dict[str, bytes], boundary: bytes = b"edge") -> bytes:
    """A multipart body of files."""
    body = b"".join(
        b"--%b\r\nContent-Disposition: form-data; name=%b; filename=x\r\n\r\n%b\r\n"
        % (boundary, name.encode(), data)
        for name, data in parts.items()
    )
    return body + b"--%b--\r\n" % boundary


def words(**fields: object) -> str:
    """A request of the page with `fields`, NaN and all."""
    return json.dumps(
        {
            "type": "request",
            "seq": 1,
            "prompt": "sun",
            "width": 128,
            "height": 128,
            "draft": 128,
            **fields,
        }
    )
