"""The shipped weights: they load alone, repeat themselves, and follow a small set of prompts."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DiffusionPipeline, Flux2KleinPipeline

from klein_ui.postcard import evaluate_edits
from klein_ui.postcard.captions import resolve
from klein_ui.postcard.evaluate import paint
from klein_ui.postcard.judge import judge, shrink

FOLDER = Path(__file__).parents[2] / "assets" / "postcard"
MEGABYTES = 40

SKIES = {
    "sunny hills by day": {"sky": "day", "terrain": "hills"},
    "the sea at sunset": {"sky": "sunset", "terrain": "sea"},
    "hills at night": {"sky": "night", "terrain": "hills"},
    "a storm over the sea": {"sky": "storm", "terrain": "sea"},
    "hills in thick fog": {"sky": "fog", "terrain": "hills"},
}


@pytest.fixture(scope="module")
def pipeline() -> Any:
    torch.set_num_threads(2)
    loaded = DiffusionPipeline.from_pretrained(FOLDER, local_files_only=True)
    loaded.set_progress_bar_config(disable=True)
    return loaded


def test_it_is_kleins_own_pipeline_and_small(pipeline: Any) -> None:
    assert type(pipeline) is Flux2KleinPipeline
    assert pipeline.config.is_distilled
    files = [path for path in FOLDER.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < MEGABYTES * 1_000_000
    assert not [path for path in files if path.suffix in (".bin", ".pt", ".pkl")]


def test_the_same_seed_is_the_same_picture(pipeline: Any) -> None:
    first, again, other = (
        np.asarray(paint(pipeline, ["a red sun over the sea"], [seed], 128)[0], int)
        for seed in (3, 3, 4)
    )
    assert np.array_equal(first, again)
    assert np.abs(first - other).mean() > 2


def test_the_hour_follows_the_prompt(pipeline: Any) -> None:
    pictures = paint(pipeline, list(SKIES), list(range(len(SKIES))), 128)
    for picture, (text, said) in zip(pictures, SKIES.items(), strict=True):
        assert judge(shrink(picture), resolve(said), "sky") == said["sky"], text


@pytest.mark.parametrize("text", ["", "q", "🚀 zebra quantum", "нет", "a" * 2000])
def test_any_text_gives_a_picture(pipeline: Any, text: str) -> None:
    picture = np.asarray(paint(pipeline, [text], [1], 128)[0])
    assert picture.shape == (128, 128, 3)
    assert picture.std() > 10


def test_sizes_and_shapes(pipeline: Any) -> None:
    for width, height in ((128, 256), (256, 128), (192, 192)):
        image = pipeline(
            prompt="hills", width=width, height=height, num_inference_steps=4, guidance_scale=1.0,
            text_encoder_out_layers=(1, 2, 3), max_sequence_length=128,
            generator=torch.Generator().manual_seed(0),
        ).images[0]  # fmt: skip
        assert image.size == (width, height)


@pytest.mark.parametrize(("references", "least"), [(1, 0.8), (2, 0.75)])
def test_edits_change_what_they_name_and_keep_the_rest(
    pipeline: Any, references: int, least: float
) -> None:
    found = evaluate_edits.evaluate(pipeline, 8, references, 128)
    assert found["renderer"]["changed"]["all"] == 1
    assert found["model"]["changed"]["all"] >= least
    assert found["model"]["kept"]["all"] >= least
