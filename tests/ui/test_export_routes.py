"""Pins leave as files: whole, in order, to their owner alone, and past the gate."""

import io
import threading
from collections.abc import Iterator
from dataclasses import replace

import anyio
import anyio.lowlevel
import numpy as np
import pytest
from starlette.testclient import TestClient
from starlette.types import Message

from klein_ui import watermark
from klein_ui.contract import Pixels
from klein_ui.provenance import archive
from klein_ui.provenance.export import Exporter
from klein_ui.provenance.reading import read
from klein_ui.safety import Gate, Verdict
from klein_ui.ui import bodies, export_routes, saving
from klein_ui.ui.answers import FOREIGN_PAGE
from klein_ui.ui.board_routes import NOBODY
from klein_ui.ui.bodies import NO_OBJECT
from klein_ui.ui.export_routes import EXPORT_PATH, NOTHING, UNCLEAR
from klein_ui.ui.owners import COOKIE
from klein_ui.ui.services import Services

from .browsing import app_of
from .exporting import ME, OTHER, client_of, made, owner, pinned, pixels_of, requests


@pytest.fixture
def client(services: Services) -> Iterator[TestClient]:
    with client_of(services) as found:
        yield found


def test_a_board_becomes_an_archive_with_what_was_written(
    client: TestClient, services: Services
) -> None:
    pins = pinned(services, "sun", "moon", "<b>sea</b>")
    board = services.moodboard.rename_board(owner(), pins[0].board, "Blue hour")
    services.moodboard.edit(owner(), pins[1].id, title="Moon", note="a\nb", tags=["x"], star=True)
    reply = client.post(EXPORT_PATH, json={"board": board.id, "as": "zip"})
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "application/zip"
    assert reply.headers["content-disposition"].endswith("Blue-hour-3.zip")
    contents = archive.read(io.BytesIO(reply.content))
    assert contents.title == "Blue hour"
    assert [entry.record.request for entry in contents.entries] == requests(pins)
    card = contents.entries[1].card
    assert (card.title, card.note, card.tags, card.star) == ("Moon", "a\nb", ("x",), True)
    for pin, entry in zip(pins, contents.entries, strict=True):
        png = archive.picture(io.BytesIO(reply.content), entry)
        kept = services.moodboard.picture(owner(), pin.id)
        assert np.array_equal(pixels_of(png), pixels_of(kept))


def test_chosen_pins_come_in_the_order_they_are_named(
    client: TestClient, services: Services
) -> None:
    first, second, third = pinned(services, "sun", "moon", "sea")
    reply = client.post(EXPORT_PATH, json={"pins": [third.id, first.id], "as": "webp"})
    contents = archive.read(io.BytesIO(reply.content))
    assert [entry.record.request for entry in contents.entries] == requests([third, first])
    assert all(entry.file.endswith(".webp") for entry in contents.entries)
    assert second.request not in [entry.record.request for entry in contents.entries]


def test_one_pin_as_png_is_that_picture(client: TestClient, services: Services) -> None:
    (pin,) = pinned(services, "sun")
    reply = client.post(EXPORT_PATH, json={"pins": [pin.id], "as": "png"})
    assert reply.headers["content-type"] == "image/png"
    assert read(reply.content).requests == (pin.request,)


@pytest.mark.parametrize("kind", ["png", "pdf"])
def test_a_contact_sheet(client: TestClient, services: Services, kind: str) -> None:
    pins = pinned(services, "sun", "moon")
    reply = client.post(EXPORT_PATH, json={"pins": [pin.id for pin in pins], "as": f"sheet.{kind}"})
    assert reply.status_code == 200
    assert reply.headers["content-disposition"].endswith(f"Moodboard-2.{kind}")
    if kind == "png":
        found = read(reply.content)
        assert (found.requests, found.title) == (tuple(requests(pins)), "Moodboard")
    else:
        assert reply.content.startswith(b"%PDF")


SENSELESS = (
    b"",
    b"[]",
    b"{",
    b'{"as": "zip"}',
    b'{"pins": [], "as": "zip"}',
    b'{"pins": [1], "as": "zip"}',
    b'{"as": "exe"}',
    b'{"pins": "all", "as": []}',
)


@pytest.mark.parametrize("body", SENSELESS)
def test_what_makes_no_sense_is_one_sentence(client: TestClient, body: bytes) -> None:
    reply = client.post(EXPORT_PATH, content=body)
    assert reply.status_code == 422
    assert reply.json()["sentence"] in (UNCLEAR, NO_OBJECT)


def test_long_bodies_are_not_read(client: TestClient) -> None:
    reply = client.post(EXPORT_PATH, content=b" " * (bodies.MAX_FIELDS_BYTES + 1))
    assert reply.status_code == 413


def test_an_empty_board_says_so(client: TestClient, services: Services) -> None:
    board = services.moodboard.create_board(owner(), "Empty")
    for kind in export_routes.KINDS:
        reply = client.post(EXPORT_PATH, json={"board": board.id, "as": kind})
        assert (reply.status_code, reply.json()) == (422, {"sentence": NOTHING})


def test_nobody_gets_the_pins_of_another(client: TestClient, services: Services) -> None:
    (pin,) = pinned(services, "sun")
    with client_of(services, OTHER) as other:
        for asked in ({"pins": [pin.id]}, {"board": pin.board}, {"board": "nowhere"}):
            reply = other.post(EXPORT_PATH, json={**asked, "as": "zip"})
            assert reply.status_code == 404
            assert reply.json()["sentence"].endswith(".")
    with client_of(services, "") as program:
        reply = program.post(EXPORT_PATH, json={"pins": [pin.id], "as": "zip"})
        assert (reply.status_code, reply.json()) == (403, {"sentence": NOBODY})
    foreign = client.post(
        EXPORT_PATH,
        json={"pins": [pin.id], "as": "zip"},
        headers={"Origin": "https://elsewhere.example"},
    )
    assert (foreign.status_code, foreign.json()) == (403, {"sentence": FOREIGN_PAGE})


@pytest.mark.parametrize("kind", ["zip", "sheet.png", "sheet.pdf", "png", "jpeg"])
def test_the_gate_is_asked_for_each(services: Services, kind: str) -> None:
    pins = pinned(services, "sun", "moon")
    seen: list[Pixels] = []

    def refuses_all(pixels: Pixels) -> Verdict:
        seen.append(pixels)
        return Verdict(False, "nsfw", 0.9)

    gated = replace(services, exporter=Exporter(Gate(refuses_all)))
    with client_of(gated) as client:
        asked = {"pins": [pins[0].id] if kind == "png" else [pin.id for pin in pins], "as": kind}
        reply = client.post(EXPORT_PATH, json=asked)
    assert reply.status_code == 503
    assert "nsfw" in reply.json()["sentence"]
    assert len(seen) == 1


def test_a_sheet_is_marked_and_signed(services: Services) -> None:
    pins = pinned(services, "sun", "moon")
    asked = {"pins": [pin.id for pin in pins], "as": "sheet.png"}
    with client_of(replace(services, exporter=Exporter(watermark=True))) as client:
        marked = client.post(EXPORT_PATH, json=asked)
        assert watermark.detect(pixels_of(marked.content)) is not None
    unsigned = Exporter(must_sign=True, why_unsigned="Signing is broken; mend it.")
    with client_of(replace(services, exporter=unsigned)) as client:
        for kind in ("sheet.png", "sheet.pdf", "zip"):
            reply = client.post(EXPORT_PATH, json={**asked, "as": kind})
            assert (reply.status_code, reply.json()) == (
                503,
                {"sentence": "Signing is broken; mend it."},
            )


def test_a_damaged_pin_is_said_before_anything_is_sent(
    client: TestClient, services: Services
) -> None:
    (pin,) = pinned(services, "sun")
    for path in (services.ledger.folder / "pins").rglob("*.png"):
        path.write_bytes(b"torn")
    for kind in export_routes.KINDS:
        reply = client.post(EXPORT_PATH, json={"pins": [pin.id], "as": kind})
        assert reply.status_code == 422, kind
        assert "damaged" in reply.json()["sentence"]


def test_a_client_that_goes_away_stops_the_sheet(services: Services) -> None:
    pins = pinned(services, "sun", "moon", "sea", "sand")
    left, drawn = threading.Event(), list[Pixels]()

    def looks(pixels: Pixels) -> Verdict:
        drawn.append(pixels)
        assert left.wait(10)
        return Verdict(True, "", 0.0)

    gated = replace(services, exporter=Exporter(Gate(looks)))
    app = app_of(export_routes.routes(gated))
    ids = ",".join(f'"{pin.id}"' for pin in pins)
    body = f'{{"pins": [{ids}], "as": "sheet.png"}}'.encode()
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
    sent: list[Message] = []

    async def receive() -> Message:
        if messages:
            return messages.pop(0)
        while not drawn:
            await anyio.lowlevel.checkpoint()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    async def run() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(app, scope, receive, send)
            while not drawn:
                await anyio.lowlevel.checkpoint()
            # The server has its turn to hear that the client left.
            for _ in range(10):
                await anyio.lowlevel.checkpoint()
            left.set()

    scope = {
        "type": "http",
        "method": "POST",
        "path": EXPORT_PATH,
        "headers": [(b"cookie", f"{COOKIE}={ME}".encode())],
        "query_string": b"",
    }
    anyio.run(run)
    assert len(drawn) == 1


@pytest.mark.parametrize("kind", ["png", "webp", "jpeg"])
def test_the_picture_on_screen_in_each_format(
    client: TestClient, services: Services, kind: str
) -> None:
    frame = made(services, "sun")
    at = saving.FRAME_PATH.format(name=services.shelf.put(frame))
    picture = client.get(at, params={"format": kind})
    assert picture.headers["content-type"] == f"image/{kind}"
    assert picture.headers["content-disposition"].startswith("attachment")
    assert pixels_of(picture.content).shape == frame.pixels.shape
    both = client.get(at, params={"format": kind, "sidecar": "1"})
    assert both.headers["content-type"] == "application/zip"
    (entry,) = archive.read(io.BytesIO(both.content)).entries
    assert entry.record.request == frame.request


def test_an_unknown_format_is_said(client: TestClient, services: Services) -> None:
    at = saving.FRAME_PATH.format(name=services.shelf.put(made(services, "sun")))
    reply = client.get(at, params={"format": "bmp"})
    assert (reply.status_code, reply.text) == (422, saving.NO_FORMAT)


@pytest.mark.parametrize("kind", ["zip", "jpeg", "sheet.png"])
def test_any_picture_held_back_is_said_before_the_first_byte(services: Services, kind: str) -> None:
    pins = pinned(services, "sun", "moon", "stars")
    last = services.moodboard.picture(owner(), pins[-1].id)

    def check(pixels: Pixels) -> Verdict:
        return Verdict(not np.array_equal(pixels, pixels_of(last)), "odd", 0.9)

    guarded = replace(services, exporter=Exporter(Gate(check, required=True)))
    with client_of(guarded) as client:
        reply = client.post(EXPORT_PATH, json={"board": pins[0].board, "as": kind})
    assert reply.status_code == 503
    assert "odd" in reply.json()["sentence"]
