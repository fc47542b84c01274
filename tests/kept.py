"""Frames to keep, and disks that would not have them."""

import contextlib
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from klein_ui.contract import Frame, Origin, Pixels, Request, Stage, Timings

REQUEST = Request("a cup", 7, 64, 48, 4, 1.0, "postcard")
ORIGIN = Origin("abc", "CPU", "float32", "torch")


@dataclass(slots=True)
class Clock:
    now: float = 1e9

    def __call__(self) -> float:
        self.now += 1
        return self.now


def noise(seed: int, width: int = 64, height: int = 48) -> Pixels:
    """A picture that no codec makes small."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def frame(prompt: str = "a cup", stage: Stage = Stage.FINAL, **fields: object) -> Frame:
    """A frame whose pixels are of its seed and size."""
    request = replace(REQUEST, prompt=prompt, **fields)  # type: ignore[arg-type]
    pixels = noise(request.seed, request.width, request.height)
    return Frame(request, stage, pixels, Timings(), ORIGIN)


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    """A disk in memory at `folder`; skips the test where this machine mounts none."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("a disk in memory can only be mounted by root, and not in every container")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def fill(path: Path) -> None:
    """Take all the room that is left on the disk of `path`."""
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as file:
        while file.write(b"x" * 4096):
            pass


def read_only(folder: Path) -> None:
    """From now on the disk mounted at `folder` is only read."""
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)


def files(folder: Path, suffix: str) -> list[Path]:
    return sorted(folder.rglob(f"*{suffix}"))
