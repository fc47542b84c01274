"""KV-trained weights: equal to the stock KV pipeline, with keys and values that stay."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import Flux2KleinKVPipeline

from klein_ui import compare, models
from klein_ui.bench.photos import Album, photo
from klein_ui.contract import Hooks, InvalidPicture, Reference, Request, Stage
from klein_ui.engine import choosing, loader
from klein_ui.engine.attention import placed
from klein_ui.engine.device import choose
from klein_ui.engine.klein import KleinEngine
from klein_ui.engine.kv import WHOLE_OR_NOT, ask_once, keeps_keys, size_bytes

from .rendering import clean_latents, images, load, render, request, stock_render

SIZES = {"first": (64, 64), "second": (101, 77), "third": (70, 150), "fourth": (64, 80)}


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Several threads share the rows of a matrix between them by their number, which moves the
    last bit of a few: ours has fewer rows than the stock pipeline's first step."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def album() -> Album:
    photos = {name: photo(*size, seed) for seed, (name, size) in enumerate(SIZES.items())}
    left = np.zeros((64, 64, 3), np.uint8)
    left[:, :32] = 255
    return Album({**photos, "left": left})


@pytest.fixture
def engine(small_kv_model: Path, album: Album) -> KleinEngine:
    return load(small_kv_model, album)


@pytest.fixture(scope="module")
def stock(small_kv_model: Path) -> Any:
    pipeline = Flux2KleinKVPipeline.from_pretrained(small_kv_model)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@pytest.fixture
def equals_stock(engine: KleinEngine, stock: Any, small_kv_model: Path, album: Album) -> Any:
    row = models.from_folder(small_kv_model)

    def check(wanted: Request, tried: KleinEngine = engine) -> bool:
        theirs = stock_render(stock, tried, row, wanted, images(album, wanted))
        return np.array_equal(render(tried, wanted), theirs)

    return check


def modes(engine: KleinEngine) -> list[str | None]:
    """The mode of each call of the transformer from now on."""
    found: list[str | None] = []
    engine._pipeline.transformer.register_forward_pre_hook(
        lambda module, args, told: found.append(told.get("kv_cache_mode")), with_kwargs=True
    )
    return found


@pytest.mark.parametrize("count", [0, 1, 2, 4])
def test_the_first_keystroke_equals_the_stock_pipeline(equals_stock: Any, count: int) -> None:
    assert equals_stock(request(*list(SIZES)[:count], width=80))


def test_the_hundredth_keystroke_equals_the_stock_pipeline(
    engine: KleinEngine, equals_stock: Any
) -> None:
    for letter in range(99):
        render(engine, request("first", "second", prompt="a" * letter, steps=1))
    assert equals_stock(request("first", "second", prompt="the hundredth"))
    assert (engine.keys_extracted, engine.references_encoded) == (1, 2)


def test_the_latents_are_the_stock_ones(
    engine: KleinEngine, stock: Any, small_kv_model: Path, album: Album
) -> None:
    steps: list[torch.Tensor] = []

    def note(_: Any, step: int, time: Any, told: dict[str, Any]) -> dict[str, Any]:
        steps.append(told["latents"])
        return {}

    wanted, row = request("first", "second"), models.from_folder(small_kv_model)
    stock_render(stock, engine, row, wanted, images(album, wanted), callback_on_step_end=note)
    # Equal to the last bit where rows of a matrix do not depend on their number; see `one_thread`.
    assert torch.allclose(clean_latents(engine, wanted), steps[-1], atol=1e-5)


def test_the_picture_does_not_depend_on_what_is_kept(engine: KleinEngine) -> None:
    first = clean_latents(engine, request("first", "second"))
    assert torch.equal(first, clean_latents(engine, request("first", "second")))


def test_keys_are_extracted_once_and_then_only_looked_up(engine: KleinEngine) -> None:
    found = modes(engine)
    render(engine, request("first", "second"))
    assert found == ["extract", *["cached"] * 4]
    for seed, width in ((8, 64), (7, 96)):
        render(engine, request("first", "second", prompt="other", seed=seed, width=width))
    assert found == ["extract", *["cached"] * 12]
    assert engine.keys_extracted == 1
    render(engine, request("first"))
    render(engine, request())
    assert found[13:] == ["extract", *["cached"] * 4, *[None] * 4]


def test_another_order_has_its_own_keys_and_both_stay(
    engine: KleinEngine, equals_stock: Any
) -> None:
    for digests in (("first", "second"), ("second", "first"), ("first", "second")):
        engine._frames.clear()
        assert equals_stock(request(*digests))
    assert (engine.keys_extracted, engine.references_encoded) == (2, 2)
    render(engine, request("first", "second", reference_area=48 * 48))
    assert engine.keys_extracted == 3


def test_a_cache_too_small_for_the_keys_makes_the_same_pictures(
    small_kv_model: Path, album: Album, equals_stock: Any
) -> None:
    forgetful = load(small_kv_model, album, cache_bytes=8192)
    for prompt in ("a", "ab"):
        assert equals_stock(request("first", "second", prompt=prompt), forgetful)
    assert forgetful.keys_extracted == 2
    assert sum(one.held_bytes for one in forgetful.cache_stats().values()) <= 8192


def test_the_least_recently_used_keys_go_first(
    engine: KleinEngine, small_kv_model: Path, album: Album
) -> None:
    assert engine._keys is not None
    with torch.inference_mode():
        one_bytes = size_bytes(engine._keys.of(placed(request("first"), engine._references)))
    # Two blocks, keys and values, 32 numbers of 4 bytes for each of 16 tokens.
    assert one_bytes == 2 * 2 * 32 * 4 * 16
    tight = load(small_kv_model, album, cache_bytes=5 * one_bytes)
    # Of 16, 20, 16 and 24 tokens, where 40 have room.
    for digest in ("first", "fourth", "first", "second"):
        render(tight, request(digest))
    assert tight.keys_extracted == 3
    assert tight.cache_stats()["keys"].held_bytes == 5 * one_bytes // 2
    render(tight, request("first", prompt="other"))
    assert tight.keys_extracted == 3
    render(tight, request("fourth", prompt="other"))
    assert tight.keys_extracted == 4


def test_keys_may_take_the_devices_spare_memory(
    small_kv_model: Path, album: Album, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loader, "_spare_bytes", lambda pipeline: 2**20)
    roomy = load(small_kv_model, album, cache_bytes=8192)
    for prompt in ("a", "ab"):
        render(roomy, request("first", "second", prompt=prompt))
    assert roomy.keys_extracted == 1


def test_nothing_changes_what_is_kept(
    engine: KleinEngine, small_kv_model: Path, album: Album
) -> None:
    assert engine._keys is not None
    wanted = request("first", "second")
    with torch.inference_mode():
        kept = engine._keys.of(placed(wanted, engine._references))
    before = [layer.k_ref.clone() for layer in kept.single_block_caches]
    render(engine, wanted)
    # The stock call clears what it kept itself, on the very same components.
    row = models.from_folder(small_kv_model)
    stock_render(engine._pipeline, engine, row, wanted, images(album, wanted))
    render(engine, request("first", "second", prompt="other"))
    after = [layer.k_ref for layer in kept.single_block_caches]
    assert all(map(torch.equal, before, after))
    assert engine.keys_extracted == 1


def test_a_strength_between_is_ignored_and_said(engine: KleinEngine) -> None:
    whole = engine.render(request("first"), Stage.FINAL, Hooks())
    half = engine.render(request(Reference("first", strength=0.5)), Stage.FINAL, Hooks())
    assert np.array_equal(whole.pixels, half.pixels)
    assert (whole.notes, half.notes) == ((), (WHOLE_OR_NOT,))


def test_strength_0_leaves_the_reference_out_and_the_others_in_their_places(
    engine: KleinEngine,
) -> None:
    off = engine.render(request(Reference("first", strength=0.0), "second"), Stage.FINAL, Hooks())
    assert off.notes == ()
    assert engine.references_encoded == 1
    assert not np.array_equal(off.pixels, render(engine, request("second")))
    alone = render(engine, request(Reference("first", strength=0.0)))
    assert np.array_equal(alone, render(engine, request()))


def test_a_region_and_the_lock_work_as_with_other_weights(
    engine: KleinEngine, album: Album
) -> None:
    half = render(engine, request("first", "second", mask="left"))
    free = render(engine, request("first", "second"))
    assert np.array_equal(half[:, -12:], album.get("first")[:, -12:])
    assert not np.array_equal(half[:, :12], album.get("first")[:, :12])
    locked = render(engine, request("first", "second", keep_background=True))
    assert np.array_equal(locked, compare.locked(album.get("first"), free))
    assert engine.keys_extracted == 1


def test_a_missing_picture_leaves_the_engine_usable(engine: KleinEngine) -> None:
    with pytest.raises(InvalidPicture):
        render(engine, request("first", "never uploaded"))
    assert render(engine, request("first")).shape == (64, 64, 3)


def test_other_weights_asked_once_render_as_the_kv_pipeline_does(
    small_model: Path, album: Album
) -> None:
    row = models.from_folder(small_model)
    choice = choosing.Choice(row, choose("cpu"))
    pipeline, origin = loader.open_pipeline(choice, lambda progress: None)
    assert not keeps_keys(pipeline.transformer)
    plain = load(small_model, album)
    ask_once(pipeline.transformer)
    assert keeps_keys(pipeline.transformer)
    engine = KleinEngine(pipeline, row, origin, 2**28, album)
    stock = Flux2KleinKVPipeline.from_pretrained(small_model, is_distilled=None)
    stock.set_progress_bar_config(disable=True)
    wanted = request("first", "second")
    theirs = stock_render(stock, engine, row, wanted, images(album, wanted))
    assert np.array_equal(render(engine, wanted), theirs)
    assert not np.array_equal(render(plain, wanted), theirs)
    assert np.array_equal(render(engine, request()), render(plain, request()))
    render(engine, request("first", "second", prompt="another"))
    assert engine.keys_extracted == 1
