"""Hundreds of connections that never finish their request, against the app in its own process."""

import contextlib
import socket
import time
from pathlib import Path

import pytest

from klein_ui.ui.connections import BODY_S, HEAD_S

from ..started import a_page, started

pytestmark = pytest.mark.long

CONNECTIONS = 300
SPARE_S = 5.0
HEAD = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "
BODY = (
    b"POST /gradio_api/queue/join HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
)


@pytest.mark.parametrize(("said", "within_s"), [(HEAD, HEAD_S), (b"", HEAD_S), (BODY, BODY_S)])
def test_they_are_closed_and_meanwhile_a_page_works(
    tmp_path: Path, said: bytes, within_s: float
) -> None:
    with started(tmp_path) as app, a_page(app) as page:
        files = Path(f"/proc/{app.process.pid}/fd")
        before, began = len(list(files.iterdir())), time.monotonic()
        opened = [socket.create_connection(("127.0.0.1", app.port)) for _ in range(CONNECTIONS)]
        for one in opened:
            one.sendall(said)
        for seq, prompt in enumerate(("s", "su", "sun")):
            page.types(prompt, seq)
        page.hears("frame", seq=2, stage="final")
        assert app.get("/readyz")[0] == 200
        assert len(list(files.iterdir())) >= before + CONNECTIONS
        for one in opened:
            one.settimeout(max(0.1, began + within_s + SPARE_S - time.monotonic()))
            # A body that breaks off may be answered; what matters is the end.
            with contextlib.suppress(ConnectionResetError):
                while one.recv(4096):
                    pass
            one.close()
        page.types("a lake", 3)
        page.hears("frame", seq=3, stage="final")
        with a_page(app) as another:
            another.types("moon", 0)
            another.hears("frame", seq=0, stage="final")
        assert len(list(files.iterdir())) < before + 20
        limits = Path(f"/proc/{app.process.pid}/limits").read_text()
        soft, hard = next(
            line.split()[3:5] for line in limits.splitlines() if line.startswith("Max open files")
        )
        assert soft == str(min(int(hard), 65_536)) or int(soft) > 65_536
        assert "Traceback" not in app.log.read_text()
