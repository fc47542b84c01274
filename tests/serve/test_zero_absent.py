"""`spaces` is needed on ZeroGPU alone, and does nothing anywhere else."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

from klein_ui.serve import zero_start
from tests.serve.conftest import ROOT, needs_spaces
from tests.started import a_page, started

WITHOUT = ("-m", "tests.serve.without_spaces")


def test_the_app_runs_without_the_package(tmp_path: Path) -> None:
    with started(tmp_path, "--device", "cpu", program=WITHOUT) as app, a_page(app) as page:
        page.types("a lake", 1)
        assert page.hears("frame", stage="final")["seq"] == 1


def test_on_zero_gpu_one_sentence_says_that_it_is_missing(tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, *WITHOUT, "--data-dir", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "SPACES_ZERO_GPU": "1", "SPACES_ZERO_DEVICE_API_URL": "http://x"},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert (told.returncode, told.stderr.strip()) == (1, zero_start.MISSING)


@needs_spaces
def test_off_zero_gpu_the_package_hands_back_what_it_is_given() -> None:
    def task(seconds: int) -> int:
        return seconds

    spaces = importlib.import_module("spaces")
    assert spaces.GPU(duration=lambda seconds: seconds)(task) is task
    assert zero_start.on_gpu(task, lambda seconds: seconds) is task
