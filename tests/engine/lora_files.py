"""LoRA files as trainers write them, made of random numbers for the modules of a transformer."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

Pairs = dict[str, tuple[Tensor, Tensor]]
"""Of each module, `down` (rank, in) and `up` (out, rank)."""

Numbers = dict[str, Tensor]


def pairs(transformer: Any, rank: int, seed: int, only: str = "", size: float = 0.3) -> Pairs:
    """Random pairs for all linears whose names match `only`."""
    generator = torch.Generator().manual_seed(seed)

    def random(*shape: int) -> Tensor:
        return size * torch.randn(shape, generator=generator)

    return {
        name: (random(rank, module.in_features), random(module.out_features, rank))
        for name, module in transformer.named_modules()
        if isinstance(module, nn.Linear) and re.search(only, name)
    }


def as_diffusers(made: Mapping[str, tuple[Tensor, Tensor]]) -> Numbers:
    """The keys that diffusers and PEFT write."""
    return {
        f"transformer.{module}.lora_{half}.weight": tensor
        for module, (down, up) in made.items()
        for half, tensor in (("A", down), ("B", up))
    }


def as_kohya(made: Mapping[str, tuple[Tensor, Tensor]], alpha: float) -> Numbers:
    """The keys that kohya's trainers write for modules of the original weights."""
    keys: Numbers = {}
    for module, (down, up) in made.items():
        name = "lora_unet_" + module.replace(".", "_")
        keys[f"{name}.lora_down.weight"] = down
        keys[f"{name}.lora_up.weight"] = up
        keys[f"{name}.alpha"] = torch.tensor(alpha)
    return keys


def as_original(made: Mapping[str, tuple[Tensor, Tensor]]) -> Numbers:
    """The keys that ai-toolkit and ComfyUI write for modules of the original weights."""
    return {
        f"diffusion_model.{module}.lora_{half}.weight": tensor
        for module, (down, up) in made.items()
        for half, tensor in (("A", down), ("B", up))
    }


def original_pairs(transformer: Any, rank: int, seed: int) -> Pairs:
    """Random pairs for every module of the original of `transformer`, by its name there."""
    config = transformer.config
    width = config.num_attention_heads * config.attention_head_dim
    hidden = int(width * config.mlp_ratio)
    shapes = {
        "img_in": (config.in_channels, width),
        "txt_in": (config.joint_attention_dim, width),
        "time_in.in_layer": (config.timestep_guidance_channels, width),
        "time_in.out_layer": (width, width),
        "double_stream_modulation_img.lin": (width, 6 * width),
        "double_stream_modulation_txt.lin": (width, 6 * width),
        "single_stream_modulation.lin": (width, 3 * width),
        "final_layer.linear": (width, config.in_channels),
    }
    for number in range(config.num_layers):
        for stream in ("img", "txt"):
            block = f"double_blocks.{number}.{stream}"
            shapes[f"{block}_attn.qkv"] = (width, 3 * width)
            shapes[f"{block}_attn.proj"] = (width, width)
            shapes[f"{block}_mlp.0"] = (width, 2 * hidden)
            shapes[f"{block}_mlp.2"] = (hidden, width)
    for number in range(config.num_single_layers):
        shapes[f"single_blocks.{number}.linear1"] = (width, 3 * width + 2 * hidden)
        shapes[f"single_blocks.{number}.linear2"] = (width + hidden, width)
    generator = torch.Generator().manual_seed(seed)
    return {
        name: (
            0.3 * torch.randn(rank, wide, generator=generator),
            0.3 * torch.randn(high, rank, generator=generator),
        )
        for name, (wide, high) in shapes.items()
    }


def saved(
    folder: Path, name: str, keys: Mapping[str, Tensor], metadata: dict[str, str] | None = None
) -> Path:
    """A safetensors file in `folder`, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.safetensors"
    save_file({key: tensor.contiguous() for key, tensor in keys.items()}, path, metadata)
    return path
