"""Who looks at a picture before it leaves, and what if nobody can."""

from pathlib import Path

import numpy as np
import pytest

from klein_ui import safety
from klein_ui.contract import EngineFailed, Pixels, Request
from klein_ui.provenance.export import exporter
from klein_ui.settings import read
from tests.provenance.generated import frame

PIXELS = np.zeros((64, 64, 3), np.uint8)


def says(allowed: bool) -> safety.Check:
    return lambda pixels: safety.Verdict(allowed, "nsfw", 0.9)


def fails(pixels: Pixels) -> safety.Verdict:
    raise RuntimeError("out of memory")


def missing() -> safety.Check:
    raise EngineFailed("There is no image classifier; give another folder.")


def test_without_a_check_everything_leaves_with_a_note() -> None:
    assert safety.gate(None, required=False).passed(PIXELS) == (safety.UNCHECKED,)


@pytest.mark.parametrize("required", [True, False])
def test_a_check_decides(required: bool) -> None:
    assert safety.gate(lambda: says(True), required=required).passed(PIXELS) == ()
    with pytest.raises(safety.HeldBack, match="nsfw"):
        safety.gate(lambda: says(False), required=required).passed(PIXELS)


def test_what_is_demanded_and_missing_closes_the_gate() -> None:
    with pytest.raises(safety.HeldBack, match="give its folder with --safety"):
        safety.gate(None, required=True).passed(PIXELS)
    with pytest.raises(safety.HeldBack, match="There is no image classifier"):
        safety.gate(missing, required=True).passed(PIXELS)
    with pytest.raises(safety.HeldBack, match="failed on this picture"):
        safety.gate(lambda: fails, required=True).passed(PIXELS)


def test_what_is_not_demanded_lets_through_and_says_so() -> None:
    assert safety.gate(lambda: fails, required=False).passed(PIXELS) == (safety.FAILED,)


def test_a_check_that_is_wanted_and_missing_is_said_at_once() -> None:
    with pytest.raises(EngineFailed, match="There is no image classifier"):
        safety.gate(missing, required=False)


def test_an_export_goes_through_the_gate_of_the_settings(tmp_path: Path) -> None:
    chosen = read(["--safety", str(tmp_path), "--require-safety"], {})
    asked: list[Path] = []

    def load(folder: Path) -> safety.Check:
        asked.append(folder)
        return says(False)

    with pytest.raises(safety.HeldBack):
        exporter(chosen, load).export(frame(Request("a", 1, 64, 64, 4, 1.0, "postcard")))
    assert asked == [tmp_path]
