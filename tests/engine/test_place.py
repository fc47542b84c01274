"""Pipelines where the plan says: packed for real, drawing nearly the same, and recorded as such."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import Flux2KleinPipeline
from torch import nn

from klein_ui import models
from klein_ui.bench import small_models
from klein_ui.bench.photos import Album
from klein_ui.contract import EngineFailed, Hooks, Pixels, Progress, Request, Stage, Superseded
from klein_ui.engine import choosing, loader, measure, place
from klein_ui.engine.device import Device, choose
from klein_ui.engine.klein import KleinEngine
from klein_ui.engine.recipes import (
    CPU,
    CPU_FP8,
    FP8,
    FP8_OFFLOAD,
    FP8_TEXT,
    OFFLOAD,
    RESIDENT,
    Model,
    Recipe,
)
from klein_ui.engine.text_encoder import open_text_encoder
from klein_ui.engine.work import Sizes, Work, largest, work

CUDA = Device("cuda", torch.float32)
LITTLE_BYTES = 1000
NEAR_DB = 40.0
"""An error of two and a half of 255 levels."""


def quiet(progress: Progress) -> None:
    pass


@pytest.fixture
def pipeline(small_model: Path) -> Any:
    """The small one as it was loaded, exact and in main memory."""
    return loader.open_pipeline(choosing.resolve(str(small_model), "cpu", None), quiet)[0]


def with_room(
    pipeline: Any, row: models.ModelRow, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A GPU on which `recipe` just fits."""
    model = measure.measured(pipeline, row.title)
    made = work(model.widths, largest(row), recipe.number_bytes(model))
    free_bytes = recipe.needs_bytes(model, made)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (free_bytes, free_bytes))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a card")


def in_bfloat16(folder: Path) -> Any:
    """The pipeline in `folder` as it is loaded for a GPU."""
    return Flux2KleinPipeline.from_pretrained(
        folder,
        text_encoder=open_text_encoder(folder / "text_encoder", (1, 2, 3), torch.bfloat16),
        dtype=torch.bfloat16,
    )


def blocks(pipeline: Any) -> list[nn.Module]:
    return [*measure.text_blocks(pipeline), *measure.transformer_blocks(pipeline)]


def packed(pipeline: Any) -> set[nn.Parameter]:
    """The weights of all linear layers in the blocks."""
    layers = (layer for block in blocks(pipeline) for layer in block.modules())
    return {
        weight for layer in layers if isinstance(layer, nn.Linear) for weight in layer.parameters()
    }


def weights(pipeline: Any) -> Iterator[nn.Parameter]:
    for component in (pipeline.text_encoder, pipeline.transformer, pipeline.vae):
        yield from component.parameters()


def held_bytes(pipeline: Any) -> int:
    return sum(weight.nbytes for weight in weights(pipeline))


def engine(name: str, memory: str) -> KleinEngine:
    return loader.load(choosing.resolve(name, "cpu", None, memory), 2**24, quiet, Album())


def asked(prompt: str = "a red house by the sea at sunset") -> Request:
    return Request(prompt, 7, 128, 128, 4, 1.0, "postcard")


def render(made: KleinEngine, request: Request) -> Pixels:
    return made.render(request, Stage.FINAL, Hooks()).pixels


def psnr_db(one: Pixels, other: Pixels) -> float:
    error = np.mean((one.astype(np.float64) - other) ** 2)
    return float(10 * np.log10(255**2 / error))


def test_fp8_packs_the_linear_layers_of_the_blocks_and_nothing_else(pipeline: Any) -> None:
    place._moved(pipeline, CPU_FP8, choose("cpu"))
    for weight in weights(pipeline):
        expected = torch.float8_e4m3fn if weight in packed(pipeline) else torch.float32
        assert weight.dtype == expected
    assert pipeline.transformer.dtype == pipeline.text_encoder.dtype == torch.float32


def test_the_text_encoder_can_be_packed_alone(pipeline: Any) -> None:
    place._moved(pipeline, replace(FP8_TEXT, on_cpu=True), choose("cpu"))
    assert {weight.dtype for weight in pipeline.transformer.parameters()} == {torch.float32}
    text = {weight.dtype for weight in pipeline.text_encoder.parameters()}
    assert torch.float8_e4m3fn in text


@pytest.mark.parametrize("recipe", [CPU, replace(FP8_TEXT, on_cpu=True), CPU_FP8])
def test_the_plan_knows_the_bytes_before_they_are_packed(pipeline: Any, recipe: Recipe) -> None:
    planned = recipe.held_bytes(measure.measured(pipeline, "small"))
    place._moved(pipeline, recipe, choose("cpu"))
    assert held_bytes(pipeline) == planned


def test_postcard_in_fp8_takes_less_than_half_and_draws_nearly_the_same() -> None:
    exact, lossy = engine("postcard", "auto"), engine("postcard", "fp8")
    whole_bytes, packed_bytes = (
        sum(weight.nbytes for weight in packed(made._pipeline)) for made in (exact, lossy)
    )
    assert packed_bytes == whole_bytes / 4
    assert held_bytes(lossy._pipeline) < held_bytes(exact._pipeline) / 2
    before, after = render(exact, asked()), render(lossy, asked())
    assert NEAR_DB < psnr_db(before, after) < np.inf
    assert exact.origin.path == "eager"
    assert lossy.origin == replace(exact.origin, path="eager, fp8 weights")


def test_packed_weights_draw_the_same_picture_again() -> None:
    made = engine("postcard", "fp8")
    first = made._make(asked(), Stage.FINAL, Hooks())
    made.render(asked("a green tree in a desert"), Stage.FINAL, Hooks())
    again = made._make(asked(), Stage.FINAL, Hooks())
    assert first.origin.path == "eager, fp8 weights"
    assert not again.timings.cached
    np.testing.assert_array_equal(first.pixels, again.pixels)


def test_weights_are_packed_before_they_move(
    pipeline: Any, small_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = models.from_folder(small_model)
    with_room(pipeline, row, FP8, monkeypatch)
    moves: list[tuple[str, set[torch.dtype]]] = []
    monkeypatch.setattr(
        pipeline, "to", lambda to: moves.append((to, {w.dtype for w in packed(pipeline)}))
    )
    placed = place.place(pipeline, row, CUDA, "fp8", quiet)
    assert moves == [("cuda", {torch.float8_e4m3fn})]
    assert placed == place.Placed(CUDA, "eager, fp8 weights")


@pytest.mark.parametrize(
    ("fitting", "short_bytes", "path"),
    [
        (RESIDENT, 0, "eager"),
        (RESIDENT, 1, "eager, fp8 text encoder"),
        (FP8, 0, "eager, fp8 weights"),
    ],
)
def test_what_is_free_decides(
    pipeline: Any,
    small_model: Path,
    monkeypatch: pytest.MonkeyPatch,
    fitting: Recipe,
    short_bytes: int,
    path: str,
) -> None:
    row = models.from_folder(small_model)
    with_room(pipeline, row, fitting, monkeypatch)
    free_bytes = torch.cuda.mem_get_info()[0] - short_bytes
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (free_bytes, free_bytes))
    moves: list[str] = []
    monkeypatch.setattr(pipeline, "to", moves.append)
    reports: list[Progress] = []
    placed = place.place(pipeline, row, CUDA, "auto", reports.append)
    assert (placed.path, moves) == (path, ["cuda"])
    assert "the GPU has" in reports[-1].sentence


@pytest.mark.parametrize("recipe", [OFFLOAD, FP8_OFFLOAD])
def test_taking_turns_keeps_the_weights_off_the_gpu_until_they_run(
    pipeline: Any, recipe: Recipe
) -> None:
    place._moved(pipeline, recipe, CUDA)
    assert {weight.device.type for weight in weights(pipeline)} == {"cpu"}
    assert {hook.hook.execution_device.type for hook in pipeline._all_hooks} == {"cuda"}
    is_packed = {weight.dtype == torch.float8_e4m3fn for weight in packed(pipeline)}
    assert is_packed == {bool(recipe.in_fp8)}


def test_whichever_of_the_two_large_components_runs_sends_the_other_off(pipeline: Any) -> None:
    place._moved(pipeline, OFFLOAD, CUDA)
    text_encoder, transformer = pipeline.text_encoder, pipeline.transformer
    assert text_encoder._hf_hook.prev_module_hook.model is transformer
    assert transformer._hf_hook.prev_module_hook.model is text_encoder


def test_a_gpu_without_room_leaves_it_to_the_cpu(
    small_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = in_bfloat16(small_model)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (LITTLE_BYTES, LITTLE_BYTES))
    row = models.from_folder(small_model)
    reports: list[Progress] = []
    device = Device("cuda", torch.bfloat16)
    placed = place.place(pipeline, row, device, "auto", reports.append)
    assert placed == place.Placed(Device("cpu", torch.float32), "eager")
    assert {weight.dtype for weight in weights(pipeline)} == {torch.float32}
    assert reports[-1].sentence.endswith("free: it runs on the CPU in float32, which is slow.")
    origin = loader.origin(small_model, placed)
    made = KleinEngine(pipeline, row, origin, 2**20, Album())
    assert render(made, replace(asked(), width=64, height=64)).shape == (64, 64, 3)


@pytest.mark.parametrize("failure", [torch.OutOfMemoryError, RuntimeError])
def test_a_device_that_runs_out_of_memory_says_so(
    pipeline: Any,
    small_model: Path,
    monkeypatch: pytest.MonkeyPatch,
    failure: Callable[[str], Exception],
) -> None:
    row = models.from_folder(small_model)
    with_room(pipeline, row, RESIDENT, monkeypatch)

    def full(to: str) -> None:
        raise failure("MPS backend out of memory")

    monkeypatch.setattr(pipeline, "to", full)
    with pytest.raises(EngineFailed, match="does not fit into the memory of a card; close other"):
        place.place(pipeline, row, CUDA, "auto", quiet)


def test_other_failures_stay_what_they_are(
    pipeline: Any, small_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = models.from_folder(small_model)
    with_room(pipeline, row, RESIDENT, monkeypatch)

    def broken(to: str) -> None:
        raise RuntimeError("CUDA error")

    monkeypatch.setattr(pipeline, "to", broken)
    with pytest.raises(RuntimeError, match="CUDA error"):
        place.place(pipeline, row, CUDA, "auto", quiet)


def test_what_is_asked_for_and_does_not_fit_is_refused(
    small_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "main_memory_bytes", lambda: LITTLE_BYTES)
    choice = choosing.resolve(str(small_model), "cpu", None, "resident")
    with pytest.raises(EngineFailed, match="more than this machine has free"):
        loader.open_pipeline(choice, quiet)


def test_the_files_tell_how_many_weights_there_are(small_model: Path, pipeline: Any) -> None:
    """Those of the layers that are cut, of the norm and of buffers are counted as well."""
    loaded = sum(weight.numel() for weight in weights(pipeline))
    assert loaded < measure.stored_weights(small_model) < 2 * loaded


def test_a_cpu_with_little_memory_takes_half_the_bytes(
    small_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed = 4 * measure.stored_weights(small_model)
    cpu = choose("cpu")
    monkeypatch.setattr(measure, "main_memory_bytes", lambda: needed)
    assert place.loadable(cpu, small_model) == cpu
    monkeypatch.setattr(measure, "main_memory_bytes", lambda: needed - 1)
    assert place.loadable(cpu, small_model) == Device("cpu", torch.bfloat16)
    assert place.loadable(CUDA, small_model) == CUDA


WIDE = small_models.Shape(heads=16, head_dim=128, double_blocks=2, single_blocks=4, text_tokens=512)
"""Its transformer has 1 GB in bfloat16: enough to be told from what a GPU needs anyway."""


@pytest.fixture(scope="module")
def wide_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "wide"
    small_models.save(folder, Flux2KleinPipeline, WIDE)
    return folder


def on_gpu(folder: Path, recipe: Recipe) -> tuple[KleinEngine, Model]:
    """An engine whose weights are held by `recipe`, and the sizes it was planned with."""
    pipeline = in_bfloat16(folder)
    pipeline.set_progress_bar_config(disable=True)
    row = models.from_folder(folder)
    model = measure.measured(pipeline, row.title)
    device = place._moved(pipeline, recipe, Device("cuda", torch.bfloat16))
    origin = loader.origin(folder, place.Placed(device, recipe.path))
    return KleinEngine(pipeline, row, origin, 2**24, Album()), model


@pytest.mark.gpu
@pytest.mark.timeout(600)
@pytest.mark.parametrize("recipe", [RESIDENT, FP8_TEXT, FP8, OFFLOAD, FP8_OFFLOAD])
def test_the_peak_of_a_render_is_the_planned_one(wide_model: Path, recipe: Recipe) -> None:
    torch.cuda.empty_cache()
    before_bytes = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    made, model = on_gpu(wide_model, recipe)
    sizes = Sizes(512 * 512, 0, WIDE.text_tokens)
    for prompt in ("one", "two"):
        made.warm_up(replace(asked(prompt), width=512, height=512))
    peak_bytes = torch.cuda.max_memory_allocated() - before_bytes
    least_bytes = recipe.needs_bytes(model, Work(0, 0, 0))
    assert 0.9 * least_bytes <= peak_bytes
    assert peak_bytes <= recipe.needs_bytes(model, work(model.widths, sizes, model.number_bytes))


@pytest.mark.gpu
@pytest.mark.timeout(600)
def test_a_superseded_render_leaves_no_transformer_beside_the_next_prompt(wide_model: Path) -> None:
    made, _ = on_gpu(wide_model, OFFLOAD)
    stop = Hooks(superseded=lambda steps_done: steps_done == 1)
    with pytest.raises(Superseded):
        made.render(asked("one"), Stage.FINAL, stop)
    assert made._pipeline.transformer.device.type == "cuda"
    made._prompts.encode("two")
    assert made._pipeline.transformer.device.type == "cpu"
