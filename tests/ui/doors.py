"""A served app with a door, and those who come to it."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from klein_ui import settings
from klein_ui.ui import doorstep, page
from klein_ui.ui.services import Services

TOKEN = "a-token-of-this-test"  # noqa: S105
PASSWORD = "secret words"  # noqa: S105
BEARER = {"Authorization": f"Bearer {TOKEN}"}
FOREIGN = {"Origin": "https://evil.example"}
LORAS = "/gradio_api/live/loras"
LIVE = "/gradio_api/live"
WAYS = ("/", "/config", "/gradio_api/info", LORAS, "/metrics", "/assets/x.js", "/nowhere", LIVE)


@dataclass(frozen=True)
class App:
    """A served app at `url`."""

    url: str
    port: int

    def client(self, **headers: str) -> httpx.Client:
        """A browser or program of its own."""
        return httpx.Client(base_url=self.url, headers=headers, timeout=30, trust_env=False)

    def hello(self, **headers: str) -> dict[str, object]:
        """The first message of the socket; raises `InvalidStatus` where it is shut."""
        with self.wire(**headers) as wire:
            return dict(json.loads(wire.recv(timeout=30)))

    def wire(self, **headers: str) -> ClientConnection:
        """The socket of a page."""
        address = f"ws://127.0.0.1:{self.port}{LIVE}"
        return connect(address, additional_headers=headers, proxy=None)


@contextmanager
def served(services: Services, *argv: str, environ: dict[str, str] | None = None) -> Iterator[App]:
    """The page of `services` with the flags `argv`, on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    chosen = settings.read(["--port", str(port), *argv], environ or {})
    changed = replace(services, settings=chosen)
    blocks = page.build(changed)
    page.launch(blocks, changed, block_thread=False)
    try:
        yield App(f"http://127.0.0.1:{port}", port)
    finally:
        blocks.close(verbose=False)


def logins_at(path: Path) -> tuple[str, ...]:
    """Flags of a server on a network with these logins."""
    return ("--host", "0.0.0.0", "--logins", str(path), "--data-dir", str(path.parent))


def cookies_of(answer: httpx.Response) -> dict[str, str]:
    """The header that a browser would send from then on."""
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in answer.cookies.items())}


def logged_in(app: App, name: str = "ann", password: str = PASSWORD) -> dict[str, str]:
    """The header of a browser that logged in by the page's form."""
    form = {doorstep.NAME: name, doorstep.PASSWORD: password}
    with app.client(Origin=app.url) as client:
        answer = client.post("/", data=form)
    assert answer.status_code == 303
    return cookies_of(answer)


def refused_socket(app: App, **headers: str) -> int:
    with pytest.raises(InvalidStatus) as closed:
        app.hello(**headers)
    return closed.value.response.status_code
