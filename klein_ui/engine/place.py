"""A loaded pipeline goes where the memory plan says.

For fp8 the layerwise casting of diffusers does what is needed without another package: the weights
of a layer are stored in `float8_e4m3fn` and unpacked while it runs. Only the linear layers of the
blocks are cast. What is outside of them is 5 % of klein's transformer and touches every token
(embedders, modulations, the last projection); the text encoder's table of embeddings would be
unpacked as a whole for each prompt, which takes more than the table in fp8 saves. Norms stay too.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from diffusers.hooks import apply_layerwise_casting
from torch import nn

from klein_ui.contract import Progress
from klein_ui.engine import measure, memory
from klein_ui.engine.device import Device
from klein_ui.engine.faults import named
from klein_ui.engine.recipes import FLOAT32_BYTES, Recipe
from klein_ui.models import ModelRow

FP8 = torch.float8_e4m3fn

Report = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a pipeline runs in the end, in which number format, and on which execution path."""

    device: Device
    path: str


def loadable(device: Device, folder: Path) -> Device:
    """`device` with a number format in which the weights in `folder` fit into main memory.

    On the CPU alone they stay there, so there is a choice.
    """
    if device.name != "cpu":
        return device
    weights = measure.stored_weights(folder)
    number_bytes = memory.loading_bytes(weights, measure.main_memory_bytes())
    return device if number_bytes == FLOAT32_BYTES else replace(device, dtype=torch.bfloat16)


def place(pipeline: Any, row: ModelRow, device: Device, wanted: str, report: Report) -> Placed:
    """Put `pipeline`, whose weights are in main memory, where the plan for `wanted` says.

    Raises `EngineFailed` where `wanted` does not fit, `OutOfMemory` where the device runs out.
    """
    model = measure.measured(pipeline, row.title)
    loaded_bytes = Recipe().held_bytes(model)
    plan = memory.plan(model, row, measure.room(device, loaded_bytes), wanted)
    report(Progress("placing", plan.why))
    with named(
        lambda: (
            f"{row.title} does not fit into the memory of {device.hardware}; "
            "close other programs, or choose postcard."
        )
    ):
        return Placed(_moved(pipeline, plan.recipe, device), plan.recipe.path)


def _moved(pipeline: Any, recipe: Recipe, device: Device) -> Device:
    """The device that `pipeline` runs on once it is held by `recipe`."""
    # Before anything moves: the device never holds what is to be packed.
    if recipe.text_fp8:
        _store_in_fp8(measure.text_blocks(pipeline), device.dtype)
    if recipe.transformer_fp8:
        _store_in_fp8(measure.transformer_blocks(pipeline), device.dtype)
    if recipe.on_cpu:
        return _on_cpu(pipeline, recipe, device)
    if recipe.turns:
        _take_turns(pipeline, device)
    else:
        pipeline.to(device.name)
    return device


def _on_cpu(pipeline: Any, recipe: Recipe, device: Device) -> Device:
    if not recipe.float32:
        return Device("cpu", device.dtype)
    for component in (pipeline.text_encoder, pipeline.transformer, pipeline.vae):
        component.float()
    return Device("cpu", torch.float32)


def _store_in_fp8(blocks: Iterable[nn.Module], dtype: torch.dtype) -> None:
    """Pack the linear layers of `blocks`; they compute in `dtype`."""
    for block in blocks:
        apply_layerwise_casting(block, FP8, dtype, skip_modules_pattern=("norm",))


def _take_turns(pipeline: Any, device: Device) -> None:
    pipeline.enable_model_cpu_offload(device=device.name)
    text_encoder, transformer, _ = pipeline._all_hooks
    # A stock call sends all off when it ends. Ours may be stopped between two steps, and then the
    # transformer has to make room for the text encoder of the next prompt.
    text_encoder.hook.prev_module_hook = transformer
