"""The figures behind the memory plan: sizes of pipelines, and the room on this machine."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
import torch
from safetensors import safe_open
from torch import nn

from klein_ui.engine.device import Device
from klein_ui.engine.kv import keeps_keys
from klein_ui.engine.recipes import Model, Part, Room
from klein_ui.engine.text_encoder import language_model
from klein_ui.engine.work import Widths


def stored_weights(folder: Path) -> int:
    """How many weights the files of the pipeline in `folder` hold, by their headers."""
    count = 0
    for path in sorted(folder.glob("*/*.safetensors")):
        with safe_open(path, framework="pt") as file:
            count += sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118
    return count


def main_memory_bytes() -> int:
    """Main memory that can be had without swapping."""
    return int(psutil.virtual_memory().available)


def room(device: Device, loaded_bytes: int) -> Room:
    """What is free now, where weights of `loaded_bytes` already are in main memory."""
    main_bytes = main_memory_bytes() + loaded_bytes
    if device.name == "cuda":
        # A load that failed may have left blocks behind.
        torch.cuda.empty_cache()
        return Room("cuda", torch.cuda.mem_get_info()[0], main_bytes)
    if device.name == "mps":
        free_bytes = torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
        return Room("mps", min(free_bytes, main_bytes), main_bytes)
    return Room(device.name, main_bytes, main_bytes)


def measured(pipeline: Any, title: str) -> Model:
    """The sizes of a pipeline whose weights were all loaded in one number format."""
    return Model(
        title=title,
        text_encoder=_part(pipeline.text_encoder, text_blocks(pipeline)),
        transformer=_part(pipeline.transformer, transformer_blocks(pipeline)),
        vae=_part(pipeline.vae, ()),
        widths=_widths(pipeline),
        number_bytes=pipeline.transformer.dtype.itemsize,
    )


def text_blocks(pipeline: Any) -> Sequence[nn.Module]:
    """The layers of the text encoder, without its embeddings."""
    return list(language_model(pipeline.text_encoder).layers)


def transformer_blocks(pipeline: Any) -> Sequence[nn.Module]:
    """The blocks of the transformer, without what stands before, between and after all of them."""
    transformer = pipeline.transformer
    return [*transformer.transformer_blocks, *transformer.single_transformer_blocks]


def _part(component: nn.Module, blocks: Sequence[nn.Module]) -> Part:
    layers = [
        _weights(layer)
        for block in blocks
        for layer in block.modules()
        if isinstance(layer, nn.Linear)
    ]
    return Part(_weights(component), sum(layers), max(layers, default=0))


def _weights(module: nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters())


def _widths(pipeline: Any) -> Widths:
    text = pipeline.text_encoder.config.get_text_config()
    transformer = pipeline.transformer.config
    return Widths(
        transformer=transformer.num_attention_heads * transformer.attention_head_dim,
        text=text.hidden_size,
        text_layers=text.num_hidden_layers,
        vae=pipeline.vae.config.block_out_channels[1],
        kept_layers=len(transformer_blocks(pipeline)) if keeps_keys(pipeline.transformer) else 0,
    )
