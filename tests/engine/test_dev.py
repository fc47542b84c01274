"""`Flux2Pipeline`, the pipeline of dev: our render of it against its own."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKLFlux2, Flux2Pipeline

from klein_ui import models
from klein_ui.bench.photos import Album, photo
from klein_ui.contract import EngineFailed, Progress, Request
from klein_ui.engine import choosing, loader
from klein_ui.engine.device import choose
from klein_ui.engine.klein import KleinEngine
from klein_ui.engine.text_encoder import open_text_encoder

from . import small_dev
from .rendering import CACHE_BYTES, images, load, render, request, stock_render

ALBUM = Album({"one": photo(96, 64, 0), "two": photo(64, 64, 1)})


@pytest.fixture(scope="module")
def folder(small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("models") / "small-dev"
    small_dev.save(made, AutoencoderKLFlux2.from_pretrained(small_model / "vae"))
    return made


@pytest.fixture(scope="module")
def engine(folder: Path) -> KleinEngine:
    return load(folder, ALBUM)


@pytest.fixture(scope="module")
def stock(folder: Path) -> Flux2Pipeline:
    return small_dev.stock(folder)


def asked(*references: str, **fields: object) -> Request:
    return request(*references, **{"steps": 3, "guidance_scale": 4.0, **fields})


def of_stock(
    stock: Flux2Pipeline, engine: KleinEngine, folder: Path, wanted: Request
) -> np.ndarray:
    row, shown = models.from_folder(folder), images(ALBUM, wanted)
    return stock_render(stock, engine, row, wanted, shown, guidance_scale=wanted.guidance_scale)


@pytest.mark.parametrize("references", [(), ("one",), ("two", "one")])
@pytest.mark.parametrize("scale", [1.0, 4.0])
def test_the_render_equals_the_stock_pipeline(
    engine: KleinEngine,
    stock: Flux2Pipeline,
    folder: Path,
    references: tuple[str, ...],
    scale: float,
) -> None:
    wanted = asked(*references, guidance_scale=scale)
    assert np.array_equal(render(engine, wanted), of_stock(stock, engine, folder, wanted))


@pytest.mark.parametrize("prompt", ["", "夜 🌋", "an [IMG] of it", "x" * 300])
@pytest.mark.parametrize(("width", "height", "steps"), [(96, 48, 1), (48, 80, 8)])
def test_so_it_does_at_any_size_for_any_prompt(
    engine: KleinEngine,
    stock: Flux2Pipeline,
    folder: Path,
    prompt: str,
    width: int,
    height: int,
    steps: int,
) -> None:
    wanted = asked(prompt=prompt, width=width, height=height, steps=steps)
    assert np.array_equal(render(engine, wanted), of_stock(stock, engine, folder, wanted))


@pytest.mark.parametrize(("starts", "side"), [(False, "left"), (True, "right")])
def test_so_it_does_however_the_tokenizer_starts_and_pads(
    small_model: Path, tmp_path: Path, starts: bool, side: str
) -> None:
    vae = AutoencoderKLFlux2.from_pretrained(small_model / "vae")
    small_dev.save(tmp_path, vae, starts=starts, side=side)
    engine, wanted = load(tmp_path, ALBUM), asked()
    theirs = of_stock(small_dev.stock(tmp_path), engine, tmp_path, wanted)
    assert np.array_equal(render(engine, wanted), theirs)


def test_the_scale_is_told_and_nothing_is_asked_twice(engine: KleinEngine) -> None:
    encoded = engine.prompts_encoded
    low, high = (render(engine, asked(guidance_scale=one, prompt="new")) for one in (1.0, 4.0))
    assert not np.array_equal(low, high)
    assert engine.prompts_encoded == encoded + 1


def test_a_trimmed_prompt_keeps_what_was_typed_where_padding_comes_first(folder: Path) -> None:
    choice = choosing.Choice(models.from_folder(folder), choose("cpu"), trims_text=True)
    row = replace(choice.row, max_sequence_length=512)
    trimmed, whole = (
        loader.load(one, CACHE_BYTES, lambda progress: None, ALBUM)._prompts.encode("a red sun")
        for one in (replace(choice, row=row), replace(choice, row=row, trims_text=False))
    )
    kept = trimmed.embeds.shape[1]
    assert kept == 256
    assert torch.equal(trimmed.text_ids, whole.text_ids[:, -kept:])
    typed = 230
    assert torch.allclose(trimmed.embeds[:, -typed:], whole.embeds[:, -typed:], atol=1e-4)


def test_of_the_text_encoder_only_what_reads_is_there(folder: Path) -> None:
    encoder = open_text_encoder(folder / "text_encoder", small_dev.LAYERS, torch.float32)
    assert len(encoder.model.language_model.layers) == 3
    assert {name.split(".")[1] for name, _ in encoder.named_parameters()} == {"language_model"}


def test_it_is_placed_and_counted_as_the_others_are(engine: KleinEngine, folder: Path) -> None:
    fp8 = choosing.Choice(models.from_folder(folder), choose("cpu"), "fp8")
    reports: list[Progress] = []
    other = loader.load(fp8, CACHE_BYTES, reports.append, ALBUM)
    assert other.origin.path == "eager, fp8 weights"
    assert other._pipeline.text_encoder.model.language_model.layers[0].mlp.up_proj.weight.dtype == (
        torch.float8_e4m3fn
    )
    assert not np.array_equal(render(engine, asked()), render(other, asked()))


def test_the_folder_gets_the_numbers_of_dev(folder: Path) -> None:
    row = models.from_folder(folder)
    assert (row.steps, row.guidance_scale, row.is_guided) == (50, 4.0, True)
    assert models.get("dev").text_encoder_out_layers == (10, 20, 30)
    assert models.get("dev").repo == "black-forest-labs/FLUX.2-dev"


def test_without_its_tokenizer_it_says_what_to_do(folder: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(folder, broken)
    shutil.rmtree(broken / "tokenizer")
    with pytest.raises(EngineFailed, match="incomplete or damaged"):
        load(broken, ALBUM)
