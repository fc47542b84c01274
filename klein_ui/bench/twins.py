"""Twins: the exact architecture of a model with random weights, made on the device.

Time and memory depend on shapes, not on what the weights know. A twin's pictures mean nothing, but
ours must still be the stock pipeline's.
"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import torch
from diffusers import (
    AutoencoderKLFlux2,
    FlowMatchEulerDiscreteScheduler,
    Flux2KleinPipeline,
    Flux2Transformer2DModel,
)
from torch import nn
from transformers import Qwen3Config, Qwen3ForCausalLM

from klein_ui import models
from klein_ui.bench.small_models import tokenizer
from klein_ui.models import ModelRow

SEED: Final = 0
VOCABULARY: Final = 151_936


@dataclass(frozen=True, slots=True)
class Twin:
    """The numbers of one architecture; heads of the transformer are of 128 channels each.

    From the configurations that diffusers' conversion of FLUX.2 writes, and Qwen3's own.
    """

    row: ModelRow
    double_blocks: int
    single_blocks: int
    heads: int
    text_hidden: int
    text_mlp: int
    text_layers: int = 36
    text_heads: int = 32
    text_kv_heads: int = 8
    head_dim: int = 128
    vocabulary: int = VOCABULARY
    vae_channels: tuple[int, ...] = (128, 256, 512, 512)
    latent_channels: int = 32


TWINS: Final = {
    twin.row.name: twin
    for twin in (
        Twin(models.KLEIN_4B, 5, 20, 24, text_hidden=2560, text_mlp=9728),
        Twin(models.KLEIN_9B, 8, 24, 32, text_hidden=4096, text_mlp=12_288),
    )
}


def build(twin: Twin, device: torch.device, dtype: torch.dtype) -> Flux2KleinPipeline:
    """The whole pipeline, as the stock recipe loads it. The same call makes the same weights."""
    with torch.random.fork_rng(), _made_on(device, dtype):
        torch.manual_seed(SEED)
        pipeline = Flux2KleinPipeline(
            scheduler=FlowMatchEulerDiscreteScheduler(
                shift=3.0, use_dynamic_shifting=True, time_shift_type="exponential"
            ),
            vae=_vae(twin),
            text_encoder=_text_encoder(twin),
            tokenizer=tokenizer(),
            transformer=_transformer(twin),
            is_distilled=True,
        )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def with_cut_encoder(pipeline: Flux2KleinPipeline, last: int) -> Flux2KleinPipeline:
    """The same components, but of the text encoder's layers the first `last` alone; all shared."""
    return Flux2KleinPipeline(
        scheduler=pipeline.scheduler,
        vae=pipeline.vae,
        text_encoder=_cut(pipeline.text_encoder, last),
        tokenizer=pipeline.tokenizer,
        transformer=pipeline.transformer,
        is_distilled=True,
    )


def drop_upper_layers(pipeline: Flux2KleinPipeline, last: int) -> None:
    """Free what `with_cut_encoder` leaves out: from now on the stock pipeline is of no use."""
    pipeline.text_encoder.model.layers = pipeline.text_encoder.model.layers[:last]


def _cut(encoder: Any, last: int) -> Any:
    """A copy with modules of its own around the same tensors.

    Modules must not be shared: what records the hidden states hangs itself onto each layer once
    for every model, and would then record each of them twice.
    """
    tensors = (*encoder.parameters(), *encoder.buffers())
    short = copy.deepcopy(encoder, {id(tensor): tensor for tensor in tensors})
    short.model.layers = short.model.layers[:last]
    short.model.norm = nn.Identity()
    short.lm_head = nn.Identity()
    return short


@contextmanager
def _made_on(device: torch.device, dtype: torch.dtype) -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with device:
            yield
    finally:
        torch.set_default_dtype(before)


def _text_encoder(twin: Twin) -> Qwen3ForCausalLM:
    config = Qwen3Config(
        vocab_size=twin.vocabulary,
        hidden_size=twin.text_hidden,
        intermediate_size=twin.text_mlp,
        num_hidden_layers=twin.text_layers,
        num_attention_heads=twin.text_heads,
        num_key_value_heads=twin.text_kv_heads,
        head_dim=twin.head_dim,
        tie_word_embeddings=True,
    )
    return Qwen3ForCausalLM(config).eval().requires_grad_(False)


def _transformer(twin: Twin) -> Flux2Transformer2DModel:
    made = Flux2Transformer2DModel(
        in_channels=twin.latent_channels * 4,
        num_layers=twin.double_blocks,
        num_single_layers=twin.single_blocks,
        attention_head_dim=twin.head_dim,
        num_attention_heads=twin.heads,
        joint_attention_dim=twin.text_hidden * len(twin.row.text_encoder_out_layers),
        axes_dims_rope=(twin.head_dim // 4,) * 4,
        guidance_embeds=False,
    )
    return made.eval().requires_grad_(False)


def _vae(twin: Twin) -> AutoencoderKLFlux2:
    made = AutoencoderKLFlux2(
        block_out_channels=twin.vae_channels, latent_channels=twin.latent_channels
    )
    made.bn.running_mean.normal_()
    made.bn.running_var.uniform_(0.5, 1.5)
    return made.eval().requires_grad_(False)
