"""A painted region and the lock: the latents against the stock inpainting pipeline, the pixels
against the first reference."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import Flux2KleinInpaintPipeline, Flux2KleinPipeline
from PIL import Image

from klein_ui import compare, models
from klein_ui.bench.photos import Album, photo
from klein_ui.contract import Frame, Hooks, InvalidPicture, Pixels, Request, Stage
from klein_ui.engine.klein import KleinEngine
from klein_ui.engine.region import openness

from .rendering import clean_latents, load, noise, prepared, render, request

SIDE = 64


def mask(kind: str) -> Pixels:
    """White may change: nothing, all, the left half, or a soft disc off every grid."""
    down, across = np.mgrid[:SIDE, :SIDE]
    grey = {
        "nothing": np.zeros((SIDE, SIDE)),
        "all": np.full((SIDE, SIDE), 255),
        "left": np.where(across < SIDE // 2, 255, 0),
        "disc": np.clip(400 - 14 * np.hypot(down - 27, across - 36), 0, 255),
    }[kind]
    return np.repeat(grey.astype(np.uint8)[..., None], 3, axis=-1)


@pytest.fixture(scope="module")
def album() -> Album:
    masks = {kind: mask(kind) for kind in ("nothing", "all", "left", "disc")}
    large = photo(200, 150, 5)
    return Album(
        {"first": photo(SIDE, SIDE, 1), "second": photo(80, 96, 2), "large": large, **masks}
    )


@pytest.fixture
def engine(small_model: Path, album: Album) -> KleinEngine:
    return load(small_model, album)


@pytest.fixture(scope="module")
def inpaint(small_model: Path) -> Any:
    stock = Flux2KleinPipeline.from_pretrained(small_model)
    pipeline = Flux2KleinInpaintPipeline.from_pipe(stock)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def inpainted(
    inpaint: Any, engine: KleinEngine, row: models.ModelRow, album: Album, wanted: Request
) -> tuple[list[torch.Tensor], Pixels]:
    """The stock latents after each step, and the stock pixels."""
    steps: list[torch.Tensor] = []

    def note(_: Any, step: int, time: Any, told: dict[str, Any]) -> dict[str, Any]:
        steps.append(told["latents"])
        return {}

    first, *others = (Image.fromarray(album.get(one.digest)) for one in wanted.references)
    made = inpaint(
        prompt=wanted.prompt,
        image=first,
        image_reference=others or None,
        mask_image=Image.fromarray(album.get(wanted.mask)),
        strength=1.0,
        num_inference_steps=wanted.steps,
        guidance_scale=1.0,
        latents=noise(engine, wanted),
        callback_on_step_end=note,
        max_sequence_length=row.max_sequence_length,
        text_encoder_out_layers=row.text_encoder_out_layers,
    )
    return steps, np.asarray(made.images[0])


# The stock pipeline makes a picture of the image's own size and shows it to the model at that
# size; it knows neither another size nor a smaller reference, and does not touch the pixels.
@pytest.mark.parametrize("kind", ["nothing", "all", "left", "disc"])
@pytest.mark.parametrize("digests", [("first",), ("first", "second")], ids="+".join)
def test_the_latents_equal_the_stock_inpainting_pipeline(
    engine: KleinEngine,
    inpaint: Any,
    small_model: Path,
    album: Album,
    digests: tuple[str, ...],
    kind: str,
) -> None:
    wanted = request(*digests, mask=kind)
    row = models.from_folder(small_model)
    steps, pixels = inpainted(inpaint, engine, row, album, wanted)
    ours = clean_latents(engine, wanted)
    assert torch.equal(ours, steps[-1])
    with torch.inference_mode():
        plan = prepared(engine, wanted).plan
        assert np.array_equal(engine._decode(ours, plan), pixels)


def test_the_openness_of_tokens_follows_the_rounded_mask(album: Album) -> None:
    assert openness(mask("left")).shape == (1, 16, 1)
    assert openness(mask("left")).reshape(4, 4).tolist() == [[1, 1, 0, 0]] * 4
    assert not openness(mask("nothing")).any()
    faint = np.full((SIDE, SIDE, 3), 127, np.uint8)
    assert not openness(faint).any()
    assert openness(faint + 1).all()


def test_nothing_outside_the_region_changes(engine: KleinEngine, album: Album) -> None:
    original = compare.fitted(album.get("large"), SIDE, SIDE)
    assert np.array_equal(render(engine, request("large", mask="nothing")), original)
    half = render(engine, request("large", mask="left"))
    assert np.array_equal(half[:, -12:], original[:, -12:])
    assert not np.array_equal(half[:, :12], original[:, :12])


def test_a_region_of_everything_is_no_region(engine: KleinEngine) -> None:
    free = render(engine, request("first", "second"))
    assert np.array_equal(render(engine, request("first", "second", mask="all")), free)


def test_the_lock_keeps_what_hardly_changes(engine: KleinEngine, album: Album) -> None:
    free = render(engine, request("large"))
    original = compare.fitted(album.get("large"), SIDE, SIDE)
    locked = render(engine, request("large", keep_background=True))
    assert np.array_equal(locked, compare.locked(original, free))


def test_the_region_outlasts_the_lock(engine: KleinEngine, album: Album) -> None:
    wanted = request("first", mask="left", keep_background=True)
    assert np.array_equal(render(engine, wanted)[:, -12:], album.get("first")[:, -12:])


def test_the_preview_is_put_together_too(engine: KleinEngine, album: Album) -> None:
    previews: list[Frame] = []
    hooks = Hooks(preview=previews.append)
    frame = engine.render(request("first", mask="left"), Stage.DRAFT, hooks)
    (preview,) = previews
    assert np.array_equal(preview.pixels[:, -12:], album.get("first")[:, -12:])
    assert not np.array_equal(preview.pixels[:, :12], frame.pixels[:, :12])


def test_the_preview_holds_the_latents_too(engine: KleinEngine, album: Album) -> None:
    previews: list[Frame] = []
    wanted = request("first", mask="disc")
    engine.render(wanted, Stage.DRAFT, Hooks(preview=previews.append))
    with torch.inference_mode():
        job = prepared(engine, wanted)
        guess = job.noise - job.plan.sigmas[0] * job.velocity(job.noise, 0)
        own = engine._references.fitted("first", album.get("first")).latents
        change = openness(mask("disc"))
        decoded = engine._decode((1 - change) * own + change * guess, job.plan)
    expected = compare.composited(album.get("first"), decoded, mask("disc"))
    assert np.array_equal(previews[0].pixels, expected)


def test_the_first_reference_is_encoded_once_a_size(engine: KleinEngine) -> None:
    for kind in ("left", "disc", "all"):
        for prompt in ("a", "ab"):
            render(engine, request("large", mask=kind, prompt=prompt))
    # Once as a reference, once fitted to the picture.
    assert engine.references_encoded == 2
    render(engine, request("large", mask="left", width=96))
    assert engine.references_encoded == 3


def test_the_lock_alone_encodes_nothing_more(engine: KleinEngine) -> None:
    render(engine, request("large", keep_background=True))
    assert engine.references_encoded == 1


def test_without_a_reference_a_mask_means_nothing(engine: KleinEngine) -> None:
    free = render(engine, request())
    wanted = replace(request(), mask="never uploaded", keep_background=True)
    assert np.array_equal(render(engine, wanted), free)


def test_a_missing_mask_says_so_and_the_engine_goes_on(engine: KleinEngine) -> None:
    with pytest.raises(InvalidPicture, match="painted region is no longer kept"):
        render(engine, request("first", mask="never uploaded"))
    assert render(engine, request("first", mask="left")).shape == (SIDE, SIDE, 3)
