"""LoRAs while rendering: exact when off, the sum of what they add when on, switched for nothing."""

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.hooks import apply_layerwise_casting
from torch import Tensor

from klein_ui.bench.photos import Album, photo
from klein_ui.contract import Hooks, InvalidLora, Lora, Request, Stage, Superseded
from klein_ui.engine import adapters, choosing, loader
from klein_ui.engine.adapters import AdaptedLinear
from klein_ui.engine.klein import KleinEngine
from klein_ui.loras import LoraShelf

from .lora_files import Pairs, as_diffusers, as_original, original_pairs, pairs, saved
from .rendering import clean_latents, load, render, request

INK, WASH = Lora("ink"), Lora("wash", -0.7)


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    return tmp_path / "loras"


@pytest.fixture
def engine(small_model: Path, shelf: Path) -> KleinEngine:
    """An engine with two LoRAs: a small one of a few modules, a larger one of all."""
    made = load(small_model, Album(), loras=LoraShelf(shelf))
    transformer = made._pipeline.transformer
    saved(shelf, "ink", as_diffusers(pairs(transformer, 4, 0, only=r"\.attn\.")))
    saved(shelf, "wash", as_original(original_pairs(transformer, 9, 1)))
    return made


def with_loras(*loras: Lora, **fields: object) -> Request:
    return replace(request(**fields), loras=loras)


def adapted(engine: KleinEngine) -> list[str]:
    """The names of what is no module of the transformer's own."""
    named = engine._pipeline.transformer.named_modules()
    return [name for name, module in named if isinstance(module, AdaptedLinear)]


def merged(engine: KleinEngine, *added: tuple[Pairs, float]) -> Tensor:
    """The clean latents with W + scale * up @ down in the place of each W, written by hand."""
    engine._adapters.use(())
    transformer = copy.deepcopy(engine._pipeline.transformer)
    with torch.no_grad():
        for made, scale in added:
            for module, (down, up) in made.items():
                transformer.get_submodule(module).weight += scale * up @ down
    own, engine._pipeline.transformer = engine._pipeline.transformer, transformer
    try:
        return clean_latents(engine, request())
    finally:
        engine._pipeline.transformer = own


def test_one_lora_is_its_product_in_the_weights(engine: KleinEngine) -> None:
    made = pairs(engine._pipeline.transformer, 4, 0, only=r"\.attn\.")
    wanted = merged(engine, (made, 0.6))
    found = clean_latents(engine, with_loras(Lora("ink", 0.6)))
    assert torch.allclose(found, wanted, atol=1e-4)
    assert not torch.allclose(found, clean_latents(engine, request()), atol=1e-2)


def test_three_loras_are_the_sum_of_their_products(engine: KleinEngine, shelf: Path) -> None:
    transformer = engine._pipeline.transformer
    kinds = {"a": (3, r"\.attn\."), "b": (5, r"\.ff"), "c": (2, "proj_out|embedder|to_q")}
    made = {
        name: pairs(transformer, rank, number, only)
        for number, (name, (rank, only)) in enumerate(kinds.items())
    }
    for name, one in made.items():
        saved(shelf, name, as_diffusers(one))
    scales = {"a": 0.5, "b": -0.8, "c": 1.4}
    wanted = merged(engine, *((made[name], scale) for name, scale in scales.items()))
    loras = [Lora(name, scale) for name, scale in scales.items()]
    assert torch.allclose(clean_latents(engine, with_loras(*loras)), wanted, atol=1e-4)
    assert torch.allclose(clean_latents(engine, with_loras(*loras[::-1])), wanted, atol=1e-4)


def test_scale_0_equals_none_exactly_and_reads_nothing(engine: KleinEngine) -> None:
    plain, latents = render(engine, request()), clean_latents(engine, request())
    off = with_loras(Lora("ink", 0.0), Lora("never there", -0.0))
    assert np.array_equal(render(engine, off), plain)
    assert torch.equal(clean_latents(engine, off), latents)
    assert (engine.loras_read, adapted(engine)) == (0, [])
    assert engine.render(off, Stage.FINAL, Hooks()).origin == engine.origin


def test_back_to_none_is_exact_and_everything_as_it_was(engine: KleinEngine) -> None:
    transformer = engine._pipeline.transformer
    modules, weights = dict(transformer.named_modules()), copy.deepcopy(transformer.state_dict())
    before = clean_latents(engine, request())
    changed = clean_latents(engine, with_loras(INK, WASH))
    assert adapted(engine)
    assert torch.equal(clean_latents(engine, request()), before)
    assert not torch.equal(changed, before)
    assert dict(transformer.named_modules()) == modules
    assert all(map(torch.equal, transformer.state_dict().values(), weights.values()))


def test_the_picture_does_not_depend_on_what_was_on_before(
    engine: KleinEngine, small_model: Path, shelf: Path
) -> None:
    for earlier in ((WASH,), (INK, WASH), (), (Lora("ink", 2.0),)):
        clean_latents(engine, with_loras(*earlier))
    fresh = load(small_model, Album(), loras=LoraShelf(shelf))
    wanted = with_loras(INK)
    assert torch.equal(clean_latents(engine, wanted), clean_latents(fresh, wanted))


def test_switching_while_typing_reads_each_file_once(engine: KleinEngine) -> None:
    for letters in range(12):
        loras = ((INK,), (WASH,), (INK, WASH), ())[letters % 4]
        render(engine, with_loras(*loras, prompt="a red sun"[:letters]))
        render(engine, with_loras(Lora("ink", letters / 6 - 1), prompt="a red sun"[:letters]))
    assert engine.loras_read == 2
    assert engine.cache_stats()["loras"].entries == 2


def test_dragging_the_strength_writes_no_factors(
    engine: KleinEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    render(engine, with_loras(INK))
    monkeypatch.setattr(AdaptedLinear, "write", lambda *_: pytest.fail("wrote factors"))
    different = {render(engine, with_loras(Lora("ink", one))).tobytes() for one in (0.3, -0.4, 2.0)}
    assert len(different) == 3
    render(engine, request())
    render(engine, with_loras(INK, prompt="other"))


def test_each_strength_has_its_frame_in_the_cache(engine: KleinEngine) -> None:
    for loras in ((INK,), (Lora("ink", 0.5),), (INK, WASH), ()):
        assert not engine.has(with_loras(*loras))
        render(engine, with_loras(*loras))
        assert engine.has(with_loras(*loras))
    assert engine.decodes == 4
    assert engine.render(with_loras(INK), Stage.FINAL, Hooks()).timings.cached


def test_a_changed_file_is_noticed(engine: KleinEngine, shelf: Path) -> None:
    made = pairs(engine._pipeline.transformer, 6, 5)
    first = engine.render(with_loras(INK), Stage.FINAL, Hooks())
    saved(shelf, "ink", as_diffusers(made))
    assert not engine.has(with_loras(INK))
    second = engine.render(with_loras(INK), Stage.FINAL, Hooks())
    assert not np.array_equal(first.pixels, second.pixels)
    assert torch.allclose(
        clean_latents(engine, with_loras(INK)), merged(engine, (made, 1.0)), atol=1e-4
    )
    assert first.origin.loras != second.origin.loras


def test_a_frame_tells_the_files_of_its_loras(engine: KleinEngine) -> None:
    both = engine.render(with_loras(WASH, INK), Stage.FINAL, Hooks()).origin
    ink = engine.render(with_loras(Lora("wash", 0), INK), Stage.FINAL, Hooks()).origin
    assert both.loras[1:] == ink.loras
    assert [len(digest) for digest in both.loras] == [64, 64]
    assert replace(both, loras=()) == engine.origin


@pytest.mark.parametrize("loras", [(Lora("nothing"),), (INK, Lora("nothing"))])
def test_a_missing_lora_says_so_and_the_engine_goes_on(
    engine: KleinEngine, loras: tuple[Lora, ...]
) -> None:
    before = render(engine, with_loras(INK))
    engine._frames.clear()
    with pytest.raises(InvalidLora, match="There is no LoRA “nothing”"):
        render(engine, with_loras(*loras))
    assert not engine.has(with_loras(*loras))
    assert np.array_equal(render(engine, with_loras(INK)), before)


def test_a_damaged_lora_says_so_and_the_engine_goes_on(engine: KleinEngine, shelf: Path) -> None:
    (shelf / "broken.safetensors").write_bytes(b"no")
    plain, before = render(engine, request()), render(engine, with_loras(INK))
    engine._frames.clear()
    for _ in range(2):
        with pytest.raises(InvalidLora, match=r"“broken\.safetensors” is damaged"):
            render(engine, with_loras(INK, Lora("broken")))
    assert np.array_equal(render(engine, with_loras(INK)), before)
    assert np.array_equal(render(engine, request()), plain)


def test_an_engine_without_a_folder_says_so(small_model: Path) -> None:
    engine = load(small_model, Album())
    assert render(engine, with_loras(Lora("ink", 0))).shape == (64, 64, 3)
    with pytest.raises(InvalidLora, match="without a folder of LoRAs; switch them off"):
        render(engine, with_loras(INK))


def test_ranks_that_are_too_many_together_say_so(engine: KleinEngine, shelf: Path) -> None:
    only = r"single.*to_out"
    for name in "abcd":
        made = pairs(engine._pipeline.transformer, 256, 0, only)
        saved(shelf, name, as_diffusers(made))
    render(engine, with_loras(*map(Lora, "abc")))
    with pytest.raises(InvalidLora, match="a rank of 1,024 together, of at most 768; switch one"):
        render(engine, with_loras(*map(Lora, "abcd")))


def test_a_device_without_room_says_so_and_the_engine_goes_on(
    engine: KleinEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, changed = render(engine, request()), render(engine, with_loras(INK))
    engine._frames.clear()
    engine._adapters.clear()

    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    with monkeypatch.context() as patch:
        patch.setattr(AdaptedLinear, "write", full)
        with pytest.raises(InvalidLora, match="do not fit into the memory beside the model"):
            render(engine, with_loras(INK))
        assert adapted(engine) == []
        assert np.array_equal(render(engine, request()), plain)
    assert np.array_equal(render(engine, with_loras(INK)), changed)


def test_other_failures_are_not_taken_for_a_lack_of_memory(
    engine: KleinEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("something else")

    monkeypatch.setattr(AdaptedLinear, "write", broken)
    with pytest.raises(RuntimeError, match="something else"):
        render(engine, with_loras(INK))
    assert adapted(engine) == []


def test_a_superseded_render_leaves_nothing_behind(engine: KleinEngine) -> None:
    plain = render(engine, request())
    engine._frames.clear()
    with pytest.raises(Superseded):
        engine.render(with_loras(INK), Stage.DRAFT, Hooks(lambda steps_done: steps_done == 2))
    assert not engine.has(with_loras(INK))
    assert np.array_equal(render(engine, request()), plain)


def test_a_closed_engine_lets_go_of_its_loras(engine: KleinEngine) -> None:
    transformer, adapters = engine._pipeline.transformer, engine._adapters
    render(engine, with_loras(INK))
    engine.close()
    assert not [one for one in transformer.modules() if isinstance(one, AdaptedLinear)]
    assert adapters.stats().held_bytes == 0


def test_a_cache_too_small_for_the_files_makes_the_same_pictures(
    engine: KleinEngine, small_model: Path, shelf: Path
) -> None:
    forgetful = load(small_model, Album(), 4096, LoraShelf(shelf))
    for prompt in ("a", "ab"):
        for loras in ((INK,), (WASH,)):
            wanted = with_loras(*loras, prompt=prompt)
            assert np.array_equal(render(forgetful, wanted), render(engine, wanted))
    assert forgetful.loras_read == 4
    assert sum(one.held_bytes for one in forgetful.cache_stats().values()) <= 4096


def test_kept_keys_are_those_of_the_loras(small_kv_model: Path, shelf: Path) -> None:
    album = Album({"first": photo(64, 64, 0)})
    engine = load(small_kv_model, album, loras=LoraShelf(shelf))
    made = pairs(engine._pipeline.transformer, 4, 0)
    saved(shelf, "ink", as_diffusers(made))
    seen: list[Tensor] = []
    wanted = request("first")
    for loras in ((), (INK,), (Lora("ink", 0.5),), (Lora("ink", 0.0),), (INK,)):
        seen.append(clean_latents(engine, replace(wanted, loras=loras)))
    assert engine.keys_extracted == 3
    assert torch.equal(seen[0], seen[3])
    assert torch.equal(seen[1], seen[4])
    assert not torch.equal(seen[0], seen[1])
    fresh = load(small_kv_model, album, loras=LoraShelf(shelf))
    assert torch.equal(clean_latents(fresh, replace(wanted, loras=(INK,))), seen[1])


def test_weights_that_are_stored_in_fp8_take_loras_too(engine: KleinEngine) -> None:
    transformer = engine._pipeline.transformer
    for block in (*transformer.transformer_blocks, *transformer.single_transformer_blocks):
        apply_layerwise_casting(block, torch.float8_e4m3fn, torch.float32, ("norm",))
    before = clean_latents(engine, request())
    changed = clean_latents(engine, with_loras(INK, WASH))
    assert not torch.allclose(changed, before, atol=1e-2)
    assert torch.equal(clean_latents(engine, request()), before)
    assert torch.equal(clean_latents(engine, with_loras(INK, WASH)), changed)
    stored = transformer.transformer_blocks[0].attn.to_q.base.weight
    assert stored.dtype == torch.float8_e4m3fn


def test_only_blocks_that_a_lora_touches_cost_more(engine: KleinEngine, shelf: Path) -> None:
    transformer = engine._pipeline.transformer
    saved(shelf, "clay", as_diffusers(pairs(transformer, 7, 2, only=r"single.*to_out$")))
    render(engine, with_loras(Lora("clay")))
    inside = [name for name in adapted(engine) if not name.startswith("single")]
    assert inside == []
    assert len(adapted(engine)) == 2


def test_adapted_modules_wait_where_the_weights_are(engine: KleinEngine) -> None:
    render(engine, with_loras(INK))
    held = engine._adapters._adapted
    assert {one.down.shape[0] for one in held.values()} == {adapters.RANK_STEPS[0]}
    assert {one.down.device for one in held.values()} == {torch.device("cpu")}
    render(engine, request())
    render(engine, with_loras(INK, prompt="other"))
    assert engine._adapters._adapted is held


def test_loras_on_postcard_change_the_picture_and_scale_0_does_not(tmp_path: Path) -> None:
    choice = choosing.resolve("postcard", "cpu", None)
    engine = loader.load(choice, 2**28, lambda progress: None, Album(), LoraShelf(tmp_path))
    transformer = engine._pipeline.transformer
    made = pairs(transformer, 4, 0, only=r"blocks\..*(to_out|linear_out)", size=0.25)
    saved(tmp_path, "ink", as_diffusers(made))
    base = Request("hills at night", 3, 128, 128, 4, 1.0, "postcard")
    latents: dict[float, Tensor] = {}
    pixels: dict[float, Any] = {}
    for scale in (0.0, 0.5, 1.0):
        wanted = replace(base, loras=(Lora("ink", scale),))
        pixels[scale], latents[scale] = render(engine, wanted), clean_latents(engine, wanted)
    assert np.array_equal(pixels[0.0], render(engine, base))
    assert torch.equal(latents[0.0], clean_latents(engine, base))
    changes = [np.abs(pixels[one].astype(int) - pixels[0.0]).mean() for one in (0.5, 1.0)]
    assert 1 < changes[0] < changes[1]


def test_what_was_moved_within_a_render_can_still_be_changed(engine: KleinEngine) -> None:
    first = render(engine, request(loras=(Lora("ink", 1.0),)))
    with torch.inference_mode():
        for adapted in engine._adapters._adapted.values():
            for name, buffer in list(adapted.named_buffers(recurse=False)):
                setattr(adapted, name, buffer.clone())
    weaker = render(engine, request(loras=(Lora("ink", 0.5),)))
    assert not np.array_equal(first, weaker)
    engine._frames.clear()
    assert np.array_equal(render(engine, request(loras=(Lora("ink", 1.0),))), first)
