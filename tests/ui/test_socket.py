"""The socket with a real ASGI client: requests down, frames up, nobody else in."""

import io
import json
import struct
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import takewhile

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient, WebSocketTestSession
from starlette.websockets import WebSocketDisconnect

from klein_ui import dispatcher, limits, provenance, watermark
from klein_ui.contract import Lora
from klein_ui.engine.fake import bands
from klein_ui.provenance import reading
from klein_ui.provenance.export import Exporter
from klein_ui.safety import gate
from klein_ui.ui import saving, socket, wire
from klein_ui.ui.services import Services
from klein_ui.ui.shelf import Shelf


@pytest.fixture
def client(services: Services) -> Iterator[TestClient]:
    with TestClient(Starlette(routes=[*socket.routes(services), *saving.routes(services)])) as made:
        yield made


def ask(page: WebSocketTestSession, seq: int, prompt: str, **fields: object) -> None:
    message = {"type": "request", "seq": seq, "prompt": prompt, "width": 128, "height": 128}
    page.send_text(json.dumps({**message, **fields}))


def next_frame(page: WebSocketTestSession) -> tuple[dict[str, object], bytes]:
    while True:
        message = page.receive()
        if (body := message.get("bytes")) is not None:
            (length,) = struct.unpack(">I", body[:4])
            return json.loads(body[4 : 4 + length]), body[4 + length :]


def next_error(page: WebSocketTestSession) -> dict[str, object]:
    while True:
        text = page.receive().get("text")
        if text and (message := json.loads(text))["type"] == "error":
            return dict(message)


def test_hello_comes_first(client: TestClient) -> None:
    with client.websocket_connect(socket.SOCKET_PATH) as page:
        assert json.loads(page.receive_text())["type"] == "hello"


def test_a_request_comes_back_as_a_picture(client: TestClient) -> None:
    with client.websocket_connect(socket.SOCKET_PATH) as page:
        ask(page, 5, "sun")
        header, body = next_frame(page)
    assert (header["seq"], header["stage"], header["mime"]) == (5, "final", "image/jpeg")
    with Image.open(io.BytesIO(body)) as picture:
        assert picture.size == (128, 128)


def test_a_full_picture_that_rests_comes_again_finer(client: TestClient) -> None:
    with client.websocket_connect(socket.SOCKET_PATH) as page:
        ask(page, 5, "sun")
        quick, small = next_frame(page)
        fine, large = next_frame(page)
    assert (quick["fine"], fine["fine"]) == (False, True)
    assert (fine["seq"], fine["frame"]) == (quick["seq"], quick["frame"])
    assert len(large) > len(small)


def test_loras_are_fields_of_a_message_and_stay_in_the_png(client: TestClient) -> None:
    ink, off = {"name": "ink wash", "scale": -0.5}, {"name": "off", "scale": 0}
    with client.websocket_connect(socket.SOCKET_PATH) as page:
        ask(page, 1, "sun")
        without = next_frame(page)[1]
        ask(page, 2, "sun", loras=[off, ink])
        header, body = next_frame(page)
        assert body != without
    reply = client.get(saving.FRAME_PATH.format(name=header["frame"]))
    with Image.open(io.BytesIO(reply.content)) as picture:
        request = provenance.request_from(str(picture.info["klein-live"]))
        assert "<lora:ink wash:-0.5>" in str(picture.info["parameters"])
    assert request.loras == (Lora("ink wash", -0.5),)


def test_too_many_loras_are_one_sentence_and_the_next_key_is_drawn(client: TestClient) -> None:
    four = [{"name": name} for name in "abcd"]
    with client.websocket_connect(socket.SOCKET_PATH) as page:
        ask(page, 1, "sun", loras=four)
        error = next_error(page)
        assert (error["seq"], error["field"]) == (1, "loras")
        assert error["sentence"] == "3 LoRAs work together at most; switch off 1."
        ask(page, 2, "sun", loras=four[:3])
        assert next_frame(page)[0]["seq"] == 2


def test_what_the_safety_check_keeps_does_not_leave(services: Services) -> None:
    closed = replace(services, exporter=Exporter(gate=gate(None, required=True)))
    with (
        TestClient(Starlette(routes=[*socket.routes(closed), *saving.routes(closed)])) as client,
        client.websocket_connect(socket.SOCKET_PATH) as page,
    ):
        ask(page, 1, "sun")
        header, _ = next_frame(page)
        reply = client.get(saving.FRAME_PATH.format(name=header["frame"]))
    assert reply.status_code == 503
    assert "without a safety check" in reply.text


def test_a_marked_picture_keeps_its_request(services: Services) -> None:
    marking = replace(services, exporter=Exporter(watermark=True))
    with (
        TestClient(Starlette(routes=[*socket.routes(marking), *saving.routes(marking)])) as client,
        client.websocket_connect(socket.SOCKET_PATH) as page,
    ):
        ask(page, 1, "sun", width=256, height=256)
        frames = iter(lambda: next_frame(page)[0], None)
        header = next(one for one in frames if one["stage"] == "final")
        reply = client.get(saving.FRAME_PATH.format(name=header["frame"]))
    (found,) = reading.read(reply.content).requests
    assert (found.prompt, found.width) == ("sun", 256)
    with Image.open(io.BytesIO(reply.content)) as picture:
        assert watermark.detect(np.asarray(picture)) is not None


def test_the_png_of_a_frame_holds_its_request(client: TestClient, services: Services) -> None:
    with client.websocket_connect(socket.SOCKET_PATH) as page:
        ask(page, 0, "夜 🌋", seed=9)
        header, _ = next_frame(page)
    reply = client.get(saving.FRAME_PATH.format(name=header["frame"]))
    assert "attachment" in reply.headers["content-disposition"]
    kept = services.shelf.get(str(header["frame"]))
    assert kept is not None
    assert kept.frame is not None
    with Image.open(io.BytesIO(reply.content)) as picture:
        assert np.array_equal(np.asarray(picture), kept.frame.pixels)
        request = provenance.request_from(picture.info[provenance.CHUNK])
    assert (request.prompt, request.seed) == ("夜 🌋", 9)


def test_a_frame_that_left_the_memory_is_made_again(services: Services) -> None:
    forgetful = replace(services, shelf=Shelf(0))
    client = TestClient(Starlette(routes=[*socket.routes(forgetful), *saving.routes(forgetful)]))
    with client, client.websocket_connect(socket.SOCKET_PATH) as page:
        ask(page, 0, "sun", seed=9)
        header, _ = next_frame(page)
        reply = client.get(saving.FRAME_PATH.format(name=header["frame"]))
    kept = forgetful.shelf.get(str(header["frame"]))
    assert kept is not None
    with Image.open(io.BytesIO(reply.content)) as picture:
        assert np.array_equal(np.asarray(picture), bands(kept.request))


def test_an_emptied_prompt_drops_what_waits(client: TestClient) -> None:
    with client.websocket_connect(socket.SOCKET_PATH) as page:
        ask(page, 1, "sun")
        page.send_text('{"type": "clear", "seq": 2}')
        ask(page, 3, "moon")
        while next_frame(page)[0]["seq"] != 3:
            continue


def test_a_frame_that_is_gone_says_what_to_do(client: TestClient) -> None:
    reply = client.get(saving.FRAME_PATH.format(name="0" * 32))
    assert reply.status_code == 404
    assert "type a letter" in reply.text


def test_what_is_no_request_is_a_sentence_and_the_next_key_works(client: TestClient) -> None:
    with client.websocket_connect(socket.SOCKET_PATH) as page:
        page.send_text("{")
        assert "reload the page" in str(next_error(page)["sentence"])
        ask(page, 3, "sun", steps=99)
        error = next_error(page)
        assert (error["seq"], error["field"]) == (3, "steps")
        ask(page, 4, "boom")
        assert next_error(page)["seq"] == 4
        ask(page, 5, "sun")
        assert next_frame(page)[0]["seq"] == 5


def test_two_pages_are_two_sessions_and_closing_one_frees_its_slot(
    client: TestClient, services: Services
) -> None:
    with client.websocket_connect(socket.SOCKET_PATH) as one:
        with client.websocket_connect(socket.SOCKET_PATH) as two:
            ask(one, 1, "one")
            ask(two, 1, "two")
            assert next_frame(one)[0]["frame"] != next_frame(two)[0]["frame"]
            assert services.dispatcher.stats().sessions == 2
        ask(one, 2, "still here")
        next_frame(one)
        assert services.dispatcher.stats().sessions == 1
    assert services.dispatcher.stats().loads == 1


def test_a_page_of_another_origin_is_refused(client: TestClient, services: Services) -> None:
    headers = {"origin": "https://evil.example", "host": "127.0.0.1:7860"}
    with (
        pytest.raises(WebSocketDisconnect) as refused,
        client.websocket_connect(socket.SOCKET_PATH, headers=headers),
    ):
        pass
    assert refused.value.code == socket.POLICY_VIOLATION
    assert services.dispatcher.stats().sessions == 0


@pytest.mark.parametrize(
    ("headers", "same"),
    [
        ({"host": "a:1"}, True),
        ({"host": "a:1", "origin": "http://a:1"}, True),
        ({"host": "A:1", "origin": "https://a:1"}, True),
        ({"host": "inner", "x-forwarded-host": "outer", "origin": "https://outer"}, True),
        ({"host": "a:1", "origin": "http://a:2"}, False),
        ({"host": "a:1", "origin": "null"}, False),
        ({"origin": "null"}, False),
        ({"host": "", "origin": ""}, False),
    ],
)
def test_same_origin(headers: dict[str, str], same: bool) -> None:
    assert socket.same_origin(headers) is same


def test_a_full_server_says_so(
    client: TestClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher, "MAX_SESSIONS", 0)
    with (
        client.websocket_connect(socket.SOCKET_PATH) as page,
        pytest.raises(WebSocketDisconnect) as refused,
    ):
        page.receive_text()
    assert refused.value.code == socket.TRY_AGAIN_LATER
    assert refused.value.reason == wire.FULL


@pytest.mark.parametrize("sentence", [wire.FULL, limits.TOO_MANY_PAGES])
def test_why_there_is_no_place_fits_into_a_close_frame(sentence: str) -> None:
    assert len(sentence.encode()) <= 123


def test_too_many_messages_are_read_later_and_all_are_heard(
    client: TestClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[float] = []
    monkeypatch.setattr(limits, "MESSAGES", limits.Rate("messages", 10, 100.0, "You type"))
    monkeypatch.setattr(
        type(services.dispatcher), "clear", lambda self, name: heard.append(time.monotonic())
    )
    with client.websocket_connect(socket.SOCKET_PATH) as page:
        page.receive_text()
        for seq in range(40):
            page.send_text(f'{{"type": "clear", "seq": {seq}}}')
        ask(page, 40, "sun")
        texts = iter(page.receive, None)
        kinds = [
            json.loads(message["text"])["type"]
            for message in takewhile(lambda message: "text" in message, texts)
        ]
    assert len(heard) == 40
    assert "error" not in kinds
    assert heard[-1] - heard[0] >= (40 - 10 - 1) / 100.0


def test_a_flood_of_one_socket_does_not_hold_up_another(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MESSAGES", limits.Rate("messages", 2, 0.01, "You type"))
    with (
        client.websocket_connect(socket.SOCKET_PATH) as flood,
        client.websocket_connect(socket.SOCKET_PATH) as page,
    ):
        for seq in range(4):
            flood.send_text(f'{{"type": "clear", "seq": {seq}}}')
        ask(page, 1, "sun")
        assert next_frame(page)[0]["seq"] == 1
