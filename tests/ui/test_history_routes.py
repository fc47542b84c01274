"""Typed states over the wire: recorded from the socket, listed, and seen by their owner alone."""

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

from klein_ui.contract import Stage
from klein_ui.history import GONE, History
from klein_ui.ledger import Ledger
from klein_ui.ui import history_routes, saving, socket
from klein_ui.ui.answers import FOREIGN_PAGE
from klein_ui.ui.history_routes import HISTORY_PATH
from klein_ui.ui.services import Services

from ..kept import frame
from .browsing import browser_of
from .test_socket import ask, next_frame

ME, OTHER = "m" * 32, "o" * 32
SESSION = "0123456789abcdef"


def client_of(services: Services, cookie: str = ME) -> TestClient:
    routes = [*socket.routes(services), *saving.routes(services), *history_routes.routes(services)]
    return browser_of(routes, cookie)


@pytest.fixture
def client(services: Services) -> Iterator[TestClient]:
    with client_of(services) as made:
        yield made


def shown(client: TestClient, *asked: dict[str, Any]) -> list[dict[str, Any]]:
    """Ask for each in turn on one socket; the headers of the pictures."""
    headers = []
    with client.websocket_connect(socket.SOCKET_PATH) as page:
        for seq, fields in enumerate(asked, 1):
            ask(page, seq, fields.pop("prompt"), **{"session": SESSION, **fields})
            header, _ = next_frame(page)
            while header["seq"] != seq or header["stage"] != "final":
                header, _ = next_frame(page)
            headers.append(header)
    return headers


def states(client: TestClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(HISTORY_PATH).json()["states"]
    return found


def test_what_is_shown_is_listed_with_its_settings(client: TestClient) -> None:
    loras = [{"name": "ink", "scale": 0.5}]
    first, second = shown(
        client, {"prompt": "sun", "seed": 7}, {"prompt": "moon", "steps": 2, "loras": loras}
    )
    assert [state["prompt"] for state in states(client)] == ["sun", "moon"]
    one, two = states(client)
    assert {"id": one["id"], "parent": "", "at": one["at"]} == first["state"]
    assert {"id": two["id"], "parent": one["id"], "at": two["at"]} == second["state"]
    assert (one["seed"], one["width"], one["height"], one["stage"]) == (7, 128, 128, "final")
    assert (two["steps"], two["model"], two["loras"]) == (2, "postcard", loras)
    assert "trouble" not in first


def test_a_request_that_names_a_state_branches_from_it(client: TestClient) -> None:
    first, _ = shown(client, {"prompt": "sun"}, {"prompt": "moon"})
    (branch,) = shown(client, {"prompt": "sea", "stands": first["state"]["id"]})
    assert branch["state"]["parent"] == first["state"]["id"]
    (after,) = shown(client, {"prompt": "rain", "stands": "f" * 16})
    assert after["state"]["parent"] == branch["state"]["id"]


def test_after_a_restart_the_session_goes_on(services: Services, client: TestClient) -> None:
    (first,) = shown(client, {"prompt": "sun"})
    services.history.close()
    anew = replace(services, history=History(Ledger(services.ledger.folder)))
    with client_of(anew) as again:
        (next_one,) = shown(again, {"prompt": "moon"})
        assert next_one["state"]["parent"] == first["state"]["id"]
        assert len(states(again)) == 2
    anew.close()


@pytest.mark.parametrize("session", [None, 7, "", "nobody", "g" * 16])
def test_what_names_no_session_is_not_kept(client: TestClient, session: object) -> None:
    (header,) = shown(client, {"prompt": "sun", "session": session})
    assert "state" not in header
    assert states(client) == []


def test_nobody_sees_the_states_of_another(services: Services, client: TestClient) -> None:
    (header,) = shown(client, {"prompt": "sun"})
    at = f"{HISTORY_PATH}/{header['state']['id']}"
    for cookie in (OTHER, ""):
        with client_of(services, cookie) as other:
            assert states(other) == []
            for reply in (
                other.get(f"{at}/picture.jpg"),
                other.get(f"{at}/thumbnail.webp"),
                other.post(f"{at}/frame"),
            ):
                assert (reply.status_code, reply.json()) == (404, {"sentence": GONE})


def test_thumbnail_and_picture(client: TestClient, services: Services) -> None:
    (header,) = shown(client, {"prompt": "sun", "width": 256, "height": 128})
    at = f"{HISTORY_PATH}/{header['state']['id']}"
    # The first while it may still wait to be written, the second from the disk.
    for _ in range(2):
        for name, size, kind in (
            ("thumbnail.webp", (160, 80), "WEBP"),
            ("picture.jpg", (256, 128), "JPEG"),
        ):
            reply = client.get(f"{at}/{name}")
            assert reply.headers["cache-control"].startswith("private")
            with Image.open(io.BytesIO(reply.content)) as picture:
                assert (picture.size, picture.format) == (size, kind)
        assert services.history.flush()


def test_a_state_gets_a_name_for_its_png(client: TestClient, services: Services) -> None:
    (header,) = shown(client, {"prompt": "sun"})
    at = f"{HISTORY_PATH}/{header['state']['id']}/frame"
    name = client.post(at).json()["frame"]
    kept = services.shelf.get(name)
    assert kept is not None
    assert (kept.request.prompt, kept.frame) == ("sun", None)
    assert client.get(f"/gradio_api/live/frames/{name}.png").status_code == 200
    foreign = client.post(at, headers={"Origin": "https://elsewhere.example"})
    assert (foreign.status_code, foreign.json()) == (403, {"sentence": FOREIGN_PAGE})


def test_older_ones_come_by_the_page(client: TestClient, services: Services) -> None:
    (header,) = shown(client, {"prompt": "sun"})
    owner = owner_name(services)
    for number in range(history_routes.MOST):
        services.history.record(owner, SESSION, frame(f"{number}", Stage.FINAL, seed=number))
    assert services.history.flush()
    newest = states(client)
    assert len(newest) == history_routes.MOST
    older = client.get(HISTORY_PATH, params={"before": newest[0]["id"]}).json()["states"]
    assert [state["id"] for state in older] == [header["state"]["id"]]


def owner_name(services: Services) -> str:
    """The owner of the one state there is."""
    assert services.history.flush()
    ((owner,),) = services.ledger.rows("SELECT owner FROM states")
    return str(owner)


def test_a_disk_that_keeps_nothing_is_told_once_and_pictures_go_on(services: Services) -> None:
    services.ledger.folder.write_bytes(b"")
    with (
        client_of(services) as client,
        client.websocket_connect(socket.SOCKET_PATH) as page,
    ):
        troubles = []
        for seq in range(1, 5):
            ask(page, seq, f"sun {seq}", session=SESSION)
            header, _ = next_frame(page)
            assert header["stage"] == "final"
            assert header["state"]
            troubles += [header["trouble"]] if "trouble" in header else []
            assert services.history.flush()
    assert len(troubles) == 1
    assert json.dumps(troubles[0])
    assert troubles == [services.history.status().sentence]
