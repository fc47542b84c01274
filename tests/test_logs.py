"""Logs: one line an event, and nothing of what anybody typed."""

import json
import logging
import subprocess
import sys
import threading

import pytest

from klein_ui import logs
from klein_ui.contract import EngineFailed

TYPED = "zanzibar"


def failed(error: Exception, cause: Exception | None = None) -> logging.LogRecord:
    try:
        raise error from cause
    except Exception:
        return logging.LogRecord(
            "klein", logging.ERROR, __file__, 1, "a render %s", ("failed",), sys.exc_info()
        )


@pytest.mark.parametrize("kind", logs.FORMATS)
def test_what_an_error_quotes_is_not_logged_but_its_type_and_way_are(kind: str) -> None:
    record = failed(ValueError(f"no token for {TYPED}"), KeyError(TYPED))
    line = logs.FORMATS[kind]().format(record)
    assert "\n" not in line
    assert TYPED not in line
    assert "a render failed" in line
    assert "ValueError at" in line
    assert "KeyError" in line
    assert "test_logs.py" in line


def test_a_sentence_for_the_user_and_a_full_disk_say_what_they_are() -> None:
    line = logs.Lines().format(failed(EngineFailed("Choose another."), OSError(28, "No space")))
    assert "EngineFailed “Choose another.” at" in line
    assert "OSError (No space)" in line


def test_json_has_a_field_for_each_thing() -> None:
    told = json.loads(logs.JsonLines().format(failed(ValueError(TYPED))))
    assert set(told) == {"at", "level", "from", "event", "error"}
    assert (told["level"], told["from"], told["event"]) == ("error", "klein", "a render failed")
    record = logging.LogRecord("klein", logging.INFO, __file__, 1, "Ready.", (), None)
    assert json.loads(logs.JsonLines().format(record))["event"] == "Ready."
    assert logs.Lines().format(record) == "Ready."


def test_an_error_that_ends_a_thread_is_a_line_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", list(root.handlers))
    monkeypatch.setattr(root, "level", root.level)
    logs.configure("json")

    def fails() -> None:
        raise ValueError(TYPED)

    thread = threading.Thread(target=fails)
    thread.start()
    thread.join()
    lines = capsys.readouterr().err.splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["a thread ended"]
    assert TYPED not in lines[0]


def test_the_package_of_mcp_quotes_nobody() -> None:
    path = "/lib/mcp/shared/session.py"
    record = logging.LogRecord("root", logging.WARNING, path, 7, "bad: %s", ("a secret",), None)
    assert logs.Discreet().filter(record)
    assert record.getMessage() == "MCP, session:7"
    quiet = logging.LogRecord("mcp", logging.INFO, path, 7, "Terminating", (), None)
    assert not logs.Discreet().filter(quiet)


def test_what_libraries_say_is_an_object_too() -> None:
    code = (
        "import logging, diffusers, transformers; from klein_ui import logs;"
        "logs.configure('json'); logs.tame();"
        "[logging.getLogger(name).warning('odd') for name in ('diffusers.x', 'transformers.x')]"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert [json.loads(line)["from"] for line in run.stderr.splitlines()] == [
        "diffusers.x",
        "transformers.x",
    ]
