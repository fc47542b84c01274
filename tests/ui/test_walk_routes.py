"""The way between two pins over the wire: one file of frames, checked and marked."""

import io
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from klein_ui import watermark
from klein_ui.contract import Pixels
from klein_ui.provenance.export import Exporter
from klein_ui.safety import Gate, Verdict
from klein_ui.ui import socket, walk_routes
from klein_ui.ui.services import Services
from klein_ui.ui.walk_routes import WALK_PATH

from .browsing import browser_of
from .exporting import ME, made, pixels_of

Fields = dict[str, Any]


def client_of(services: Services) -> TestClient:
    routes = walk_routes.routes(services)
    return browser_of(routes, ME)


@pytest.fixture
def client(services: Services) -> Iterator[TestClient]:
    with client_of(services) as found:
        yield found


@pytest.fixture
def names(services: Services) -> list[str]:
    return [services.shelf.put(made(services, prompt)) for prompt in ("one", "two", "three")]


@pytest.mark.parametrize(("kind", "form"), [("webp", "WEBP"), ("gif", "GIF"), ("strip", "PNG")])
def test_a_walk_leaves_as_one_file(
    client: TestClient, names: list[str], kind: str, form: str
) -> None:
    reply = client.post(WALK_PATH, json={"frames": names, "as": kind, "name": "one to three"})
    assert reply.status_code == 200, reply.text
    assert "one-to-three" in reply.headers["content-disposition"]
    with Image.open(io.BytesIO(reply.content)) as picture:
        assert picture.format == form
        assert getattr(picture, "n_frames", 1) == (1 if kind == "strip" else 3)


def test_a_frame_may_come_again_and_is_made_once(client: TestClient, services: Services) -> None:
    there, gone = (made(services, prompt).request for prompt in ("one", "two"))
    names = [services.shelf.promise(request) for request in (there, gone)]
    before = services.dispatcher.stats().renders
    reply = client.post(WALK_PATH, json={"frames": [*names, names[0]], "as": "gif"})
    assert reply.status_code == 200
    assert services.dispatcher.stats().renders == before + 2


@pytest.mark.parametrize(
    "fields",
    [
        {"frames": ["x"]},
        {"frames": ["x"] * 49},
        {"frames": "x"},
        {"frames": ["x", "y"], "as": "mp4"},
        {"frames": ["x", "y"], "as": None},
        {"frames": ["x", "y"], "as": []},
    ],
)
def test_a_walk_that_makes_no_sense_is_refused(client: TestClient, fields: Fields) -> None:
    reply = client.post(WALK_PATH, json={"as": "gif", **fields})
    assert reply.status_code == 422
    assert reply.json()["sentence"] in (walk_routes.NO_FRAMES, walk_routes.NO_KIND)


def test_a_walk_of_frames_that_are_gone_says_so(client: TestClient) -> None:
    reply = client.post(WALK_PATH, json={"frames": ["x", "y"], "as": "gif"})
    assert (reply.status_code, reply.json()) == (404, {"sentence": socket.GONE})


@pytest.mark.parametrize("kind", ["webp", "strip"])
def test_one_picture_held_back_holds_back_the_walk(
    services: Services, names: list[str], kind: str
) -> None:
    seen: list[Pixels] = []

    def check(pixels: Pixels) -> Verdict:
        seen.append(pixels)
        return Verdict(len(seen) != 2, "odd", 0.9)

    guarded = replace(services, exporter=Exporter(Gate(check, required=True)))
    with client_of(guarded) as client:
        reply = client.post(WALK_PATH, json={"frames": names, "as": kind})
    assert reply.status_code == 503
    assert "odd" in reply.json()["sentence"]


def test_a_strip_is_marked_where_pictures_are(services: Services) -> None:
    rng = np.random.default_rng(0)
    frames = []
    for index in range(2):
        frame = made(services, f"picture {index}")
        pixels = rng.integers(90, 160, (256, 320, 3), dtype=np.uint8)
        frames.append(services.shelf.put(replace(frame, pixels=pixels)))
    with client_of(replace(services, exporter=Exporter(watermark=True))) as client:
        reply = client.post(WALK_PATH, json={"frames": frames, "as": "strip"})
    assert watermark.detect(pixels_of(reply.content)) is not None
