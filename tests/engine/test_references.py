"""References: our render against the stock pipeline's, and what is encoded when."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diffusers import Flux2KleinPipeline
from diffusers.pipelines.flux2.image_processor import Flux2ImageProcessor
from PIL import Image

from klein_ui import models
from klein_ui.bench.photos import Album, photo
from klein_ui.contract import Hooks, InvalidPicture, Reference, Stage, Superseded
from klein_ui.engine.klein import KleinEngine
from klein_ui.engine.references import bounded

from .rendering import images, load, render, request, stock_render

SMALL_AREA = 96 * 96

# Odd sizes lose their margins; “large” is over a million pixels and made smaller.
SIZES = {"square": (64, 64), "odd": (101, 77), "tall": (70, 150), "large": (1311, 907)}


@pytest.fixture(scope="module")
def album() -> Album:
    made = enumerate(SIZES.items())
    return Album({name: photo(width, height, seed) for seed, (name, (width, height)) in made})


@pytest.fixture(scope="module")
def stock(small_model: Path) -> Any:
    pipeline = Flux2KleinPipeline.from_pretrained(small_model)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@pytest.fixture(scope="module")
def row(small_model: Path) -> models.ModelRow:
    return models.from_folder(small_model)


@pytest.fixture
def engine(small_model: Path, album: Album) -> KleinEngine:
    return load(small_model, album)


@pytest.mark.parametrize(
    "digests",
    [("odd",), ("square", "tall"), ("large", "odd"), ("tall", "square", "odd", "tall")],
    ids="+".join,
)
def test_the_render_equals_the_stock_pipeline(
    engine: KleinEngine,
    stock: Any,
    row: models.ModelRow,
    album: Album,
    digests: tuple[str, ...],
) -> None:
    wanted = request(*digests, width=80)
    theirs = stock_render(stock, engine, row, wanted, images(album, wanted), guidance_scale=1.0)
    assert np.array_equal(render(engine, wanted), theirs)
    plain = render(engine, request(width=80))
    assert not np.array_equal(theirs, plain)


def test_a_smaller_area_equals_the_stock_pipeline_with_smaller_images(
    engine: KleinEngine, stock: Any, row: models.ModelRow, album: Album
) -> None:
    wanted = request("tall", "large", "square", reference_area=SMALL_AREA)
    whole = images(album, wanted)
    small = [Flux2ImageProcessor._resize_if_exceeds_area(one, SMALL_AREA) for one in whole]
    theirs = stock_render(stock, engine, row, wanted, small, guidance_scale=1.0)
    assert np.array_equal(render(engine, wanted), theirs)


def test_typing_encodes_each_reference_once(engine: KleinEngine) -> None:
    for letters in range(20):
        render(engine, request("square", "odd", prompt="a red sun at dawn"[: letters + 1]))
    assert engine.references_encoded == 2


def test_order_and_switches_encode_nothing_anew_but_another_area_does(
    engine: KleinEngine,
) -> None:
    both = render(engine, request("square", "odd"))
    turned = render(engine, request("odd", "square"))
    render(engine, request("square"))
    render(engine, request("square", Reference("odd", strength=0.0)))
    again = render(engine, request("square", "odd", prompt="something else"))
    assert engine.references_encoded == 2
    assert not np.array_equal(both, turned)
    assert not np.array_equal(both, again)
    render(engine, request("square", "odd", reference_area=48 * 48))
    assert engine.references_encoded == 4
    assert engine.cache_stats()["references"].entries == 4


def test_a_switched_off_reference_is_never_encoded(engine: KleinEngine) -> None:
    render(engine, request(Reference("gone", strength=0.0), "square"))
    assert engine.references_encoded == 1


def test_the_order_matters_and_comes_back(engine: KleinEngine) -> None:
    before = render(engine, request("square", "odd"))
    render(engine, request("odd", "square"))
    engine._frames.clear()
    assert np.array_equal(before, render(engine, request("square", "odd")))


def test_evicted_references_are_encoded_again_to_the_same_picture(
    small_model: Path, album: Album, engine: KleinEngine
) -> None:
    forgetful = load(small_model, album, cache_bytes=4096)
    for _ in range(2):
        wanted = request("square", "odd")
        assert np.array_equal(render(forgetful, wanted), render(engine, wanted))
    assert forgetful.references_encoded == 4
    stats = forgetful.cache_stats().values()
    assert sum(one.held_bytes for one in stats) <= 4096


def test_a_missing_picture_says_so_and_the_engine_goes_on(engine: KleinEngine) -> None:
    with pytest.raises(InvalidPicture, match="Image 2 is no longer kept"):
        render(engine, request("square", "never uploaded"))
    assert not engine.has(request("square", "never uploaded"))
    assert render(engine, request("square")).shape == (64, 64, 3)
    assert engine.references_encoded == 1


def test_a_superseded_edit_decodes_nothing_and_keeps_what_it_encoded(engine: KleinEngine) -> None:
    wanted = request("square", "odd")
    with pytest.raises(Superseded):
        engine.render(wanted, Stage.DRAFT, Hooks(lambda steps_done: steps_done == 1))
    assert engine.decodes == 0
    assert not engine.has(wanted)
    render(engine, wanted)
    assert engine.references_encoded == 2


@pytest.mark.parametrize(("width", "height", "area"), [(512, 64, 32 * 32), (64, 512, 32 * 32)])
def test_a_sliver_keeps_one_token_a_side(
    engine: KleinEngine, width: int, height: int, area: int
) -> None:
    engine._references._pictures = Album({"sliver": photo(width, height, 0)})
    encoded = engine._references.shown("sliver", area)
    assert min(encoded.rows, encoded.columns) == 1
    assert max(encoded.rows, encoded.columns) == 5
    assert encoded.latents.shape == (1, 5, 16)
    assert render(engine, request("sliver", reference_area=area)).shape == (64, 64, 3)


def test_a_small_picture_is_left_as_it_is(album: Album, stock: Any) -> None:
    image = bounded(album.get("odd"), 1024 * 1024, stock.image_processor)
    assert np.array_equal(np.asarray(image), album.get("odd"))
    assert isinstance(image, Image.Image)


def test_the_time_for_images_is_apart_from_what_each_key_takes(engine: KleinEngine) -> None:
    first = engine.render(request("odd"), Stage.DRAFT, Hooks()).timings
    again = engine.render(request("odd", prompt="a moon"), Stage.DRAFT, Hooks()).timings
    assert first.images_s > again.images_s
    assert first.render_s == pytest.approx(first.images_s + first.again_s)
