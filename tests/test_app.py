"""The program as a user starts it."""

import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app import main, services_for
from klein_ui import logs, pins, settings
from klein_ui.contract import InvalidLora, InvalidRequest

from .kept import mounted
from .started import free_port

ROOT = Path(__file__).resolve().parent.parent
LONG_S = 90.0
PAGE_ONLY = """
from klein_ui import lasting, settings
lasting.begin()
import sys, app
from klein_ui.ui import page
services = app.services_for(settings.read(sys.argv[1:]))
page.launch(page.build(services), services, block_thread=False)
print([name for name in ("diffusers", "transformers", "ray") if name in sys.modules])
services.close()
lasting.end()
"""


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


Refused = Callable[..., tuple[int, str]]


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Refused:
    """The status and the last line of an app that does not start, in this very process."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", "")
    monkeypatch.setattr(logs, "configure", lambda kind: None)

    def last_line(*argv: str) -> tuple[int, str]:
        # The usual port may be another test's.
        status = main(["--port", str(free_port()), *argv])
        return status, capsys.readouterr().err.splitlines()[-1]

    return last_line


def test_a_wrong_model_ends_in_one_sentence() -> None:
    with app("--model", "no-such-model", "--port", str(free_port())) as process:
        _, errors = process.communicate(timeout=LONG_S)
    line = errors.splitlines()[-1]
    assert process.returncode == 2
    assert line.startswith("There is no model or folder “no-such-model”; choose klein-4b, ")
    assert "hub id such as" in line


def test_the_page_waits_for_no_diffusers(tmp_path: Path) -> None:
    """Which takes longer to import than everything else: its model brings it."""
    argv = [sys.executable, "-c", PAGE_ONLY, "--port", str(free_port()), "--model", "postcard"]
    argv += ["--data-dir", str(tmp_path)]
    found = subprocess.check_output(argv, cwd=ROOT, text=True)
    assert found.splitlines()[-1] == "[]"


def test_a_taken_port_ends_in_one_sentence(refused: Refused) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        status, line = refused("--port", str(port), "--model", "postcard")
    assert (status, line) == (2, f"Port {port} is taken; choose another with --port.")


def test_a_folder_that_may_only_be_read_ends_in_one_sentence(
    refused: Refused, tmp_path: Path
) -> None:
    with mounted(tmp_path / "disk", "ro") as disk:
        status, line = refused("--model", "postcard", "--data-dir", str(disk))
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


@pytest.mark.parametrize("flags", [("--open",), ()])
def test_strangers_may_keep_less(tmp_path: Path, flags: tuple[str, ...]) -> None:
    argv = ["--model", "postcard", "--data-dir", str(tmp_path), *flags]
    services = services_for(settings.read(argv, {}))
    titles = [f"{number}" for number in range(pins.STRANGERS.boards + 1)]
    try:
        for title in titles[:-1]:
            services.moodboard.create_board("browser a", title)
        if flags:
            with pytest.raises(InvalidRequest, match="There are 10 boards already; delete some"):
                services.moodboard.create_board("browser a", titles[-1])
        services.moodboard.create_board("browser b" if flags else "browser a", titles[-1])
    finally:
        services.close()


def test_logins_that_name_nobody_end_in_one_sentence(refused: Refused, tmp_path: Path) -> None:
    path = tmp_path / "logins"
    path.write_text("")
    status, line = refused(
        "--model", "postcard", "--data-dir", str(tmp_path), "--logins", str(path)
    )
    assert (status, line) == (2, f"“{path}” names nobody; write a line “name:password” for each.")


def test_a_network_server_wants_the_token_that_it_prints_and_logs_it_nowhere(
    tmp_path: Path,
) -> None:
    port = free_port()
    argv = ["--host", "0.0.0.0", "--port", str(port), "--model", "postcard"]
    with app(*argv, "--data-dir", str(tmp_path), "--log", "json") as process:
        assert process.stdout is not None
        token = process.stdout.readline().rpartition("token=")[2].split()[0]
        own = f"http://127.0.0.1:{port}"
        for query in ("/?token=wrong", "/"):
            with pytest.raises(urllib.error.HTTPError, match="401"):
                urllib.request.urlopen(own + query, timeout=LONG_S)  # noqa: S310
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        with opener.open(f"{own}/?seed=7&token={token}", timeout=LONG_S) as page:
            assert page.geturl() == f"{own}/?seed=7"
            assert "Klein Live" in page.read().decode()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=LONG_S)
        assert process.returncode == 0
        assert token not in errors
