"""What the app is started with: one sentence, and no page half up."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.long

STARTS: dict[str, tuple[list[str], str]] = {
    "a model that climbs": (["--model", "../../etc"], "There is no model or folder"),
    "an address of nobody": (["--host", "203.0.113.1"], "choose another with --host."),
    "a port beyond all": (["--port", "99999"], "port"),
    "a port of text": (["--port", "http"], "port"),
    "a data folder that is a file": (["--data-dir", "app.py"], "--data-dir"),
    "a flag of another app": (["--share"], "--share"),
}


@pytest.mark.parametrize(("argv", "says"), STARTS.values(), ids=STARTS.keys())
def test_a_wrong_start_ends_in_one_sentence(argv: list[str], says: str) -> None:
    done = subprocess.run(
        [sys.executable, "app.py", "--model", "postcard", *argv],
        cwd=ROOT,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert says in done.stderr.splitlines()[-1]
