"""The door of the real app, over HTTP and WebSocket, as browsers, programs and strangers come."""

import json
import socket
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket

from klein_ui import settings
from klein_ui.ui import door
from klein_ui.ui.addresses import address_of
from klein_ui.ui.headers import content_policy
from klein_ui.ui.lora_routes import FIXED as FIXED_LORAS
from klein_ui.ui.services import Services
from klein_ui.ui.socket import FIXED

from .doors import (
    FOREIGN,
    LORAS,
    WAYS,
    App,
    refused_socket,
    served,
)


@pytest.fixture
def local(services: Services) -> Iterator[App]:
    """For this machine only."""
    with served(services, "--allow-host", "live.example.com") as app:
        yield app


def test_only_known_hosts_are_answered(local: App) -> None:
    with local.client() as client:
        for host in ("localhost", "127.0.0.1:9", "[::1]", "live.example.com", "192.168.3.4:80"):
            assert client.get("/", headers={"Host": host}).status_code == 200
        for host in (
            "evil.example",
            "live.example.com.evil.example",
            "",
            "a b",
            "127.0.0.1.nip.io",
        ):
            for path in ("/", LORAS, "/healthz", "/assets/x.js"):
                answer = client.get(path, headers={"Host": host})
                assert answer.status_code == 421
                assert "--allow-host" in answer.text
        answer = client.get("/", headers={"X-Forwarded-Host": "evil.example"})
        assert answer.status_code == 421
        assert client.get("/", headers={"X-Forwarded-Host": "live.example.com"}).status_code == 200


def test_an_address_has_so_many_requests_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "MOST_UNDER_WAY", 1)
    found: list[int] = []

    async def again(request: Request) -> Response:
        # While this one is under way.
        with TestClient(hung, "http://localhost", client=("93.184.216.34", 2)) as client:
            found.append(client.get("/").status_code)
        return PlainTextResponse("")

    hung = door.Door(Starlette(routes=[Route("/", again)]), settings.read([], {}), "box", None)
    with TestClient(hung, "http://localhost", client=("93.184.216.34", 1)) as client:
        assert client.get("/").status_code == 200
    assert found == [503]


def test_a_request_without_a_host_is_not_answered(local: App) -> None:
    with socket.create_connection(("127.0.0.1", local.port), timeout=30) as raw:
        raw.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert b" 421 " in raw.recv(4096).split(b"\r\n")[0]


def test_a_socket_of_an_unknown_host_or_page_is_shut(local: App) -> None:
    own = f"http://127.0.0.1:{local.port}"
    assert local.hello()["type"] == "hello"
    assert local.hello(Origin=own)["type"] == "hello"
    assert refused_socket(local, **FOREIGN) == 403
    assert refused_socket(local, Origin="null") == 403
    outer = {"X-Forwarded-Host": "evil.example", "Origin": "http://evil.example"}
    assert refused_socket(local, **outer) == 403


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "192.168.3.4", "live.example.com"])
def test_no_foreign_page_reads_or_changes_anything(local: App, host: str) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Host": host}
    with local.client() as client:
        for path in (*WAYS, "/gradio_api/queue/join", "/gradio_api/call/generate"):
            for headers in (FOREIGN, {"Origin": "null"}, {"Origin": f"http://{host}:1"}):
                answers = [
                    client.request(method, path, headers={**headers, **asked})
                    for method in ("GET", "POST", "OPTIONS", "HEAD", "PUT", "DELETE")
                ]
                assert {answer.status_code for answer in answers} == {403}
                names = {name for answer in answers for name in answer.headers}
                assert not [name for name in names if name.startswith("access-control")]
        embedded = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Host": host}
        assert client.get(LORAS, headers=embedded).status_code == 403


def test_our_own_page_is_let_through_without_cors(local: App) -> None:
    with local.client(Origin=local.url) as client:
        answer = client.get("/config")
        assert answer.status_code == 200
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_every_answer_has_the_headers(local: App) -> None:
    with local.client() as client:
        for path in ("/", "/config", "/nowhere", "/healthz", LORAS, "/gradio_api/upload"):
            headers = client.get(path).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "same-origin"
            assert headers["cross-origin-opener-policy"] == "same-origin"
            assert headers["cross-origin-resource-policy"] == "same-origin"
            assert "camera=(self)" in headers["permissions-policy"]
            assert headers["content-security-policy"] == content_policy(is_space=False)


def test_no_policy_names_a_host_but_those_that_frame_a_space() -> None:
    assert "//" not in content_policy(is_space=False)
    framed = "frame-ancestors 'self' https://huggingface.co https://*.hf.space"
    assert content_policy(is_space=True) == (
        content_policy(is_space=False).replace("frame-ancestors 'self'", framed)
    )


def test_visitors_of_a_space_are_told_apart_and_elsewhere_nobody_says_who_they_are() -> None:
    async def who(request: Request) -> Response:
        return PlainTextResponse(address_of(request))

    async def wire(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(address_of(socket))
        await socket.close()

    app = Starlette(routes=[Route("/", who), WebSocketRoute("/wire", wire)])
    proxy, ann, fake = "10.16.3.4", "93.184.216.34", "8.8.8.8"
    space = {"SPACE_ID": "a/b", "SPACE_HOST": "a-b.hf.space"}
    claims = {"X-Forwarded-For": f"{fake}, {ann}"}
    for environ, peer, found in ((space, proxy, ann), (space, fake, fake), ({}, proxy, proxy)):
        chosen = settings.read([], environ)
        hung = door.Door(app, chosen, "box", None)
        with TestClient(hung, "http://localhost", client=(peer, 1)) as client:
            assert client.get("/", headers=claims).text == found
            with client.websocket_connect("ws://localhost/wire", headers=claims) as socket:
                assert socket.receive_text() == found


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("/gradio_api/live/pictures", 20 * 2**20),
        ("/gradio_api/live/open", 512 * 2**20),
        ("/gradio_api/queue/join", door.MAX_BODY_BYTES),
        ("/nowhere", door.MAX_BODY_BYTES),
    ],
)
def test_a_body_that_is_announced_too_large_is_not_read(local: App, path: str, most: int) -> None:
    with socket.create_connection(("127.0.0.1", local.port), timeout=30) as raw:
        length = most + 2 * door.ROOM
        asked = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n"
        raw.sendall(asked.encode())
        assert b" 413 " in raw.recv(4096).split(b"\r\n")[0]


@pytest.mark.parametrize("path", ["/gradio_api/queue/join", "/nowhere", "/gradio_api/run/generate"])
def test_a_body_that_does_not_end_is_cut(local: App, path: str) -> None:
    def chunks() -> Iterator[bytes]:
        yield from (b"x" * 2**16 for _ in range(door.MAX_BODY_BYTES // 2**16 + 2))

    with local.client() as client:
        answer = client.post(path, content=chunks())
        # What reads no body has answered before.
        assert answer.status_code == 413 or (
            path == "/nowhere" and answer.status_code in (404, 405)
        )
        assert client.get("/healthz").status_code == 200


def test_ways_that_nothing_of_ours_goes_are_shut(local: App) -> None:
    with local.client() as client:
        files = {"files": ("a.txt", b"text")}
        answer = client.post("/gradio_api/upload", files=files)
        assert (answer.status_code, answer.json()) == (403, {"sentence": door.NO_WAY})
        assert client.get("/gradio_api/proxy=https://a.hf.space/x").status_code == 403


@pytest.mark.parametrize("argv", [("--open",), ()])
def test_where_strangers_come_in_model_and_loras_are_fixed(
    services: Services, argv: tuple[str, ...]
) -> None:
    environ = {} if argv else {"SPACE_ID": "a/b", "SPACE_HOST": "a-b.hf.space"}
    with served(services, *argv, environ=environ) as app, app.client() as client:
        assert FIXED in client.get("/").text
        answer = client.post(f"{LORAS}?id=alice/ink")
        assert (answer.status_code, answer.json()) == (403, {"sentence": FIXED_LORAS})
        with app.wire() as wire:
            wire.recv(timeout=30)
            wire.send(json.dumps({"type": "model", "seq": 1, "name": "other"}))
            heard = [json.loads(wire.recv(timeout=30)) for _ in range(2)]
            assert FIXED in [message["sentence"] for message in heard]
        assert services.row.name == "postcard"
        framed = "https://*.hf.space" in client.get("/").headers["content-security-policy"]
        assert framed is (not argv)
