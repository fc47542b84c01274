"""The keys of LoRA files: which of their numbers go to which `Linear` of the transformer.

Trainers write the modules of klein in one of three namings: diffusers' own
(`transformer.transformer_blocks.0.attn.to_q`), that of the original weights
(`diffusion_model.double_blocks.0.img_attn.qkv`), or the latter with underscores
(`lora_unet_double_blocks_0_img_attn_qkv`). Nothing is guessed from a key: every name that a file
may hold is written down beforehand, from the modules that are there.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Part(StrEnum):
    """What a tensor is: `up @ down` is added to a weight, times alpha / rank."""

    DOWN = "down"
    UP = "up"
    ALPHA = "alpha"


ENDINGS = {
    ".lora_A.weight": Part.DOWN,
    ".lora_A.default.weight": Part.DOWN,
    ".lora_down.weight": Part.DOWN,
    ".lora_B.weight": Part.UP,
    ".lora_B.default.weight": Part.UP,
    ".lora_up.weight": Part.UP,
    ".alpha": Part.ALPHA,
}

PREFIXES = ("", "transformer.", "diffusion_model.", "base_model.model.")
UNDERSCORES = "lora_unet_"

TEXT_ENCODERS = ("text_encoder", "lora_te", "te.", "te1.", "te2.", "text_model.", "clip_")


@dataclass(frozen=True, slots=True)
class Target:
    """A `Linear` of the transformer, and which rows of `up` are for it.

    `up` is cut into `of` equal pieces of rows; this module takes `pieces`, in that order.
    """

    module: str
    pieces: tuple[int, ...] = (0,)
    of: int = 1


Targets = tuple[Target, ...]


def _fused(*modules: str) -> Targets:
    """Modules that are one in the original, one after the other."""
    return tuple(Target(module, (place,), len(modules)) for place, module in enumerate(modules))


DOUBLE_BLOCK: dict[str, Targets] = {
    "img_attn.qkv": _fused("attn.to_q", "attn.to_k", "attn.to_v"),
    "img_attn.proj": (Target("attn.to_out.0"),),
    "img_mlp.0": (Target("ff.linear_in"),),
    "img_mlp.2": (Target("ff.linear_out"),),
    "txt_attn.qkv": _fused("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"),
    "txt_attn.proj": (Target("attn.to_add_out"),),
    "txt_mlp.0": (Target("ff_context.linear_in"),),
    "txt_mlp.2": (Target("ff_context.linear_out"),),
}

SINGLE_BLOCK: dict[str, Targets] = {
    "linear1": (Target("attn.to_qkv_mlp_proj"),),
    "linear2": (Target("attn.to_out"),),
}

OUTSIDE_BLOCKS: dict[str, Targets] = {
    "img_in": (Target("x_embedder"),),
    "txt_in": (Target("context_embedder"),),
    "time_in.in_layer": (Target("time_guidance_embed.timestep_embedder.linear_1"),),
    "time_in.out_layer": (Target("time_guidance_embed.timestep_embedder.linear_2"),),
    "guidance_in.in_layer": (Target("time_guidance_embed.guidance_embedder.linear_1"),),
    "guidance_in.out_layer": (Target("time_guidance_embed.guidance_embedder.linear_2"),),
    "double_stream_modulation_img.lin": (Target("double_stream_modulation_img.linear"),),
    "double_stream_modulation_txt.lin": (Target("double_stream_modulation_txt.linear"),),
    "single_stream_modulation.lin": (Target("single_stream_modulation.linear"),),
    # The original has shift before scale, diffusers scale before shift.
    "final_layer.adaLN_modulation.1": (Target("norm_out.linear", (1, 0), 2),),
    "final_layer.linear": (Target("proj_out"),),
}

_BLOCK = re.compile(r"((?:single_)?transformer_blocks)\.(\d+)\.")


def split(key: str) -> tuple[str, Part] | None:
    """The module of `key` as its file calls it, and the part; None for anything else."""
    for ending, part in ENDINGS.items():
        if key.endswith(ending):
            return key.removesuffix(ending), part
    return None


def is_text_encoder(key: str) -> bool:
    """Whether `key` belongs to the text encoder, in the words of common trainers."""
    return key.removeprefix("base_model.model.").startswith(TEXT_ENCODERS)


def accepted(linears: Iterable[str]) -> Mapping[str, Targets]:
    """Every name a file may have for a module, for a transformer with these `linears`."""
    there = set(linears)
    names: dict[str, Targets] = {}
    for module in there:
        names.update(_prefixed(module, (Target(module),)))
    for original, targets in _originals(there):
        if all(target.module in there for target in targets):
            names.update(_prefixed(original, targets))
            names[UNDERSCORES + original.replace(".", "_")] = targets
    return names


def _prefixed(name: str, targets: Targets) -> dict[str, Targets]:
    return {prefix + name: targets for prefix in PREFIXES}


def _originals(linears: set[str]) -> Iterator[tuple[str, Targets]]:
    """The original's names of everything that klein has, blocks as many as there are."""
    yield from OUTSIDE_BLOCKS.items()
    blocks = {found.groups() for found in map(_BLOCK.match, linears) if found}
    for kind, number in blocks:
        is_single = kind.startswith("single")
        table = SINGLE_BLOCK if is_single else DOUBLE_BLOCK
        original = "single_blocks" if is_single else "double_blocks"
        for name, targets in table.items():
            inside = f"{kind}.{number}."
            moved = tuple(Target(inside + one.module, one.pieces, one.of) for one in targets)
            yield f"{original}.{number}.{name}", moved
