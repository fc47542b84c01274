"""Programs over real connections to a slow engine: frames come at once, and who goes frees it."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace

import httpx
import pytest

from klein_ui.dispatcher import Dispatcher
from klein_ui.engine.fake import FakeEngine
from klein_ui.loading import Source
from klein_ui.models import POSTCARD
from klein_ui.pacing import PacingSettings
from klein_ui.ui import page, programs
from klein_ui.ui.services import Services

from ..started import free_port

pytestmark = pytest.mark.filterwarnings("ignore")

LONG_S = 30.0
SMALL = {"prompt": "a red sun", "width": 128, "height": 128}
TOOL = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "tools/call",
    "params": {"name": "generate", "arguments": SMALL},
}
CALLS: list[tuple[str, dict[str, object]]] = [
    (f"{programs.ROOT}/generate", SMALL),
    (f"{programs.ROOT}/stream", SMALL),
    (f"{programs.ROOT}/variations", SMALL),
    (f"{programs.ROOT}/export", {"request": SMALL}),
    (f"{programs.MCP_PATH}/", TOOL),
]


class Held:
    """An engine's sleep between two steps that lasts until it is let go."""

    def __init__(self) -> None:
        self.began, self.goes_on = threading.Event(), threading.Event()

    def sleep(self, seconds: float) -> None:
        self.began.set()
        assert self.goes_on.wait(LONG_S)


@pytest.fixture
def held() -> Held:
    return Held()


@contextmanager
def over(engine: FakeEngine, services: Services) -> Iterator[tuple[Services, int]]:
    """An app over `engine`, and its port."""
    dispatcher = Dispatcher(Source(POSTCARD, lambda report: engine), PacingSettings(settle_s=0.01))
    dispatcher.start()
    settings = replace(services.settings, port=free_port(), mcp=True)
    served = replace(services, settings=settings, dispatcher=dispatcher)
    blocks = page.build(served)
    page.launch(blocks, served, block_thread=False)
    try:
        yield served, settings.port
    finally:
        blocks.close(verbose=False)
        dispatcher.stop()


@pytest.fixture
def slow(services: Services, held: Held) -> Iterator[tuple[Services, int]]:
    """An app over an engine that hangs in its first step until a test lets it go on."""
    with over(FakeEngine(render_s=1.0, sleep=held.sleep), services) as at:
        yield at
        held.goes_on.set()


@pytest.mark.parametrize(("path", "body"), CALLS, ids=[path for path, _ in CALLS])
def test_who_goes_away_frees_the_engine(
    slow: tuple[Services, int], held: Held, path: str, body: dict[str, object]
) -> None:
    services, port = slow
    content = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        f"Accept: application/json, text/event-stream\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    with closing(socket.create_connection(("127.0.0.1", port))) as caller:
        caller.sendall(head.encode() + content)
        assert held.began.wait(LONG_S)
        assert services.dispatcher.stats().sessions > 0
    until = time.monotonic() + LONG_S
    while services.dispatcher.stats().sessions:
        assert time.monotonic() < until
        threading.Event().wait(0.01)
    held.goes_on.set()
    assert services.dispatcher.stop(LONG_S)
    assert services.dispatcher.stats().superseded >= 1


def test_a_draft_is_there_before_the_full_picture_is_begun(services: Services) -> None:
    steps, permits = 4, threading.Semaphore(0)
    engine = FakeEngine(render_s=1.0, sleep=lambda seconds: permits.acquire(timeout=LONG_S))
    # What is not measured yet is taken for slow, so a draft comes first.
    body = {"prompt": "a red sun", "width": 512, "height": 512, "draft": 128, "steps": steps}
    with over(engine, services) as (_, port), httpx.Client(timeout=LONG_S) as caller:
        url = f"http://127.0.0.1:{port}{programs.ROOT}/stream"
        compressed = {"Accept-Encoding": "br, gzip"}
        permits.release(steps)
        with caller.stream("POST", url, json=body, headers=compressed) as answer:
            lines = answer.iter_lines()
            first = json.loads(next(lines))
            assert engine.counts.decodes == 1
            permits.release(steps)
            last = json.loads(list(lines)[-1])
    assert (first["stage"], first["width"]) == ("draft", 128)
    assert (last["stage"], last["width"]) == ("final", 512)
