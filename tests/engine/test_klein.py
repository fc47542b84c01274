"""Our render against the stock pipeline's, and what the caches save."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import Flux2KleinPipeline

from klein_ui import models
from klein_ui.bench.photos import Album
from klein_ui.contract import (
    EngineFailed,
    Frame,
    Hooks,
    Pixels,
    Request,
    Stage,
    Superseded,
)
from klein_ui.engine import choosing, loader
from klein_ui.engine.device import choose
from klein_ui.engine.klein import KleinEngine
from klein_ui.models import GRID_PX

CACHE_BYTES = 2**28


@pytest.fixture(scope="module")
def row(small_model: Path) -> models.ModelRow:
    return models.from_folder(small_model)


@pytest.fixture
def engine(row: models.ModelRow) -> KleinEngine:
    choice = choosing.Choice(row, choose("cpu"))
    return loader.load(choice, CACHE_BYTES, lambda progress: None, Album())


@pytest.fixture(scope="module")
def stock(small_model: Path) -> Flux2KleinPipeline:
    pipeline = Flux2KleinPipeline.from_pretrained(small_model)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def request(row: models.ModelRow, **fields: object) -> Request:
    base = Request("a red sun", 7, 64, 64, 4, 1.0, row.name)
    return replace(base, **fields)  # type: ignore[arg-type]


def render(engine: KleinEngine, wanted: Request) -> Pixels:
    return engine.render(wanted, Stage.FINAL, Hooks()).pixels


def stock_render(
    stock: Flux2KleinPipeline, engine: KleinEngine, row: models.ModelRow, wanted: Request
) -> Pixels:
    noise = engine._noise.latents(wanted.seed, wanted.height // GRID_PX, wanted.width // GRID_PX)
    image = stock(
        prompt=wanted.prompt,
        width=wanted.width,
        height=wanted.height,
        num_inference_steps=wanted.steps,
        guidance_scale=wanted.guidance_scale,
        latents=noise,
        max_sequence_length=row.max_sequence_length,
        text_encoder_out_layers=row.text_encoder_out_layers,
    ).images[0]
    return np.asarray(image)


@pytest.mark.parametrize("prompt", ["a red sun", "", "夜 🌋", "x" * 300])
@pytest.mark.parametrize(("width", "height", "steps"), [(64, 64, 4), (96, 48, 1), (48, 80, 8)])
def test_the_render_equals_the_stock_pipeline(
    engine: KleinEngine,
    stock: Flux2KleinPipeline,
    row: models.ModelRow,
    prompt: str,
    width: int,
    height: int,
    steps: int,
) -> None:
    wanted = request(row, prompt=prompt, width=width, height=height, steps=steps)
    ours = render(engine, wanted)
    assert ours.shape == (height, width, 3)
    assert np.array_equal(ours, stock_render(stock, engine, row, wanted))


def test_prompt_embeddings_equal_the_stock_ones(
    engine: KleinEngine, stock: Flux2KleinPipeline, row: models.ModelRow
) -> None:
    theirs, ids = stock.encode_prompt(
        "a red sun",
        max_sequence_length=row.max_sequence_length,
        text_encoder_out_layers=row.text_encoder_out_layers,
    )
    ours = engine._prompts.encode("a red sun")
    assert torch.equal(ours.embeds, theirs)
    assert torch.equal(ours.text_ids, ids)


def test_the_same_request_is_the_same_picture(engine: KleinEngine, row: models.ModelRow) -> None:
    first = render(engine, request(row))
    render(engine, request(row, prompt="something between", seed=8))
    engine._frames.clear()
    assert np.array_equal(first, render(engine, request(row)))


def test_a_repeated_request_comes_from_the_frame_cache(
    engine: KleinEngine, row: models.ModelRow
) -> None:
    assert not engine.has(request(row))
    first = engine.render(request(row), Stage.DRAFT, Hooks())
    assert engine.has(request(row))
    again = engine.render(request(row), Stage.FINAL, Hooks())
    assert engine.decodes == 1
    assert (first.timings.cached, again.timings.cached) == (False, True)
    assert (again.stage, again.timings.render_s) == (Stage.FINAL, 0.0)
    assert again.pixels is first.pixels


def test_changing_only_the_seed_or_size_encodes_no_text(
    engine: KleinEngine, row: models.ModelRow
) -> None:
    render(engine, request(row))
    render(engine, request(row, seed=8))
    render(engine, request(row, width=96))
    render(engine, request(row, steps=2))
    assert engine.prompts_encoded == 1
    render(engine, request(row, prompt="a red sun "))
    assert engine.prompts_encoded == 2


@pytest.mark.parametrize(("at", "previewed"), [(0, True), (1, True), (1, False), (4, False)])
def test_a_superseded_render_decodes_nothing_and_leaves_nothing(
    engine: KleinEngine, row: models.ModelRow, at: int, previewed: bool
) -> None:
    previews: list[Frame] = []
    asked: list[int] = []

    def superseded(steps_done: int) -> bool:
        asked.append(steps_done)
        return steps_done == at

    hooks = Hooks(superseded, previews.append if previewed else None)
    with pytest.raises(Superseded):
        engine.render(request(row), Stage.FINAL, hooks)
    assert previews == []
    assert asked == list(range(at + 1))
    assert engine.decodes == 0
    assert not engine.has(request(row))


def test_the_preview_is_one_picture_after_the_first_step(
    engine: KleinEngine, row: models.ModelRow
) -> None:
    previews: list[Frame] = []
    frame = engine.render(request(row), Stage.DRAFT, Hooks(preview=previews.append))
    assert [preview.stage for preview in previews] == [Stage.PREVIEW]
    assert previews[0].pixels.shape == frame.pixels.shape
    assert np.array_equal(frame.pixels, render(engine, request(row)))


def test_the_preview_of_a_picture_of_one_step_is_the_picture(
    engine: KleinEngine, row: models.ModelRow
) -> None:
    previews: list[Frame] = []
    engine.render(request(row, steps=1), Stage.DRAFT, Hooks(preview=previews.append))
    assert previews == []


def test_a_cut_prompt_says_so(engine: KleinEngine, row: models.ModelRow) -> None:
    assert engine.render(request(row), Stage.FINAL, Hooks()).notes == ()
    long = engine.render(request(row, prompt="x" * 100), Stage.FINAL, Hooks())
    assert "shorten it" in long.notes[0]


def test_the_caches_stay_within_their_bytes(row: models.ModelRow) -> None:
    choice = choosing.Choice(row, choose("cpu"))
    engine = loader.load(choice, 64 * 1024, lambda progress: None, Album())
    for seed in range(8):
        render(engine, request(row, seed=seed))
    held = sum(stats.held_bytes for stats in engine.cache_stats().values())
    assert held <= 64 * 1024


def test_a_trimmed_prompt_keeps_what_was_typed_and_drops_the_padding(
    small_model: Path, row: models.ModelRow
) -> None:
    choice = choosing.Choice(row, choose("cpu"), trims_text=True)
    trimmed = loader.load(choice, CACHE_BYTES, lambda progress: None, Album())
    whole = loader.load(replace(choice, trims_text=False), CACHE_BYTES, lambda p: None, Album())
    short, full = trimmed._prompts.encode("a red sun"), whole._prompts.encode("a red sun")
    assert (short.embeds.shape[1], full.embeds.shape[1]) == (32, row.max_sequence_length)
    assert torch.allclose(short.embeds, full.embeds[:, :32], atol=1e-6)
    assert trimmed._prompts.encode("x" * 300).embeds.shape[1] == row.max_sequence_length
    assert render(trimmed, request(row)).shape == (64, 64, 3)
    assert trimmed.origin.path == "eager, trimmed text"


def test_too_little_memory_is_said_in_one_sentence(
    engine: KleinEngine, row: models.ModelRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with monkeypatch.context() as small:
        small.setattr(engine._pipeline.vae, "decode", full)
        with pytest.raises(EngineFailed, match="choose a smaller size"):
            render(engine, request(row))
    assert render(engine, request(row)).shape == (64, 64, 3)
