"""Exports come back as they were; what is hostile is one sentence."""

import contextlib
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import asdict, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.ExifTags import Base

from klein_ui.contract import KleinError, Lora, Request
from klein_ui.provenance import archive, chunks
from klein_ui.provenance.entries import Card
from klein_ui.provenance.export import Exporter, Format
from klein_ui.provenance.reading import read
from klein_ui.provenance.record import CHUNK, request_json
from tests.provenance.generated import frame, requests, texts

REQUEST = Request("a red sun", 42, 64, 64, 4, 1.0, "postcard", loras=(Lora("ink"),))
EXPORTER = Exporter()


def exported(request: Request = REQUEST, kind: Format = Format.PNG) -> bytes:
    return EXPORTER.export(frame(request), kind).data


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")


def png_with(*parts: bytes) -> bytes:
    """A PNG whose first chunk is followed by `parts`."""
    out = io.BytesIO()
    Image.new("RGB", (64, 64)).save(out, "PNG")
    data = out.getvalue()
    return data[:33] + b"".join(parts) + data[33:]


def itxt(value: bytes, *, packed: bool = False) -> bytes:
    body = zlib.compress(value) if packed else value
    return chunk(
        b"iTXt", CHUNK.encode() + b"\0" + (b"\1\0" if packed else b"\0\0") + b"\0\0" + body
    )


def recorded(**changed: object) -> bytes:
    return json.dumps(
        {"schema": 1, "request": {**asdict(REQUEST), **changed}}, ensure_ascii=True
    ).encode()


@settings(max_examples=600)
@given(requests, st.lists(requests, max_size=2))
def test_a_png_gives_back_the_very_request(request: Request, earlier: list[Request]) -> None:
    found = read(EXPORTER.export(frame(request), lineage=earlier).data)
    assert found.requests == (request,)
    assert found.entries[0].record.lineage == tuple(earlier)


cards = st.builds(Card, texts, texts, st.lists(texts, max_size=3).map(tuple), texts, st.booleans())


@settings(max_examples=100)
@given(st.lists(st.tuples(requests, cards), min_size=1, max_size=8), texts)
def test_an_archive_gives_back_all_requests_and_cards(
    pins: list[tuple[Request, Card]], title: str
) -> None:
    items = [EXPORTER.export(frame(request)).item(card) for request, card in pins]
    data = b"".join(archive.written(items, title))
    found = read(data)
    assert (found.kind, found.title) == ("ZIP", title)
    assert [(entry.record.request, entry.card) for entry in found.entries] == pins
    for entry, item in zip(found.entries, items, strict=True):
        assert archive.picture(io.BytesIO(data), entry) == item.data


@settings(max_examples=30)
@given(requests)
@pytest.mark.parametrize("kind", [Format.JPEG, Format.WEBP])
def test_a_picture_with_its_sidecar_gives_back_the_request(kind: Format, request: Request) -> None:
    made = EXPORTER.export(frame(request), kind)
    assert read(made.data, made.sidecar).requests == (request,)
    assert made.sidecar is not None
    assert read(made.sidecar).requests == (request,)
    with Image.open(io.BytesIO(made.data)) as picture:
        assert str(picture.getexif()[Base.Software]).startswith("Klein Live ")


def test_a_sidecar_of_another_picture_is_refused() -> None:
    one, other = (
        EXPORTER.export(frame(replace(REQUEST, seed=seed)), Format.JPEG) for seed in (1, 2)
    )
    with pytest.raises(KleinError, match="another picture"):
        read(one.data, other.sidecar)
    with pytest.raises(KleinError, match="add the JSON file"):
        read(one.data)


def test_markup_in_a_prompt_stays_text() -> None:
    prompt = "<script>alert(1)</script> <img src=x onerror=1>"
    assert read(exported(replace(REQUEST, prompt=prompt))).requests[0].prompt == prompt


def test_what_other_tools_packed_is_read() -> None:
    told = request_json(REQUEST).encode()
    assert read(png_with(itxt(told, packed=True))).requests == (REQUEST,)
    assert read(png_with(chunk(b"tEXt", CHUNK.encode() + b"\0" + told))).requests == (REQUEST,)
    packed = chunk(b"zTXt", CHUNK.encode() + b"\0\0" + zlib.compress(told))
    assert read(png_with(packed)).requests == (REQUEST,)


def test_bombs_in_other_chunks_are_never_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = chunk(b"zTXt", b"other\0\0" + zlib.compress(bytes(64 * 2**20)))
    unpacked: list[bytes] = []
    monkeypatch.setattr(chunks, "_inflated", unpacked.append)
    assert read(png_with(bomb, itxt(request_json(REQUEST).encode()))).requests == (REQUEST,)
    assert not unpacked


MEGABYTES = b" " * (64 * 2**20)


@pytest.mark.parametrize(
    ("part", "says"),
    [
        (itxt(recorded(prompt="a" * 2**20)), "too long"),
        (itxt(recorded(prompt="a" * 9000)), "holds no request"),
        (itxt(MEGABYTES, packed=True), "too long"),
        (chunk(b"zTXt", CHUNK.encode() + b"\0\0" + zlib.compress(MEGABYTES)), "too long"),
        (chunk(b"zTXt", CHUNK.encode() + b"\0\0no zlib"), "damaged"),
        (chunk(b"iTXt", CHUNK.encode() + b"\0"), "damaged"),
        (chunk(b"iTXt", CHUNK.encode()), "holds no request"),
        (chunk(b"iTXt", CHUNK.encode() + b"\0\0\0\0\0\xff\xfe"), "damaged"),
        (itxt(recorded())[:-1] + b"!", "damaged"),
        (itxt(recorded()) + itxt(recorded(seed=7)), "two different"),
        (itxt(b"[" * 500_000), "holds no request"),
        (itxt(b'{"schema":1,"request":' + b'{"a":' * 100_000), "holds no request"),
        (itxt(recorded(seed=True)), "holds no request"),
        (itxt(recorded(seed="7")), "holds no request"),
        (itxt(recorded(seed=7.5)), "holds no request"),
        (itxt(recorded(seed=10**40)), "holds no request"),
        (itxt(recorded(prompt=["a"])), "holds no request"),
        (itxt(recorded(prompt="\ud800")), "holds no request"),
        (itxt(recorded(guidance_scale=float("nan"))), "holds no request"),
        (itxt(recorded(guidance_scale=7).replace(b": 7,", b": 1e999,")), "holds no request"),
        (
            itxt(recorded(guidance_scale=7).replace(b": 7,", b": " + b"9" * 5000 + b",")),
            "no request",
        ),
        (itxt(recorded(references=[{"digest": 5}])), "holds no request"),
        (itxt(recorded(references="abc")), "holds no request"),
        (itxt(recorded(loras=[["ink", 1]])), "holds no request"),
        (itxt(recorded(loras=[{"name": "a"}] * 5000)), "holds no request"),
        (itxt(recorded(__class__="x")), "holds no request"),
        (itxt(b'{"schema": "1"}'), "holds no request"),
        (itxt(b'{"schema": 9}'), "update the app"),
        (b"", "holds no request"),
    ],
)
def test_a_hostile_png_is_one_sentence(part: bytes, says: str) -> None:
    with pytest.raises(KleinError, match=says) as refused:
        read(png_with(part))
    assert "\n" not in str(refused.value)


@given(st.binary(max_size=200), st.integers(0, 200))
def test_damage_never_raises_anything_else(noise: bytes, at: int) -> None:
    data = exported()
    for broken in (noise, data[:at], data[:at] + noise + data[at:], b"PK\x03\x04" + noise):
        with contextlib.suppress(KleinError):
            read(broken)


def zipped(files: list[tuple[str, bytes]], method: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as made:
        for name, data in files:
            made.writestr(name, data)
    return out.getvalue()


def files_of(data: bytes) -> list[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(data)) as made:
        return [(name, made.read(name)) for name in made.namelist()]


def good() -> list[tuple[str, bytes]]:
    return files_of(b"".join(archive.written([EXPORTER.export(frame(REQUEST)).item()])))


def manifest(change: Callable[[dict[str, object]], object]) -> list[tuple[str, bytes]]:
    (name, picture), (_, told) = good()
    fields = json.loads(told)
    change(fields)
    return [(name, picture), (archive.MANIFEST, json.dumps(fields).encode())]


def renamed(name: str) -> list[tuple[str, bytes]]:
    (_, picture), told = good()
    return [(name, picture), told]


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("files", "says"),
    [
        (good()[:1], "has no manifest"),
        ([], "has no manifest"),
        (renamed("../../etc/cron.d/x"), "could do harm"),
        (renamed("/etc/passwd"), "could do harm"),
        (renamed("..\\x.png"), "could do harm"),
        (renamed("C:x.png"), "could do harm"),
        (renamed("nul.png"), "could do harm"),
        (renamed("a\n.png"), "could do harm"),
        (renamed("other.png"), "name different files"),
        ([*good(), ("more.png", b"x")], "name different files"),
        ([good()[0], *good()], "one name"),
        ([(good()[0][0].upper(), b""), *good()], "one name"),
        ([(good()[0][0], b"another picture"), good()[1]], "is not the picture"),
        ([good()[0], (archive.MANIFEST, b"no JSON")], "makes no sense"),
        ([good()[0], (archive.MANIFEST, b"[" * 99_999)], "makes no sense"),
        (manifest(lambda told: told.update(schema=2)), "update the app"),
        (manifest(lambda told: told.update(entries=5)), "makes no sense"),
        (manifest(lambda told: told.update(entries=[5])), "makes no sense"),
        (manifest(lambda told: told["entries"][0].update(star=1)), "makes no sense"),  # type: ignore[index]
        (manifest(lambda told: told["entries"][0].update(tags="ab")), "makes no sense"),  # type: ignore[index]
        (manifest(lambda told: told["entries"][0].pop("sha256")), "is not the picture"),  # type: ignore[index]
        ([(f"{i}.png", b"") for i in range(1002)], "at most 1,000 pictures"),
    ],
)
def test_a_hostile_archive_is_one_sentence(files: list[tuple[str, bytes]], says: str) -> None:
    with pytest.raises(KleinError, match=says):
        read(zipped(files) if files else zipped([("a.png", b"")]))


def test_what_unpacks_to_far_more_is_refused_unread() -> None:
    bomb = [("a.png", bytes(32 * 2**20)), (archive.MANIFEST, b"{}")]
    with pytest.raises(KleinError, match="unpacks to far more"):
        read(zipped(bomb, zipfile.ZIP_DEFLATED))
    with pytest.raises(KleinError, match="unpacks to far more"):
        read(zipped([(archive.MANIFEST, bytes(9 * 2**20))], zipfile.ZIP_DEFLATED))


def test_an_archive_cut_short_or_changed_is_refused() -> None:
    data = b"".join(archive.written([EXPORTER.export(frame(REQUEST)).item()]))
    with pytest.raises(KleinError, match="damaged"):
        read(data[:-30])
    broken = bytearray(data)
    broken[len(data) // 3] ^= 1
    with pytest.raises(KleinError):
        read(bytes(broken))


def test_an_archive_holds_one_picture_at_a_time() -> None:
    taken: list[int] = []

    def items() -> object:
        for number in range(3):
            taken.append(number)
            yield EXPORTER.export(frame(replace(REQUEST, seed=number))).item()

    stream = archive.written(items())  # type: ignore[arg-type]
    first = next(stream)
    assert taken == [0]
    assert len(first) < 2 * len(exported())


def test_too_many_pictures_are_refused_on_the_way_out() -> None:
    item = EXPORTER.export(frame(REQUEST)).item()
    with pytest.raises(KleinError, match="at most 1,000"):
        for _ in archive.written(item for _ in range(1001)):
            pass
