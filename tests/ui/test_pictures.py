"""The gallery's routes with a real ASGI client: images in, images and comparisons out."""

import asyncio
import base64
import io
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from klein_ui import compare, dispatcher, provenance, uploads
from klein_ui.contract import Frame, Origin, Pixels, Reference, Request, Stage, Timings
from klein_ui.engine.fake import bands
from klein_ui.ui import changes, pictures, saving, socket
from klein_ui.ui.services import Services
from klein_ui.ui.shelf import Shelf
from klein_ui.uploads import digest_of

REQUEST = Request("a cup", 7, 128, 96, 4, 1.0, "postcard")
NEVER = "0" * 64


@pytest.fixture
def client(services: Services) -> Iterator[TestClient]:
    routes = [*socket.routes(services), *saving.routes(services), *pictures.routes(services)]
    with TestClient(Starlette(routes=routes)) as made:
        yield made


def noise(width: int = 160, height: int = 120) -> Pixels:
    shape = (height, width, 3)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def png(pixels: Pixels) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def frame(request: Request) -> Frame:
    return Frame(request, Stage.FINAL, bands(request), Timings(), Origin("a", "b", "c", "d"))


def refused(reply: Any, status: int) -> str:
    assert reply.status_code == status
    (sentence,) = reply.json().values()
    assert reply.json() == {"sentence": sentence}
    assert sentence.endswith(".")
    return str(sentence)


def opened(body: bytes) -> Pixels:
    with Image.open(io.BytesIO(body)) as picture:
        return np.array(picture)


def test_an_upload_is_kept_by_its_digest(client: TestClient, services: Services) -> None:
    reply = client.post(pictures.PICTURES_PATH, content=png(noise()))
    assert reply.status_code == 200
    assert reply.json() == {
        "digest": digest_of(noise()),
        "width": 160,
        "height": 120,
        "notes": [],
        "made_by": "",
    }
    assert np.array_equal(services.pictures.get(digest_of(noise())), noise())


def test_an_animation_comes_with_its_note(client: TestClient) -> None:
    out = io.BytesIO()
    first, second = (Image.new("RGB", (80, 80), colour) for colour in ("red", "blue"))
    first.save(out, "PNG", save_all=True, append_images=[second])
    reply = client.post(pictures.PICTURES_PATH, content=out.getvalue())
    assert reply.json()["notes"] == [uploads.FIRST_FRAME]


@pytest.mark.parametrize("body", [b"", b"text", png(noise())[:500], png(noise(20, 20))])
def test_what_is_no_image_is_a_sentence(client: TestClient, body: bytes) -> None:
    refused(client.post(pictures.PICTURES_PATH, content=body), 422)


def test_a_body_that_says_it_is_too_large_is_not_read(client: TestClient) -> None:
    said = {"content-length": str(uploads.MAX_UPLOAD_BYTES + 1)}
    reply = client.post(pictures.PICTURES_PATH, content=b"little", headers=said)
    assert "20 MB" in refused(reply, 413)


async def test_reading_stops_at_the_limit(services: Services) -> None:
    chunk, given = bytes(2**20), 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal given
        while True:
            given += 1
            yield chunk

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": await anext(body), "more_body": True}

    sent: list[dict[str, object]] = []

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    body = endless()
    scope = {
        "type": "http",
        "method": "POST",
        "path": pictures.PICTURES_PATH,
        "headers": [],
        "query_string": b"",
    }
    await Starlette(routes=pictures.routes(services))(scope, receive, send)  # type: ignore[arg-type]
    assert sent[0]["status"] == 413
    assert given == uploads.MAX_UPLOAD_BYTES // len(chunk) + 1


def test_another_origin_may_add_nothing(client: TestClient, services: Services) -> None:
    headers = {"origin": "https://evil.example"}
    for path in (pictures.PICTURES_PATH, changes.SOURCES_PATH.format(name="any")):
        refused(client.post(path, content=png(noise()), headers=headers), 403)
    assert services.pictures.size(digest_of(noise())) is None


def test_a_full_disk_is_a_sentence(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    reply = client.post(pictures.PICTURES_PATH, content=png(noise()))
    assert "no room left" in refused(reply, 507)


@pytest.mark.parametrize("in_memory", [True, False])
def test_a_frame_becomes_a_picture_with_its_request(services: Services, in_memory: bool) -> None:
    services = services if in_memory else replace(services, shelf=Shelf(0))
    made = frame(REQUEST)
    name = services.shelf.put(made)
    with TestClient(Starlette(routes=pictures.routes(services))) as client:
        reply = client.post(pictures.PICTURES_PATH, params={"frame": name}).json()
    assert reply["digest"] == digest_of(made.pixels)
    assert (reply["width"], reply["height"]) == (128, 96)
    assert reply["made_by"] == provenance.request_digest(REQUEST)
    assert services.pictures.made_by(reply["digest"]) == REQUEST


def test_a_saved_frame_that_comes_back_is_known(client: TestClient, services: Services) -> None:
    name = services.shelf.put(frame(REQUEST))
    first = client.post(pictures.PICTURES_PATH, params={"frame": name}).json()
    file = client.get(saving.FRAME_PATH.format(name=name)).content
    assert client.post(pictures.PICTURES_PATH, content=file).json() == first


def test_a_frame_that_is_gone_cannot_be_added(client: TestClient) -> None:
    reply = client.post(pictures.PICTURES_PATH, params={"frame": "0" * 32})
    assert "type a letter" in refused(reply, 404)


def test_a_frame_too_long_for_the_pipeline_is_refused(
    client: TestClient, services: Services
) -> None:
    name = services.shelf.put(frame(replace(REQUEST, width=1024, height=96)))
    reply = client.post(pictures.PICTURES_PATH, params={"frame": name})
    assert "8 times" in refused(reply, 422)


def test_a_frame_that_cannot_be_made_again_is_a_sentence(services: Services) -> None:
    services = replace(services, shelf=Shelf(0))
    name = services.shelf.put(frame(replace(REQUEST, prompt="boom")))
    with TestClient(Starlette(routes=pictures.routes(services))) as client:
        reply = client.post(pictures.PICTURES_PATH, params={"frame": name})
    assert "type something else" in refused(reply, 503)


def test_a_picture_comes_in_the_size_asked_for(client: TestClient, services: Services) -> None:
    path = pictures.PICTURE_PATH.format(digest=services.pictures.put(noise()))
    for query, size in (
        ({}, (120, 160)),
        ({"side": 40}, (30, 40)),
        ({"side": 2048}, (120, 160)),
        ({"width": 64, "height": 96}, (96, 64)),
    ):
        reply = client.get(path, params=query)
        assert reply.headers["content-type"] == "image/jpeg"
        assert "immutable" in reply.headers["cache-control"]
        assert opened(reply.content).shape == (*size, 3)


def test_a_fitted_picture_is_the_one_that_comparisons_use(
    client: TestClient, services: Services
) -> None:
    pixels = np.array(Image.fromarray(noise(8, 6)).resize((160, 120), Image.Resampling.BICUBIC))
    path = pictures.PICTURE_PATH.format(digest=services.pictures.put(pixels))
    shown = opened(client.get(path, params={"width": 96, "height": 96}).content).astype(int)
    assert np.abs(shown - compare.fitted(pixels, 96, 96)).mean() < 3


@pytest.mark.parametrize(
    "query",
    [
        {"side": "15"},
        {"side": "2049"},
        {"side": "-64"},
        {"side": "x"},
        {"side": "²"},
        {"side": "9" * 5000},
        {"width": "64"},
        {"height": "64"},
        {"width": "64", "height": "9999"},
    ],
)
def test_a_wrong_side_is_a_sentence(
    client: TestClient, services: Services, query: dict[str, str]
) -> None:
    path = pictures.PICTURE_PATH.format(digest=services.pictures.put(noise()))
    assert "from 16 to 2,048" in refused(client.get(path, params=query), 422)


@pytest.mark.parametrize("digest", [NEVER, "short", "..%2f..%2fetc"])
def test_a_picture_that_is_gone_is_a_sentence(client: TestClient, digest: str) -> None:
    reply = client.get(pictures.PICTURE_PATH.format(digest=digest))
    if digest.startswith(".."):
        # No route at all.
        assert reply.status_code == 404
    else:
        assert "add it again" in refused(reply, 404)


def edited(services: Services, *looked_at: Pixels, prompt: str = "a cup") -> tuple[str, Frame]:
    """The name of a frame made with references of these pixels, and the frame."""
    references = tuple(Reference(services.pictures.put(pixels)) for pixels in looked_at)
    made = frame(replace(REQUEST, references=references, prompt=prompt))
    return services.shelf.put(made), made


def test_the_changes_lie_where_the_frame_differs(client: TestClient, services: Services) -> None:
    original = noise(128, 96)
    result = original.copy()
    result[32:64, 32:64] = 255
    request = replace(REQUEST, references=(Reference(services.pictures.put(original)),))
    name = services.shelf.put(replace(frame(request), pixels=result))
    reply = client.get(changes.CHANGES_PATH.format(name=name))
    assert reply.headers["content-type"] == "image/png"
    shown = opened(reply.content)
    assert shown.shape == (96, 128, 4)
    assert shown[40:56, 40:56, 3].min() > 0
    assert not shown[:, 80:, 3].any()


def test_the_changes_are_those_of_the_fitted_reference(
    client: TestClient, services: Services
) -> None:
    larger = np.array(Image.fromarray(bands(REQUEST)).resize((512, 384), Image.Resampling.NEAREST))
    name, made = edited(services, larger)
    shown = opened(client.get(changes.CHANGES_PATH.format(name=name)).content)
    expected = compare.heat_map(compare.change(larger, made.pixels))
    assert np.array_equal(shown, expected)


def test_changes_of_what_is_gone_or_was_no_edit(client: TestClient, services: Services) -> None:
    for method, path in (("GET", changes.CHANGES_PATH), ("POST", changes.SOURCES_PATH)):
        refused(client.request(method, path.format(name="0" * 32)), 404)
        plain = services.shelf.put(frame(REQUEST))
        assert "without an image" in refused(client.request(method, path.format(name=plain)), 409)
    lost = replace(REQUEST, references=(Reference(NEVER),))
    reply = client.get(changes.CHANGES_PATH.format(name=services.shelf.put(frame(lost))))
    assert "add it again" in refused(reply, 404)


class Telling:
    """Stands in for the dispatcher's engine: a reference of strength 1 paints its own part."""

    PARTS = (slice(0, 64), slice(64, 96), slice(96, 128))

    def __init__(self) -> None:
        self.asked: list[Request] = []

    def __call__(self, request: Request) -> Frame:
        self.asked.append(request)
        pixels = np.zeros((96, 128, 3), np.uint8)
        for part, reference in zip(self.PARTS, request.references, strict=False):
            pixels[:, part] = round(200 * reference.strength)
        return replace(frame(request), pixels=pixels)


@pytest.fixture
def telling(monkeypatch: pytest.MonkeyPatch, services: Services) -> Telling:
    engine = Telling()
    monkeypatch.setattr(
        "klein_ui.engine.fake.FakeEngine.render", lambda _, request, *__: engine(request)
    )
    return engine


def test_sources_say_how_much_each_reference_brought(
    client: TestClient, services: Services, telling: Telling
) -> None:
    digests = [services.pictures.put(noise() // part) for part in (1, 2, 3)]
    request = replace(REQUEST, references=tuple(map(Reference, digests)))
    name = services.shelf.put(telling(request))
    reply = client.post(changes.SOURCES_PATH.format(name=name))
    found = reply.json()["sources"]
    assert [source["digest"] for source in found] == digests
    assert [source["share"] for source in found] == pytest.approx([0.5, 0.25, 0.25], abs=0.03)
    for source, part in zip(found, telling.PARTS, strict=True):
        shown = opened(base64.b64decode(source["map"].removeprefix("data:image/png;base64,")))
        middle = (part.start + part.stop) // 2
        assert shown.shape == (96, 128, 4)
        assert shown[48, middle, 3] > 150
        assert not shown[48, (middle + 64) % 128, 3]


def test_sources_render_each_reference_off_and_nothing_else(
    client: TestClient, services: Services, telling: Telling
) -> None:
    references = (Reference(NEVER, "style", 0.5), Reference("1" * 64), Reference(NEVER))
    request = replace(REQUEST, references=references)
    name = services.shelf.put(frame(request))
    assert client.post(changes.SOURCES_PATH.format(name=name)).status_code == 200
    for at, asked in enumerate(sorted(telling.asked, key=lambda one: one.references[0].strength)):
        off = [reference.strength for reference in asked.references]
        assert off.count(0.0) == 1
        if at == 0:
            assert off == [0.0, 1.0, 1.0]
        assert [one.role for one in asked.references] == ["style", "", ""]
        assert replace(asked, references=references) == request
    assert len(telling.asked) == 3


def test_sources_of_a_frame_that_nothing_changes_are_nought(
    client: TestClient, services: Services, telling: Telling
) -> None:
    references = (Reference(NEVER, strength=0.0), Reference("1" * 64, strength=0.0))
    name = services.shelf.put(telling(replace(REQUEST, references=references)))
    found = client.post(changes.SOURCES_PATH.format(name=name)).json()["sources"]
    assert [source["share"] for source in found] == [0, 0]


def test_a_large_map_is_made_small(client: TestClient, services: Services) -> None:
    request = replace(REQUEST, width=512, height=256, references=(Reference(NEVER),))
    name = services.shelf.put(frame(request))
    (source,) = client.post(changes.SOURCES_PATH.format(name=name)).json()["sources"]
    shown = opened(base64.b64decode(source["map"].split(",")[1]))
    assert shown.shape == (96, 192, 4)


def test_sources_that_cannot_be_made_are_a_sentence(
    client: TestClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, _ = edited(services, noise(), noise(100, 100), prompt="boom")
    path = changes.SOURCES_PATH.format(name=name)
    assert "type something else" in refused(client.post(path), 503)
    assert services.dispatcher.stats().sessions == 0
    monkeypatch.setattr(dispatcher, "MAX_SESSIONS", 0)
    assert "Too many pages" in refused(client.post(path), 503)


def test_a_saved_frame_tells_its_lineage(client: TestClient, services: Services) -> None:
    first = replace(REQUEST, prompt="first")
    references = (Reference(services.pictures.put(bands(first), first)),)
    name = services.shelf.put(frame(replace(REQUEST, references=references)))
    file = client.get(saving.FRAME_PATH.format(name=name)).content
    with Image.open(io.BytesIO(file)) as picture:
        chunk = str(picture.info[provenance.CHUNK])
    assert '"lineage": [{"prompt": "first"' in chunk
    assert provenance.request_from(chunk).prompt == "a cup"


async def test_many_uploads_at_once_all_arrive(services: Services) -> None:
    app = Starlette(routes=pictures.routes(services))
    sizes = [(64 + side, 80) for side in range(12)]
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://app"
    ) as client:
        replies = await asyncio.gather(
            *(client.post(pictures.PICTURES_PATH, content=png(noise(*size))) for size in sizes)
        )
    assert [reply.json()["width"] for reply in replies] == [width for width, _ in sizes]
