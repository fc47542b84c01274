"""On an open server no full picture is seen that the safety check holds back."""

import json
from dataclasses import replace

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from klein_ui.contract import Pixels
from klein_ui.provenance.export import Exporter
from klein_ui.safety import CLOSED, NONE_SET, UNSAFE, Gate, Verdict
from klein_ui.ui import socket
from klein_ui.ui.services import Services

from .test_socket import ask, next_frame

HELD = UNSAFE.format(label="odd")


def refuses(pixels: Pixels) -> Verdict:
    return Verdict(False, "odd", 0.9)


def guarded(services: Services, gate: Gate, *, is_open: bool = True) -> TestClient:
    settings = replace(services.settings, open=is_open)
    made = replace(services, settings=settings, exporter=Exporter(gate))
    return TestClient(Starlette(routes=socket.routes(made)))


def heard(client: TestClient, prompt: str, side: int) -> list[dict[str, object]]:
    """All that is heard of a prompt up to its full picture, or to why there is none."""
    found: list[dict[str, object]] = []
    with client.websocket_connect(socket.SOCKET_PATH) as page:
        ask(page, 1, prompt, width=side, height=side, draft=128)
        while True:
            message = page.receive()
            if message.get("text"):
                said = json.loads(message["text"])
                if said["type"] == "error":
                    return [*found, said]
            elif message.get("bytes"):
                data = message["bytes"]
                header = json.loads(data[4 : 4 + int.from_bytes(data[:4], "big")])
                found.append(header)
                if header["stage"] == "final":
                    return found


def test_a_full_picture_held_back_is_one_sentence(services: Services) -> None:
    with guarded(services, Gate(refuses)) as client:
        *drafts, last = heard(client, "a sun", 256)
    assert all(header["stage"] == "draft" for header in drafts)
    assert (last["type"], last["seq"], last["sentence"]) == ("error", 1, HELD)


def test_where_a_check_is_required_and_missing_nothing_is_seen(services: Services) -> None:
    with guarded(services, Gate(required=True)) as client:
        (only,) = heard(client, "a sun", 256)
    assert only["sentence"] == CLOSED.format(why=NONE_SET)


@pytest.mark.parametrize("gate", [Gate(refuses), Gate(refuses, required=True)])
def test_on_ones_own_machine_the_screen_is_ones_own(services: Services, gate: Gate) -> None:
    with (
        guarded(services, gate, is_open=False) as client,
        client.websocket_connect(socket.SOCKET_PATH) as page,
    ):
        ask(page, 1, "a sun")
        header, _ = next_frame(page)
    assert header["stage"] == "final"
