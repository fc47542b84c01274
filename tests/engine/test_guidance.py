"""Weights that are not distilled: two answers a step, as the stock pipeline takes them."""

from pathlib import Path

import numpy as np
import pytest
from diffusers import Flux2KleinPipeline

from klein_ui import models
from klein_ui.bench.photos import Album, photo
from klein_ui.contract import Request
from klein_ui.engine.klein import KleinEngine

from .rendering import images, load, render, request, stock_render

ALBUM = Album({"one": photo(96, 64, 0), "two": photo(64, 64, 1)})


@pytest.fixture(scope="module")
def engine(small_base_model: Path) -> KleinEngine:
    return load(small_base_model, ALBUM)


@pytest.fixture(scope="module")
def stock(small_base_model: Path) -> Flux2KleinPipeline:
    pipeline = Flux2KleinPipeline.from_pretrained(small_base_model)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def test_the_folder_of_base_weights_gets_the_numbers_of_base_weights(
    small_base_model: Path, small_model: Path
) -> None:
    base, distilled = models.from_folder(small_base_model), models.from_folder(small_model)
    assert (base.steps, base.guidance_scale, base.is_guided) == (50, 4.0, True)
    assert (distilled.steps, distilled.guidance_scale, distilled.is_guided) == (4, 1.0, False)


@pytest.mark.parametrize("scale", [1.0, 1.5, 4.0])
@pytest.mark.parametrize("references", [(), ("one",), ("one", "two")])
def test_a_guided_render_equals_the_stock_pipeline(
    engine: KleinEngine,
    stock: Flux2KleinPipeline,
    small_base_model: Path,
    scale: float,
    references: tuple[str, ...],
) -> None:
    wanted = request(*references, steps=3, guidance_scale=scale)
    assert np.array_equal(render(engine, wanted), of_stock(stock, engine, small_base_model, wanted))


def test_guidance_changes_the_picture_of_base_weights(engine: KleinEngine) -> None:
    plain, guided = (request(steps=3, guidance_scale=scale) for scale in (1.0, 4.0))
    assert not np.array_equal(render(engine, plain), render(engine, guided))


def test_distilled_weights_ignore_it_as_the_stock_pipeline_does(small_model: Path) -> None:
    engine = load(small_model, ALBUM)
    plain, guided = (request(guidance_scale=scale) for scale in (1.0, 4.0))
    assert np.array_equal(render(engine, plain), render(engine, guided))


def test_typing_encodes_the_empty_prompt_once(small_base_model: Path) -> None:
    engine = load(small_base_model, ALBUM)
    for prompt in ("a", "a r", "a re"):
        render(engine, request(prompt=prompt, steps=2, guidance_scale=4.0))
    assert engine.prompts_encoded == 3 + 1


def of_stock(
    stock: Flux2KleinPipeline, engine: KleinEngine, folder: Path, wanted: Request
) -> np.ndarray:
    row = models.from_folder(folder)
    shown = images(ALBUM, wanted)
    return stock_render(stock, engine, row, wanted, shown, guidance_scale=wanted.guidance_scale)
