"""The app in a process of its own, its page spoken to as a browser does."""

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

ROOT = Path(__file__).resolve().parent.parent
LONG_S = 90.0
FAULTY = ("-m", "tests.faulty_app")
REAL = ("app.py",)


@dataclass
class Started:
    """A running app at `url`; what it says on standard error is in `log`."""

    process: "subprocess.Popen[bytes]"
    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str) -> tuple[int, Any]:
        """The status and the JSON of `path`."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=LONG_S) as answer:  # noqa: S310
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def wait_until(self, path: str, status: int) -> Any:
        """The JSON of `path`, once it answers with `status`."""
        until = time.monotonic() + LONG_S
        while time.monotonic() < until:
            try:
                answered, content = self.get(path)
            except OSError:
                answered, content = 0, None
            if answered == status:
                return content
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.02)
        raise AssertionError(f"{path} never was {status}: {content}\n{self.log.read_text()}")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as finder:
        finder.bind(("127.0.0.1", 0))
        return int(finder.getsockname()[1])


@contextmanager
def started(
    folder: Path,
    *flags: str,
    port: int | None = None,
    program: tuple[str, ...] = FAULTY,
    model: str = "postcard",
) -> Iterator[Started]:
    """The app over `folder`, ready; it does not outlive the test."""
    port = port or free_port()
    log = folder / "log.txt"
    folder.mkdir(parents=True, exist_ok=True)
    argv = [*program, "--port", str(port), "--data-dir", str(folder / "data"), *flags]
    with log.open("ab") as errors:
        process = subprocess.Popen(
            [sys.executable, *argv, "--model", model],
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdout=errors,
            stderr=errors,
            preexec_fn=hear_ctrl_c,
        )
    try:
        app = Started(process, port, log)
        app.wait_until("/readyz", 200)
        yield app
    finally:
        process.kill()
        process.wait()


def hear_ctrl_c() -> None:
    """A shell starts what runs in its background deaf to Ctrl-C, and children inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def a_page(app: Started, owner: str = "") -> Iterator["Talk"]:
    """A page's socket to `app`, of a browser with the cookie `owner`."""
    cookie = {"Cookie": f"klein-browser={owner}"} if owner else {}
    address = f"ws://127.0.0.1:{app.port}/gradio_api/live"
    with connect(address, additional_headers=cookie) as wire:
        yield Talk(wire)


class Talk:
    """What a page says and hears."""

    def __init__(self, wire: ClientConnection) -> None:
        self.wire = wire

    def types(self, prompt: str, seq: int, side: int = 128, **more: str) -> None:
        fields = {"prompt": prompt, "width": side, "height": side, "draft": 128, **more}
        self.wire.send(json.dumps({"type": "request", "seq": seq, "seed": 1, **fields}))

    def hears(self, kind: str, **wanted: object) -> dict[str, Any]:
        """The next message of `kind` that has what is `wanted`."""
        while True:
            message = self.next()
            if message["type"] == kind and wanted.items() <= message.items():
                return message

    def next(self) -> dict[str, Any]:
        received = self.wire.recv(timeout=LONG_S)
        if isinstance(received, bytes):
            (length,) = struct.unpack(">I", received[:4])
            received = received[4 : 4 + length].decode()
        message: dict[str, Any] = json.loads(received)
        return message

    def until_it_ends(self) -> tuple[list[dict[str, Any]], int | None]:
        """All that still comes, and the code that the socket is closed with."""
        heard: list[dict[str, Any]] = []
        try:
            while True:
                heard.append(self.next())
        except ConnectionClosed as closed:
            return heard, closed.rcvd.code if closed.rcvd else None
