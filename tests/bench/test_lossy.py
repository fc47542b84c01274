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
from klein_ui.bench.levers import Lever, psnr_db
from klein_ui.bench.lossy import LossyRow
from klein_ui.engine import choosing
from klein_ui.engine.choosing import Choice
from klein_ui.models import Decoder, ModelRow

MORE_LEVERS = ("--memory fp8", "--keep-image-keys")
ROW = LossyRow("--trim-text", "postcard", 256, 0, 6, 300.0, 200.0, 1.5, 31.0, 24.0)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bench") / "small"
    small_models.save(folder, Flux2KleinPipeline, replace(small_models.TINY, text_tokens=128))
    return folder


@pytest.fixture(scope="module")
def choice(small: Path) -> Choice:
    """The small model, of which a small decoder is known."""
    small_models.save_decoder(small.parent / "decoder")
    found = choosing.resolve(str(small), "cpu", None)
    known = Decoder("its decoder", str(small.parent / "decoder"), None, local=True)
    return replace(found, row=replace(found.row, small_decoder=known))


@pytest.mark.parametrize(
    "name",
    ["--trim-text", *(pytest.param(name, marks=pytest.mark.long) for name in MORE_LEVERS)],
)
def test_each_lever_changes_the_pictures_a_little(choice: Choice, name: str) -> None:
    lever = levers.levers(choice)[name]
    exact, lossy = (levers.renders(one, 2) for one in (replace(lever, choice=choice), lever))
    row = levers.summed(name, lever, exact, lossy)
    assert (row.lever, row.model, row.side_px, row.prompts) == (name, "small", 64, 2)
    assert 10 < row.worst_psnr_db <= row.psnr_db < 78
    assert row.times > 0


def test_the_small_decoder_is_one_of_them_and_draws_something_else(choice: Choice) -> None:
    lever = levers.levers(choice)["--small-decoder"]
    exact, other = (levers.renders(one, 1) for one in (Lever(choice), lever))
    assert levers.summed("", lever, exact, other).worst_psnr_db < 78


@pytest.mark.long
def test_a_lever_that_cannot_be_had_is_left_out_in_a_sentence(
    small: Path, choice: Choice, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measured(row: ModelRow) -> tuple[list[str], tuple[str, ...]]:
        monkeypatch.setattr(choosing, "resolve", lambda *_: replace(choice, row=row))
        rows, left_out = levers.measured("small", 1)
        return [found.lever for found in rows], left_out

    others = ["--trim-text", "--memory fp8", "--keep-image-keys"]
    known = Decoder("its decoder", str(small), None, local=True)
    names, left_out = measured(replace(choice.row, small_decoder=known))
    assert names == others
    assert left_out[0].startswith("--small-decoder is left out: its decoder is no decoder for")
    names, left_out = measured(replace(choice.row, small_decoder=None))
    assert names == others
    assert left_out == ("--small-decoder is left out: small has no small decoder.",)


def test_without_a_lever_nothing_strays(choice: Choice) -> None:
    exact, again = levers.renders(Lever(choice), 1), levers.renders(Lever(choice), 1)
    assert levers.summed("none", Lever(choice), exact, again).worst_psnr_db > 78


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

    def measured(model: str, count: int) -> tuple[tuple[LossyRow, ...], tuple[str, ...]]:
        asked.append((model, count))
        return (ROW,), ("--small-decoder is left out: why.",)

    monkeypatch.setattr(levers, "measured", measured)
    file = tmp_path / "found.json"
    assert bench.main(["lossy", "--quick", "--model", "postcard", "--json", str(file)]) == 0
    assert asked == [("postcard", lossy.QUICK_PROMPTS)]
    assert json.loads(file.read_text())["rows"][0]["psnr_db"] == 31.0
    printed = capsys.readouterr().out
    assert "--trim-text" in printed
    assert printed.endswith("--small-decoder is left out: why.\n")


def test_the_flags_are_declared() -> None:
    parser = argparse.ArgumentParser()
    lossy.add_to(parser.add_subparsers())
    assert parser.parse_args(["lossy"]).model == "auto"
