"""Connections over real sockets, to a server that is made as Gradio makes its own."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.sync.client import connect

from klein_ui import limits
from klein_ui.ui import connections

HALF = b"GET /page HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "
BODY = b"POST /page HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10\r\n\r\n12"
UPGRADE = (
    b"GET /echo HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
LONG_S = 20.0


async def page(request: Request) -> PlainTextResponse:
    await request.body()
    return PlainTextResponse("here")


async def echo(wire: WebSocket) -> None:
    await wire.accept()
    async for text in wire.iter_text():
        await wire.send_text(text)


Serve = Callable[[int], int]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Serves with a number of open files, at the port it gives; times are short."""
    monkeypatch.setattr(connections, "HEAD_S", 0.5)
    monkeypatch.setattr(connections, "BODY_S", 0.5)
    monkeypatch.setattr(connections, "RESERVED_FILES", 0)
    with ExitStack() as ends:

        def start(open_files: int) -> int:
            routes = [
                Route("/page", page, methods=["GET", "POST"]),
                WebSocketRoute("/echo", echo),
            ]
            config = uvicorn.Config(Starlette(routes=routes), port=0, log_level="error")
            server = uvicorn.Server(config)
            thread = threading.Thread(target=server.run, daemon=True)
            thread.start()
            while not server.started:
                time.sleep(0.001)
            connections.watch(config, open_files)
            ends.callback(thread.join, LONG_S)
            ends.callback(setattr, server, "should_exit", True)
            return int(server.servers[0].sockets[0].getsockname()[1])

        yield start


def opened(port: int, said: bytes = b"") -> socket.socket:
    made = socket.create_connection(("127.0.0.1", port), LONG_S)
    made.sendall(said)
    return made


def ended(one: socket.socket) -> bytes:
    """What still came until the other side closed."""
    came = b""
    with contextlib.suppress(ConnectionResetError):
        while part := one.recv(4096):
            came += part
    one.close()
    return came


def hears(one: socket.socket, word: bytes) -> None:
    """Returns once `word` has come."""
    came = b""
    while word not in came:
        part = one.recv(4096)
        assert part, came
        came += part


def get(port: int) -> str:
    return httpx.get(f"http://127.0.0.1:{port}/page").text


@pytest.mark.parametrize("said", [b"", b"G", HALF])
def test_half_a_head_is_closed_and_others_are_served(serve: Serve, said: bytes) -> None:
    port = serve(1000)
    halves = [opened(port, said) for _ in range(50)]
    assert get(port) == "here"
    assert [ended(half) for half in halves] == [b""] * 50
    assert get(port) == "here"


def test_a_head_that_drips_gets_no_more_time(serve: Serve) -> None:
    half, until = opened(serve(1000), HALF), time.monotonic() + LONG_S
    half.settimeout(0.05)
    came: bytes | None = None
    while came is None and time.monotonic() < until:
        with contextlib.suppress(TimeoutError):
            half.sendall(b"x")
            came = half.recv(1)
    assert came == b""


def test_the_second_request_of_a_connection_has_to_get_on_too(serve: Serve) -> None:
    one = opened(serve(1000), HALF + b"\r\n\r\n")
    hears(one, b"here")
    one.sendall(HALF)
    assert ended(one) == b""


def test_half_a_body_is_closed(serve: Serve) -> None:
    assert b"here" not in ended(opened(serve(1000), BODY))


def test_a_slow_body_that_gets_on_is_taken(serve: Serve) -> None:
    one = opened(serve(1000), BODY)
    for _ in range(8):
        time.sleep(0.1)
        one.sendall(b"3")
    hears(one, b"here")
    one.close()


def test_a_socket_may_be_silent(serve: Serve) -> None:
    with connect(f"ws://127.0.0.1:{serve(1000)}/echo") as wire:
        time.sleep(1.2)
        wire.send("still here")
        assert wire.recv(LONG_S) == "still here"


def test_one_address_has_so_many_and_is_told_so(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MOST_OF_ADDRESS", 1)
    port = serve(1000)
    with connect(f"ws://127.0.0.1:{port}/echo") as wire:
        halves = [opened(port, HALF) for _ in range(limits.GENEROUS - 1)]
        answer = ended(opened(port)).decode()
        assert answer.startswith("HTTP/1.1 503")
        assert answer.endswith(connections.TOO_MANY)
        for half in halves:
            assert ended(half) == b""
        assert get(port) == "here"
        wire.send("still here")
        assert wire.recv(LONG_S) == "still here"
    # A socket that went gives its number back too.
    halves = [opened(port, HALF) for _ in range(limits.GENEROUS)]
    assert [ended(half) for half in halves] == [b""] * limits.GENEROUS


def test_a_full_server_lets_the_oldest_go_that_said_nothing(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = serve(4)
    monkeypatch.setattr(connections, "HEAD_S", LONG_S)
    first, *others = [opened(port, HALF) for _ in range(4)]
    assert get(port) == "here"
    assert ended(first) == b""
    for other in others:
        other.close()


def test_of_open_pages_none_is_pushed_out(serve: Serve) -> None:
    port = serve(2)
    address = f"ws://127.0.0.1:{port}/echo"
    with connect(address) as one, connect(address) as other:
        assert ended(opened(port)).decode().endswith(connections.FULL)
        for wire in (one, other):
            wire.send("here")
            assert wire.recv(LONG_S) == "here"


def test_nothing_is_counted_of_who_is_gone() -> None:
    async def visits() -> None:
        every = connections.Connections(10)
        for _ in range(30):
            every.count("203.0.114.7")
            every.leave("203.0.114.7")
        assert not every._of

    asyncio.run(visits())


def test_what_was_refused_before_its_end_is_not_read_for_ever(serve: Serve) -> None:
    head = b"POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n"
    one = opened(serve(1000), head)
    hears(one, b"404")
    one.settimeout(LONG_S)
    with contextlib.suppress(OSError):
        while True:
            one.sendall(b"x" * 2**16)
    one.close()


@pytest.mark.parametrize("frame", [b"\x89\x80\0\0\0\0", b"\x00\x80\0\0\0\0"])
def test_a_flood_of_pings_or_pieces_ends_its_socket(serve: Serve, frame: bytes) -> None:
    port = serve(1000)
    one = opened(port, UPGRADE)
    hears(one, b"101")
    began = b"\x01\x80\0\0\0\0" if frame[0] == 0 else b""
    with contextlib.suppress(OSError):
        one.sendall(began + frame * (2 * connections.MOST_SMALL))
        ended(one)
    assert get(port)
