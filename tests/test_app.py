"""The program as a user starts it."""

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app import services_for
from klein_ui import settings
from klein_ui.contract import InvalidLora

from .kept import mounted

ROOT = Path(__file__).resolve().parent.parent
LONG_S = 90.0


def hear_ctrl_c() -> None:
    """A shell starts what runs in its background deaf to Ctrl-C, and children inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def app(*argv: str) -> Iterator["subprocess.Popen[str]"]:
    """The app, which does not outlive the test."""
    process = subprocess.Popen(
        [sys.executable, "app.py", *argv],
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=hear_ctrl_c,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def last_line(argv: list[str]) -> tuple[int, str]:
    with app(*argv) as process:
        _, errors = process.communicate(timeout=LONG_S)
    return process.returncode, errors.splitlines()[-1]


def test_a_wrong_model_ends_in_one_sentence() -> None:
    status, line = last_line(["--model", "no-such-model"])
    assert status == 2
    assert line.startswith("There is no model or folder “no-such-model”; choose klein-4b, ")
    assert "hub id such as" in line


def test_a_taken_port_ends_in_one_sentence() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        status, line = last_line(["--port", str(port), "--model", "postcard"])
    assert (status, line) == (2, f"Port {port} is taken; choose another with --port.")


def test_a_folder_that_may_only_be_read_ends_in_one_sentence(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "ro") as disk:
        status, line = last_line(["--model", "postcard", "--data-dir", str(disk)])
    assert status == 2
    assert line == f"“{disk}” cannot be written; choose another with --data-dir."


def test_the_page_is_up_before_the_model_and_ctrl_c_ends_cleanly(tmp_path: Path) -> None:
    with socket.socket() as finder:
        finder.bind(("127.0.0.1", 0))
        port = finder.getsockname()[1]
    with app("--port", str(port), "--model", "postcard", "--data-dir", str(tmp_path)) as process:
        assert process.stdout is not None
        assert f"at http://127.0.0.1:{port}/" in process.stdout.readline()
        assert process.stderr is not None
        while "Ready." not in (line := process.stderr.readline()):
            assert line, "the app ended before it was ready"
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=LONG_S) as page:
            assert "Klein Live" in page.read().decode()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=LONG_S)
        assert process.returncode == 0
        assert "Traceback" not in errors


def test_the_loras_are_those_of_the_data_folder_and_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    chosen = settings.read(["--model", "postcard", "--data-dir", str(tmp_path)], {})
    services = services_for(chosen)
    (tmp_path / "loras").mkdir()
    (tmp_path / "loras" / "ink.safetensors").write_bytes(b"")
    assert services.loras.names() == ("ink",)
    with pytest.raises(InvalidLora, match="The hub cannot be reached for “alice/ink”; connect"):
        services.fetch_lora("alice/ink", lambda progress: None)
