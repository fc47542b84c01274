"""The examples of the documents, run as they stand, against the app as it is started."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from klein_ui import provenance
from klein_ui.ui import programs

from .started import REAL, ROOT, Started, started

EXAMPLES = ROOT / "docs" / "examples"
NODE = shutil.which("node")
TOKEN = "a-token-of-this-test"  # noqa: S105
SIDE = 256


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """The app with the built-in model and the tools, open to this machine."""
    with started(tmp_path_factory.mktemp("app"), "--mcp", program=REAL) as running:
        yield running


def run(app: Started, folder: Path, name: str, *more: str, token: str = "") -> str:
    """What the example `name` prints; its files are in `folder`."""
    program = [str(NODE)] if name.endswith(".mjs") else [sys.executable, "-W", "ignore"]
    environ = {**os.environ, "KLEIN_TOKEN": token, "GRADIO_ANALYTICS_ENABLED": "False"}
    done = subprocess.run(
        [*program, str(EXAMPLES / name), app.url, *more],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as picture:
        return picture.size


def images(folder: Path) -> list[str]:
    """A photo, a style and a mask, as files."""
    made = []
    for number, name in enumerate(("photo", "style", "mask")):
        pixels = np.random.default_rng(number).integers(0, 256, (128, 160, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{name}.png")
        made.append(str(folder / f"{name}.png"))
    return made


def test_a_picture(app: Started, tmp_path: Path) -> None:
    assert "sun.webp" in run(app, tmp_path, "picture.py")
    with Image.open(tmp_path / "sun.png") as picture:
        request = provenance.request_from(picture.info[provenance.CHUNK])
    assert (request.seed, request.width) == (7, SIDE)
    assert size_of(tmp_path / "sun.webp") == (SIDE, SIDE)


def test_an_edit(app: Started, tmp_path: Path) -> None:
    run(app, tmp_path, "edit.py", *images(tmp_path))
    with Image.open(tmp_path / "night.png") as picture:
        request = provenance.request_from(picture.info[provenance.CHUNK])
    assert [one.role for one in request.references] == ["the subject", "style"]
    assert request.mask


def test_a_stream(app: Started, tmp_path: Path) -> None:
    assert f"final {SIDE} × {SIDE}" in run(app, tmp_path, "stream.py")
    for name in ("newest", *(f"seed-{seed}" for seed in range(4))):
        assert size_of(tmp_path / f"{name}.jpg") == (SIDE, SIDE)


def test_gradios_own_client(app: Started, tmp_path: Path) -> None:
    run(app, tmp_path, "gradio_picture.py")
    assert size_of(tmp_path / "gradio.png") == (SIDE, SIDE)


def test_the_tools(app: Started, tmp_path: Path) -> None:
    assert "pinned on Suns" in run(app, tmp_path, "mcp_tools.py")
    assert size_of(tmp_path / "tool.jpg") == (SIDE, SIDE)
    _, listed = app.get(f"{programs.ROOT}/boards")
    assert "Suns" in [board["title"] for board in listed["boards"]]


@pytest.mark.skipif(NODE is None, reason="needs node")
def test_javascript(app: Started, tmp_path: Path) -> None:
    assert "pinned on" in run(app, tmp_path, "picture.mjs")
    assert size_of(tmp_path / "sun.png") == size_of(tmp_path / "night.jpg") == (SIDE, SIDE)
    assert f"final {SIDE} × {SIDE}" in run(app, tmp_path, "stream.mjs")


@pytest.mark.long
def test_all_of_them_behind_a_token(tmp_path: Path) -> None:
    with started(tmp_path / "app", "--mcp", "--token", TOKEN, program=REAL) as guarded:
        shown = images(tmp_path)
        for example in sorted(EXAMPLES.iterdir()):
            if example.suffix == ".py" or NODE is not None:
                more = shown if example.name == "edit.py" else ()
                run(guarded, tmp_path, example.name, *more, token=TOKEN)
