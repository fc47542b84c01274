"""Connections to what does not answer as a replica does."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import pytest
from websockets.sync.server import ServerConnection, serve

from klein_ui.bench.photos import Album
from klein_ui.engine.fake import FAKE_ORIGIN
from klein_ui.loras import LoraShelf
from klein_ui.models import POSTCARD
from klein_ui.serve import link, wire
from klein_ui.serve.lane import RemoteLane, Sources
from klein_ui.serve.link import Link, Unreachable

from ..stepping import LONG_S

HELLO = {
    "row": wire.row_fields(POSTCARD),
    "origin": asdict(FAKE_ORIGIN),
    "place": "one",
    "replicas": 1,
    "caches": {},
    "device": None,
}


@contextmanager
def answering(handle: Callable[[ServerConnection], None]) -> Iterator[str]:
    """The address of a server that does `handle` with each connection."""
    with serve(handle, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        server.shutdown()
        thread.join()


def test_a_connection_without_a_hello_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "CONNECT_S", 0.3)
    left = threading.Event()

    def handle(connection: ServerConnection) -> None:
        for _ in connection:
            continue
        left.set()

    with answering(handle) as url:
        # Held, or what frees the error would close the socket too.
        with pytest.raises(Unreachable) as held:
            Link(url)
        assert left.wait(3.0)
        assert held.value


def test_nobody_waits_for_the_end_of_the_connection_before(tmp_path: Path) -> None:
    says, ended = threading.Event(), threading.Event()

    def handle(connection: ServerConnection) -> None:
        connection.send(json.dumps(HELLO))
        says.wait(LONG_S)
        ended.set()

    with answering(handle) as url:
        old, new = Link(url), Link(url)
        lane = RemoteLane(old, Sources(Album(), LoraShelf(tmp_path)), lambda: None)
        lane.take(new)
        assert lane.link is new
        assert not old.is_open
        assert not old._ended.is_set()
        says.set()
        assert old._ended.wait(LONG_S)
        new.close()
