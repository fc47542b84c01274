"""A small ZeroGPU: the device API that `spaces` asks for a GPU, on one port of this machine."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

POOR, WAITING = "poor", "waiting"
"""Names of visitors: one whose quota is used up, and one who waits in the queue until `go`."""


def token(name: str) -> str:
    """What Hugging Face's proxy writes into the headers of the visitor `name`; see `jwt_payload`
    of `spaces`, which reads no more of it than what is between the dots."""
    return f"{name}.e30.sign"


class DeviceApi(ThreadingHTTPServer):
    """What was asked is in `asked`, as pairs of path and parameters."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.go = threading.Event()
        self._known: set[str] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def of(self, path: str) -> list[dict[str, str]]:
        """The parameters of all that was asked of `path`."""
        return [parameters for at, parameters in self.asked if at == path]

    def granted(self) -> dict[str, Any]:
        """The one GPU there is; whoever had it last may still be on it."""
        is_idle = bool(self._known)
        self._known.add("0")
        token = f"allow-{len(self.asked)}"
        return {"idle": is_idle, "nvidiaIndex": 0, "nvidiaUUID": "GPU-0", "allowToken": token}


class _Handler(BaseHTTPRequestHandler):
    server: DeviceApi
    protocol_version = "HTTP/1.0"
    wbufsize: ClassVar[int] = 0

    def do_POST(self) -> None:
        at = urlsplit(self.path)
        asked = dict(parse_qsl(at.query))
        self.server.asked.append((at.path, asked))
        who = asked.get("token", "").partition(".")[0]
        if at.path != "/schedule":
            self._answer(200, {})
        elif who == POOR:
            self._answer(429, {"left": 1, "wait": 3600})
        elif who == WAITING and not self.server.go.is_set():
            self._queue()
        else:
            self._answer(200, self.server.granted())

    def _queue(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        while not self.server.go.wait(0.1):
            self.wfile.write(b"event: ping\n\n")
        said = json.dumps(self.server.granted())
        self.wfile.write(f"event: succeeded\ndata: {said}\n\n".encode())

    def _answer(self, status: int, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@contextmanager
def device_api() -> Iterator[DeviceApi]:
    """One that serves meanwhile."""
    server = DeviceApi()
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    try:
        yield server
    finally:
        server.go.set()
        server.shutdown()
        server.server_close()
