"""Choosing a model, over the socket and over Gradio events."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import gradio as gr
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient, WebSocketTestSession

from klein_ui import models, validate
from klein_ui.contract import KleinError
from klein_ui.ui import socket
from klein_ui.ui.lane import Lanes
from klein_ui.ui.services import Services

Said = dict[str, Any]


@pytest.fixture
def page(services: Services) -> Iterator[WebSocketTestSession]:
    client = TestClient(Starlette(routes=socket.routes(services)))
    with client, client.websocket_connect(socket.SOCKET_PATH) as made:
        assert heard(made, "hello")["model"]["name"] == "postcard"
        yield made


def heard(page: WebSocketTestSession, kind: str) -> Said:
    """The next message of a kind; a frame's picture is left out."""
    while True:
        message = page.receive()
        if (body := message.get("bytes")) is not None:
            said = json.loads(body[4 : 4 + int.from_bytes(body[:4], "big")])
        else:
            said = json.loads(message["text"])
        if said["type"] == kind:
            return cast(Said, said)


def choose(name: str, seq: int = 1) -> str:
    return json.dumps({"type": "model", "seq": seq, "name": name})


def ask(seq: int, **fields: object) -> str:
    message = {"type": "request", "seq": seq, "prompt": "sun", "width": 128, "height": 128}
    return json.dumps({**message, **fields})


def test_the_new_model_greets_and_its_limits_hold(
    page: WebSocketTestSession, services: Services
) -> None:
    page.send_text(choose("other"))
    hello = heard(page, "hello")
    assert (hello["model"]["name"], hello["limits"]["steps"]) == ("other", 4)
    page.send_text(ask(2, model="other", steps=8))
    assert heard(page, "error")["field"] == "steps"
    page.send_text(ask(3, model="other", steps=4))
    assert heard(page, "frame")["seq"] == 3
    assert services.row.name == "other"


def test_a_request_for_the_model_before_is_answered_with_a_hello(
    page: WebSocketTestSession,
) -> None:
    page.send_text(choose("other"))
    heard(page, "hello")
    page.send_text(ask(2, model="postcard", width=512, height=512, steps=8))
    assert heard(page, "hello")["model"]["name"] == "other"
    page.send_text(ask(3, model="other"))
    assert heard(page, "frame")["seq"] == 3


def test_a_model_that_cannot_be_loaded_is_one_sentence(page: WebSocketTestSession) -> None:
    page.send_text(choose("absent"))
    hello = heard(page, "hello")
    assert hello["model"]["name"] == "postcard"
    assert hello["sentence"] == (
        "postcard is back: The hub cannot be reached; connect and try again."
    )
    page.send_text(ask(2, model="postcard"))
    assert heard(page, "frame")["seq"] == 2


@pytest.mark.parametrize("name", ["no such model", "", "postcard ", "../x"])
def test_a_wrong_name_is_one_sentence(page: WebSocketTestSession, name: str) -> None:
    page.send_text(choose(name))
    hello = heard(page, "hello")
    assert hello["model"]["name"] == "postcard"
    assert hello["sentence"] == (
        f"There is no model “{name}”; choose one of postcard, other, absent."
    )


def test_a_picture_of_the_model_before_is_not_made_by_another(
    page: WebSocketTestSession, services: Services
) -> None:
    name = services.shelf.put(
        services.dispatcher.render(validate.asked({}, services.row).request).result(10)
    )
    page.send_text(choose("other"))
    heard(page, "hello")
    kept = services.shelf.get(name)
    assert kept is not None
    with pytest.raises(KleinError, match="asked of postcard, and now Other is there"):
        services.dispatcher.render(kept.request).result(10)


async def test_over_events_too(services: Services) -> None:
    lanes = Lanes(services)
    for name, then in (("other", "other"), ("absent", "other"), ("wrong", "other")):
        said = await replies(lanes, choose(name))
        assert (said[-1]["type"], said[-1]["model"]["name"]) == ("hello", then)
        assert bool(said[-1]["sentence"]) == (name != then)
    said = await replies(lanes, ask(2, model="postcard"))
    assert [one["type"] for one in said] == ["hello"]
    said = await replies(lanes, ask(3, model="other"))
    assert (said[-1]["type"], said[-1]["stage"]) == ("frame", "final")


async def replies(lanes: Lanes, text: str) -> list[Said]:
    page = cast(gr.Request, SimpleNamespace(session_hash="abc", request=None))

    async def all_of_them() -> list[Said]:
        return [json.loads(reply) async for reply in lanes.follow(text, page)]

    return await asyncio.wait_for(all_of_them(), 20)


def test_the_own_model_is_offered_in_its_place_or_first() -> None:
    pinned = replace(models.KLEIN_4B, revision="abc")
    assert models.offered(pinned) == (pinned, *models.ROWS[1:])
    mine = replace(models.KLEIN_4B, name="mine")
    assert models.offered(mine) == (mine, *models.ROWS)


def test_choosing_the_model_that_is_there_is_answered_too(page: WebSocketTestSession) -> None:
    page.send_text(ask(1, model="postcard"))
    heard(page, "frame")
    page.send_text(choose("postcard", seq=2))
    assert heard(page, "hello")["model"]["name"] == "postcard"
