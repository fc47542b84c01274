"""LoRAs in blocks that are compiled: obeyed, and compiled once for all of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch._dynamo.testing import CompileCounter

from klein_ui.bench.photos import Album
from klein_ui.contract import Lora
from klein_ui.engine.klein import KleinEngine
from klein_ui.loras import LoraShelf

from .lora_files import as_diffusers, as_original, original_pairs, pairs, saved
from .rendering import clean_latents, load, render, request

INK, WASH = Lora("ink"), Lora("wash", -0.7)


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    return tmp_path / "loras"


@pytest.fixture
def engine(small_model: Path, shelf: Path) -> KleinEngine:
    """An engine with two LoRAs of other ranks, one of them for a few modules only."""
    made = load(small_model, Album(), loras=LoraShelf(shelf))
    transformer = made._pipeline.transformer
    saved(shelf, "ink", as_diffusers(pairs(transformer, 4, 0, only=r"\.attn\.")))
    saved(shelf, "wash", as_original(original_pairs(transformer, 9, 1)))
    return made


@pytest.fixture
def compiled(engine: KleinEngine) -> Iterator[CompileCounter]:
    """Counts what is compiled of the blocks, each of them on its own as diffusers does it."""
    torch._dynamo.reset()
    counter = CompileCounter()
    transformer = engine._pipeline.transformer
    for block in (*transformer.transformer_blocks, *transformer.single_transformer_blocks):
        block.compile(backend=counter)
    yield counter
    torch._dynamo.reset()


def compiles(engine: KleinEngine, counter: CompileCounter, *loras: Lora) -> int:
    """How many graphs a render with `loras` adds."""
    before = counter.frame_count
    render(engine, request(loras=loras, steps=1, prompt=f"{before}"))
    return int(counter.frame_count) - before


@pytest.mark.long
def test_swapping_loras_compiles_nothing_again(
    engine: KleinEngine, compiled: CompileCounter, shelf: Path
) -> None:
    transformer = engine._pipeline.transformer
    saved(shelf, "clay", as_diffusers(pairs(transformer, 7, 2, only=r"single.*to_out$")))
    kinds = 2
    assert compiles(engine, compiled) == kinds
    assert compiles(engine, compiled, WASH) == kinds
    # Other ranks, other modules, other strengths, several at once, none, and back.
    for loras in (
        (INK,),
        (Lora("ink", 0.5),),
        (Lora("ink", -2.0),),
        (Lora("clay"),),
        (INK, WASH),
        (),
        (WASH,),
        (Lora("clay", 0.1), INK),
        (),
    ):
        engine._frames.clear()
        assert compiles(engine, compiled, *loras) == 0


def test_each_step_of_rank_is_compiled_once_at_most(
    engine: KleinEngine, compiled: CompileCounter, shelf: Path
) -> None:
    transformer = engine._pipeline.transformer
    for rank in (1, 16, 17, 64):
        saved(shelf, f"r{rank}", as_diffusers(pairs(transformer, rank, rank, size=0.05)))
    made = [compiles(engine, compiled, Lora(f"r{rank}")) for rank in (17, 1, 64, 16)]
    assert made == [2, 2, 0, 0]


@pytest.mark.long
def test_what_is_compiled_obeys_loras_that_come_later(
    engine: KleinEngine, compiled: CompileCounter, small_model: Path, shelf: Path
) -> None:
    """Hooks would be overlooked here."""
    plain = clean_latents(engine, request())
    changed = clean_latents(engine, request(loras=(INK,)))
    assert torch.equal(clean_latents(engine, request()), plain)
    other = load(small_model, Album(), loras=LoraShelf(shelf))
    assert torch.allclose(plain, clean_latents(other, request()), atol=1e-5)
    assert torch.allclose(changed, clean_latents(other, request(loras=(INK,))), atol=1e-5)
