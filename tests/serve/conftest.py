"""Processes on ZeroGPU: the real `spaces`, a small device API, and no GPU."""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.serve.device_api import DeviceApi, device_api

ROOT = Path(__file__).resolve().parents[2]
LONG_S = 280.0

needs_spaces = pytest.mark.skipif(
    importlib.util.find_spec("spaces") is None, reason="needs the package spaces"
)


@pytest.fixture(scope="module")
def zero() -> Iterator[DeviceApi]:
    """The device API of a module's tests."""
    with device_api() as server:
        yield server


def on_zero_gpu(server: DeviceApi, folder: Path) -> dict[str, str]:
    """The environment of a Space there, which keeps what it packs in `folder`."""
    return {
        **os.environ,
        "SPACES_ZERO_GPU": "true",
        "SPACES_ZERO_DEVICE_API_URL": server.url,
        "ZEROGPU_OFFLOAD_DIR": str(folder / "tensors"),
        "SPACE_ID": "somebody/klein-live",
        "GRADIO_SERVER_NAME": "127.0.0.1",
        "PYTHONUNBUFFERED": "1",
    }


def scene(name: str, server: DeviceApi, folder: Path) -> dict[str, Any]:
    """What `tests.serve.<name>` prints in its last line."""
    played = subprocess.run(
        [sys.executable, "-m", f"tests.serve.{name}", str(folder)],
        cwd=ROOT,
        env=on_zero_gpu(server, folder),
        capture_output=True,
        text=True,
        timeout=LONG_S,
    )
    assert played.returncode == 0, played.stderr
    found: dict[str, Any] = json.loads(played.stdout.splitlines()[-1])
    return found
