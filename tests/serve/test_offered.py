"""Which models a cluster has, and what an app begins with: asked of a server that answers so."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

import app
from klein_ui import settings
from klein_ui.contract import EngineFailed, Progress
from klein_ui.loras import LoraShelf
from klein_ui.models import KLEIN_4B, POSTCARD
from klein_ui.serve import remote, wire
from klein_ui.store import PictureStore

from ..started import free_port

OURS = replace(KLEIN_4B, name="somebody/their model")


@contextmanager
def answering(paths: dict[str, object]) -> Iterator[str]:
    """A server of these JSON values; the address of it as an engine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path in paths
            self.send_response(200 if found else 404)
            self.end_headers()
            self.wfile.write(json.dumps(paths.get(self.path)).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"ray://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


CLUSTER: dict[str, object] = {
    "/-/routes": {
        "/postcard": "postcard",
        "/somebody/their model": "theirs",
        "/other": "another application",
        "/elsewhere": "a model that lanes would not find",
        "/loading": "not ready",
    },
    "/postcard/row": wire.row_fields(POSTCARD),
    "/somebody/their%20model/row": wire.row_fields(OURS),
    "/other/row": {"hello": "world"},
    "/elsewhere/row": wire.row_fields(POSTCARD),
}


def begun(engine: str, folder: Path, *flags: str) -> tuple[list[str], str]:
    chosen = settings.read(["--engine", engine, *flags], {})
    store = PictureStore(folder / "pictures", 2**20, 2**20)
    choices, first = app.cluster_models(chosen, store, LoraShelf(folder / "loras"))
    return [row.name for row in choices.rows], first


def test_the_models_are_those_behind_prefixes_of_their_name() -> None:
    with answering(CLUSTER) as engine:
        assert remote.offered(engine) == (POSTCARD, OURS)


def test_an_app_begins_with_the_first_or_with_what_was_chosen(tmp_path: Path) -> None:
    with answering(CLUSTER) as engine:
        assert begun(engine, tmp_path) == (["postcard", OURS.name], "postcard")
        assert begun(engine, tmp_path, "--model", OURS.name)[1] == OURS.name
        with pytest.raises(EngineFailed, match="choose one of postcard, somebody/their model"):
            begun(engine, tmp_path, "--model", "klein-9b")


def test_a_model_that_has_left_the_cluster_is_not_waited_for(tmp_path: Path) -> None:
    store, loras = PictureStore(tmp_path, 2**20, 2**20), LoraShelf(tmp_path / "loras")
    with answering(CLUSTER) as engine:
        gone = remote.source(engine, KLEIN_4B, store, loras)
        with pytest.raises(EngineFailed, match="any more; choose another model"):
            gone.load(lambda progress: None)


class Said(Exception):
    """Ends a loading that would wait."""


@pytest.mark.parametrize("name", ["loading", "postcard"])
def test_a_model_that_starts_is_waited_for(tmp_path: Path, name: str) -> None:
    store, loras = PictureStore(tmp_path, 2**20, 2**20), LoraShelf(tmp_path / "loras")
    told: list[str] = []

    def report(progress: Progress) -> None:
        told.append(progress.phase)
        if progress.phase == "reconnecting":
            raise Said

    with answering(CLUSTER) as engine:
        starts = remote.source(engine, replace(POSTCARD, name=name), store, loras)
        with pytest.raises(Said):
            starts.load(report)
    assert told == ["connecting", "reconnecting"]


def test_an_empty_cluster_says_what_to_do() -> None:
    with answering({"/-/routes": {}}) as engine, pytest.raises(EngineFailed, match="has no model"):
        remote.offered(engine)


def test_a_known_model_may_come_later_and_of_any_other_nobody_knows_anything(
    tmp_path: Path,
) -> None:
    nowhere = f"ray://127.0.0.1:{free_port()}"
    assert begun(nowhere, tmp_path, "--model", "klein-4b") == (["klein-4b"], "klein-4b")
    with pytest.raises(EngineFailed, match="cannot be reached; start it with"):
        begun(nowhere, tmp_path)
