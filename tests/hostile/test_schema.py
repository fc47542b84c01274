"""Schemathesis over every route that Gradio and the app declare, where it is installed."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import Route

import app as the_app
from klein_ui import settings
from klein_ui.ui import page

from ..started import Started, started

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(900),
    pytest.mark.skipif(find_spec("schemathesis") is None, reason="needs schemathesis"),
]

ENDLESS = "heartbeat|queue/data|dev/reload|startup"
"""Streams that have no end to wait for."""

FIELDS = ("as", "before", "board", "frame", "frames", "from", "hub_id", "name", "note", "pins")
MORE_FIELDS = ("role", "session", "star", "tags", "title", "to")
QUERY = ("before", "board", "format", "frame", "height", "limit", "side", "sidecar", "start")


def ours(folder: Path) -> dict[str, Any]:
    """The routes of the page as a schema; Gradio's own lists none of them."""
    chosen = settings.read(["--model", "postcard", "--data-dir", str(folder)], {})
    services = the_app.services_for(chosen)
    paths: dict[str, Any] = {}
    for route in page.routes(services):
        if isinstance(route, Route):
            for method in sorted((route.methods or set()) - {"HEAD"}):
                paths.setdefault(route.path, {})[method.lower()] = operation(route, method)
    services.close()
    return {"openapi": "3.1.0", "info": {"title": "ours", "version": "1"}, "paths": paths}


def operation(route: Route, method: str) -> dict[str, Any]:
    """Anything at all for each name in the path, the query and the body."""
    names = sorted(route.param_convertors)
    found: dict[str, Any] = {
        "parameters": [
            *({"name": name, "in": "path", "required": True, **TEXT} for name in names),
            *({"name": name, "in": "query", **TEXT} for name in QUERY),
        ],
        "responses": {"default": {"description": "an answer"}},
    }
    if method in ("POST", "PATCH"):
        fields = {"type": "object", "properties": {key: {} for key in (*FIELDS, *MORE_FIELDS)}}
        content = {"application/json": {"schema": fields}, "application/octet-stream": {}}
        found["requestBody"] = {"content": content}
    return found


TEXT = {"schema": {"type": "string"}}


def attack(app: Started, schema: str, folder: Path, *more: str) -> None:
    argv = [
        *(sys.executable, "-m", "schemathesis.cli", "run", schema),
        *("--checks", "not_a_server_error", "--max-examples", "10", "--no-color"),
        *("--continue-on-failure", "--request-timeout", "20", *more),
        *("--exclude-path-regex", ENDLESS),
    ]
    done = subprocess.run(argv, capture_output=True, text=True, cwd=folder)
    assert "Server error" not in done.stdout, done.stdout[-6000:]
    assert "Test cases:" in done.stdout, done.stdout + done.stderr
    assert app.get("/readyz")[0] == 200
    assert "Traceback" not in app.log.read_text()


@pytest.mark.parametrize(
    "schema", ["gradio_api/openapi.json", "openapi.json", "gradio_api/v1/openapi.json"]
)
def test_no_listed_route_answers_500(tmp_path: Path, schema: str) -> None:
    with started(tmp_path) as app:
        attack(app, f"{app.url}/{schema}", tmp_path)


def test_no_route_of_ours_answers_500(tmp_path: Path) -> None:
    schema = tmp_path / "ours.json"
    schema.write_text(json.dumps(ours(tmp_path / "other")))
    with started(tmp_path) as app:
        attack(app, str(schema), tmp_path, "--url", app.url)
