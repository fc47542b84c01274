"""The bench of batches: what it renders, what it compares, and what it prints."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import Flux2KleinPipeline

from klein_ui import models
from klein_ui.bench import __main__ as bench
from klein_ui.bench import batch, batched, small_models
from klein_ui.bench.batch import BatchRow
from klein_ui.bench.photos import Album
from klein_ui.engine import choosing, loader
from klein_ui.engine.klein import KleinEngine
from klein_ui.models import ModelRow

from .test_twins import CPU, SMALL

ROW = BatchRow("postcard", 128, 4, 3, 400.0, 100.0, 7.0, 60.0, 33.0, 1.25, 0)


@pytest.fixture(scope="module")
def row(tmp_path_factory: pytest.TempPathFactory) -> ModelRow:
    folder = tmp_path_factory.mktemp("bench") / "small"
    small_models.save(folder, Flux2KleinPipeline, small_models.TINY)
    return models.from_folder(folder)


@pytest.fixture
def engine(row: ModelRow) -> KleinEngine:
    choice = choosing.resolve(row.repo, "cpu", None)
    return loader.load(choice, 2**26, lambda progress: None, Album())


def test_each_size_is_a_row_of_prompts_that_are_new(engine: KleinEngine, row: ModelRow) -> None:
    sizes: list[int] = []

    def note(module: Any, args: Any, kwargs: dict[str, Any]) -> None:
        sizes.append(kwargs["hidden_states"].shape[0])

    engine._pipeline.transformer.register_forward_pre_hook(note, with_kwargs=True)
    rows = batched.rows(engine, replace(row, steps=1), 2, sides=(64, 96))
    assert [(one.side_px, one.count, one.rounds) for one in rows] == [
        (side, count, 2) for side in (64, 96) for count in (1, 2, 4)
    ]
    # For each side 7 prompts alone and in batches, and then three rounds of 7 new ones.
    assert engine.prompts_encoded == 2 * 7 * 4
    assert sizes.count(4) == sizes.count(2) == 2 * (1 + 3)
    assert all(one.levels <= 1 and one.times > 0 for one in rows)
    assert rows[0].times == 1.0
    assert rows[2].picture_ms == pytest.approx(rows[2].batch_ms / 4)


def test_a_batch_that_memory_is_too_small_for_has_no_row(
    engine: KleinEngine, row: ModelRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    transformer = engine._pipeline.transformer
    forward = transformer.forward

    def small(*args: Any, **kwargs: Any) -> Any:
        if kwargs["hidden_states"].shape[0] > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(*args, **kwargs)

    monkeypatch.setattr(transformer, "forward", small)
    rows = batched.rows(engine, replace(row, steps=1), 1, sides=(64,))
    assert [one.count for one in rows] == [1, 2]


def test_a_twin_is_measured_the_same_way() -> None:
    row = replace(SMALL.row, steps=1)
    rows = batched.rows(batched.of_twin(SMALL, CPU), row, 1, sides=(128,))
    assert [(one.model, one.count) for one in rows] == [("small", 1), ("small", 2), ("small", 4)]


def test_a_wrong_twin_says_which_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main(["batch", "--twin", "klein"]) == 2
    assert "klein-4b or klein-9b" in capsys.readouterr().err


def test_the_command_prints_and_writes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    asked: list[tuple[str | None, int]] = []

    def measured(twin: str | None, rounds: int) -> tuple[BatchRow, ...]:
        asked.append((twin, rounds))
        return (ROW,)

    monkeypatch.setattr(batched, "measured", measured)
    file = tmp_path / "found.json"
    assert bench.main(["batch", "--quick", "--json", str(file)]) == 0
    assert asked == [(None, batch.QUICK_ROUNDS)]
    assert json.loads(file.read_text())["rows"][0]["picture_ms"] == 100.0
    assert "1.25" in capsys.readouterr().out
