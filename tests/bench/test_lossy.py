"""The bench of lossy levers: what it loads, what it compares, and what it prints."""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from diffusers import Flux2KleinPipeline

from klein_ui.bench import __main__ as bench
from klein_ui.bench import levers, lossy, small_models
from klein_ui.bench.levers import psnr_db
from klein_ui.bench.lossy import LossyRow
from klein_ui.engine import loader

ROW = LossyRow("--trim-text", "postcard", 256, 6, 300.0, 200.0, 1.5, 31.0, 24.0)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bench") / "small"
    small_models.save(folder, Flux2KleinPipeline, replace(small_models.TINY, text_tokens=128))
    return folder


@pytest.mark.parametrize("name", ["--trim-text", "--memory fp8"])
def test_each_lever_changes_the_pictures_a_little(small: Path, name: str) -> None:
    choice = loader.resolve(str(small), "cpu", None)
    exact, lossy = (levers.renders(one, 2) for one in (choice, levers.levers(choice)[name]))
    row = levers.summed(name, choice, exact, lossy)
    assert (row.lever, row.model, row.side_px, row.prompts) == (name, "small", 64, 2)
    assert 10 < row.worst_psnr_db <= row.psnr_db < 78
    assert row.times > 0


def test_without_a_lever_nothing_strays(small: Path) -> None:
    choice = loader.resolve(str(small), "cpu", None)
    exact, again = levers.renders(choice, 1), levers.renders(choice, 1)
    assert levers.summed("none", choice, exact, again).worst_psnr_db > 78


def test_a_model_that_is_not_there_is_said_in_one_sentence(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert bench.main(["lossy", "--model", "nothing"]) == 2
    assert "There is no model or folder “nothing”" in capsys.readouterr().err


def test_psnr_is_that_of_the_field() -> None:
    black = np.zeros((4, 4, 3), np.uint8)
    assert psnr_db(black, black + np.uint8(255)) == 0
    assert psnr_db(black, black + np.uint8(1)) == pytest.approx(48.13, abs=0.01)
    assert psnr_db(black, black) > 78


def test_the_command_prints_and_writes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    asked: list[tuple[str, int]] = []

    def measured(model: str, count: int) -> tuple[LossyRow, ...]:
        asked.append((model, count))
        return (ROW,)

    monkeypatch.setattr(levers, "measured", measured)
    file = tmp_path / "found.json"
    assert bench.main(["lossy", "--quick", "--model", "postcard", "--json", str(file)]) == 0
    assert asked == [("postcard", lossy.QUICK_PROMPTS)]
    assert json.loads(file.read_text())["rows"][0]["psnr_db"] == 31.0
    assert "--trim-text" in capsys.readouterr().out


def test_the_flags_are_declared() -> None:
    parser = argparse.ArgumentParser()
    lossy.add_to(parser.add_subparsers())
    assert parser.parse_args(["lossy"]).model == "auto"
