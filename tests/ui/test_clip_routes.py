"""A clip over the wire: the branch of the state on screen, to its owner alone."""

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

from klein_ui.history import GONE
from klein_ui.provenance.export import Exporter
from klein_ui.safety import Gate
from klein_ui.ui import clip_routes, history_routes, socket
from klein_ui.ui.answers import FOREIGN_PAGE
from klein_ui.ui.board_routes import NOBODY
from klein_ui.ui.bodies import MAX_FIELDS_BYTES, NO_OBJECT
from klein_ui.ui.clip_routes import CLIP_PATH, UNREADABLE
from klein_ui.ui.services import Services

from .browsing import browser_of
from .test_history_routes import ME, OTHER, SESSION, shown


def client_of(services: Services, cookie: str = ME) -> TestClient:
    parts = (socket, clip_routes, history_routes)
    routes = [route for part in parts for route in part.routes(services)]
    return browser_of(routes, cookie)


@pytest.fixture
def client(services: Services) -> Iterator[TestClient]:
    with client_of(services) as made:
        yield made


def typed(client: TestClient) -> list[str]:
    """Three states, the last one a branch from the first; their ids."""
    first, second = shown(client, {"prompt": "sun"}, {"prompt": "sun moon"})
    (third,) = shown(client, {"prompt": "sea", "stands": first["state"]["id"]})
    return [header["state"]["id"] for header in (first, second, third)]


def asked(last: str, first: str = "", kind: str = "webp") -> dict[str, str]:
    return {"session": SESSION, "from": first, "to": last, "as": kind}


def frames(data: bytes) -> int:
    with Image.open(io.BytesIO(data)) as opened:
        return getattr(opened, "n_frames", 1)


@pytest.mark.parametrize("kind", ["webp", "gif"])
def test_the_clip_shows_the_branch_that_led_to_the_state(client: TestClient, kind: str) -> None:
    _, second, third = typed(client)
    reply = client.post(CLIP_PATH, json=asked(third, kind=kind))
    assert reply.status_code == 200
    assert reply.headers["content-type"] == f"image/{kind}"
    assert f"sea-0.{kind}" in reply.headers["content-disposition"]
    assert frames(reply.content) == 2
    alone = client.post(CLIP_PATH, json=asked(second, second, kind))
    assert frames(alone.content) == 1


def test_nobody_gets_the_clip_of_another(services: Services, client: TestClient) -> None:
    _, _, third = typed(client)
    other = client_of(services, OTHER).post(CLIP_PATH, json=asked(third))
    assert (other.status_code, other.json()) == (422, {"sentence": GONE})
    nobody = client_of(services, "").post(CLIP_PATH, json=asked(third))
    assert (nobody.status_code, nobody.json()) == (403, {"sentence": NOBODY})
    foreign = client.post(CLIP_PATH, json=asked(third), headers={"Origin": "https://e.example"})
    assert (foreign.status_code, foreign.json()) == (403, {"sentence": FOREIGN_PAGE})


@pytest.mark.parametrize(
    "said",
    [None, [], "x", {}, {"to": ""}, {"to": 3}, {"to": ["a"]}, {"to": "a", "as": "mp4"}],
)
def test_what_is_no_request_for_a_clip_is_refused(client: TestClient, said: Any) -> None:
    reply = client.post(CLIP_PATH, content=json.dumps(said))
    assert reply.status_code == 422
    assert reply.json()["sentence"] in (UNREADABLE, NO_OBJECT)


@pytest.mark.parametrize(
    ("body", "status"), [(b"\xff{", 422), (b"[" * 4000, 422), (b"x" * (MAX_FIELDS_BYTES + 1), 413)]
)
def test_hostile_bodies_are_refused(client: TestClient, body: bytes, status: int) -> None:
    assert client.post(CLIP_PATH, content=body).status_code == status


def test_a_shut_gate_keeps_the_clip(services: Services, client: TestClient) -> None:
    _, _, third = typed(client)
    shut = replace(services, exporter=Exporter(Gate(required=True)))
    reply = client_of(shut).post(CLIP_PATH, json=asked(third))
    assert reply.status_code == 503
    assert reply.json()["sentence"].endswith(".")
