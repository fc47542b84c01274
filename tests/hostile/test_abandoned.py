"""Ten thousand sessions that nobody comes back to, in an app of its own, by the real clock."""

import http.client
import json
import socket
import struct
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from klein_ui.ui.reaper import IDLE_S, SWEEP_S

from ..started import Started, a_page, started

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

SESSIONS, SOCKETS, AT_ONCE = 10_000, 400, 8
MOST_BYTES = 50 * 2**20
GONE_S = 300.0


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Started]:
    with started(tmp_path) as running:
        yield running


def resident(app: Started) -> int:
    pages = int(Path(f"/proc/{app.process.pid}/statm").read_text().split()[1])
    return pages * 4096


def generate_index(app: Started) -> int:
    _, config = app.get("/config")
    return next(int(fn["id"]) for fn in config["dependencies"] if fn["api_name"] == "generate")


def join_all(app: Started, fn: int, names: list[str]) -> None:
    """Join the queue under each name and never ask for a message."""
    connection = http.client.HTTPConnection("127.0.0.1", app.port, timeout=60)
    for name in names:
        body = {"data": ["", -1, 0, 0, 0], "fn_index": fn, "session_hash": name}
        headers = {"Content-Type": "application/json"}
        connection.request("POST", "/gradio_api/queue/join", json.dumps(body), headers)
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        answer.read()
    connection.close()


def vanish(app: Started, number: int) -> None:
    """Open a page's socket, or half of one, and break the connection off."""
    connection = socket.create_connection(("127.0.0.1", app.port), timeout=60)
    upgrade = (
        "GET /gradio_api/live HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    connection.sendall(upgrade.encode()[: None if number % 4 else 60])
    if number % 4:
        connection.recv(64)
    # Without a goodbye.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def is_known(app: Started, name: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", app.port, timeout=60)
    try:
        connection.request("GET", f"/gradio_api/queue/data?session_hash={name}")
        return connection.getresponse().status == 200
    finally:
        connection.close()


def test_abandoned_sessions_cost_little_and_are_gone_in_five_minutes(app: Started) -> None:
    fn = generate_index(app)
    join_all(app, fn, [f"first-{number}" for number in range(200)])
    for number in range(20):
        vanish(app, number)
    before = resident(app)
    parts = [[f"gone-{number}" for number in range(at, SESSIONS, AT_ONCE)] for at in range(AT_ONCE)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda names: join_all(app, fn, names), parts))
        list(pool.map(lambda number: vanish(app, number), range(SOCKETS)))
    joined = time.monotonic()
    most = resident(app)
    # The last of them was kept until now; it is gone without that anybody says so.
    while time.monotonic() - joined < IDLE_S + 3 * SWEEP_S:
        most = max(most, resident(app))
        time.sleep(1)
    assert most - before <= MOST_BYTES, f"{(most - before) / 2**20:.1f} MB"
    assert not any(is_known(app, f"gone-{number}") for number in range(SESSIONS - 50, SESSIONS))
    assert app.get("/gradio_api/live/diagnostics")[0] == 200
    assert time.monotonic() - joined < GONE_S
    with a_page(app) as page:
        page.types("sun", 1)
        page.hears("frame", seq=1, stage="final")
    left = resident(app) - before
    Path(app.log).with_name("figures").write_text(f"{most - before} {left}")
    assert left <= MOST_BYTES
    assert "Traceback" not in app.log.read_text()
