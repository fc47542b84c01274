"""Schemathesis over every route that Gradio and the app declare, where it is installed."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from ..started import started

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(900),
    pytest.mark.skipif(find_spec("schemathesis") is None, reason="needs schemathesis"),
]

ENDLESS = "heartbeat|queue/data|dev/reload|startup"
"""Streams that have no end to wait for."""


@pytest.mark.parametrize(
    "schema", ["gradio_api/openapi.json", "openapi.json", "gradio_api/v1/openapi.json"]
)
def test_no_route_answers_500(tmp_path: Path, schema: str) -> None:
    with started(tmp_path) as app:
        argv = [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{app.url}/{schema}"),
            *("--checks", "not_a_server_error", "--max-examples", "10", "--no-color"),
            *("--continue-on-failure", "--request-timeout", "20"),
            *("--exclude-path-regex", ENDLESS),
        ]
        done = subprocess.run(argv, capture_output=True, text=True, cwd=tmp_path)
        assert "Server error" not in done.stdout, done.stdout[-6000:]
        assert "Test cases:" in done.stdout, done.stdout + done.stderr
        assert app.get("/readyz")[0] == 200
        assert "Traceback" not in app.log.read_text()
