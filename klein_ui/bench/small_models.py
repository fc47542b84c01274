"""Small pipelines of random weights, saved as the hub would hold them: for tests and benches."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from diffusers import (
    AutoencoderKLFlux2,
    DiffusionPipeline,
    FlowMatchEulerDiscreteScheduler,
    Flux2Transformer2DModel,
)
from tokenizers.pre_tokenizers import ByteLevel
from transformers import Qwen2Tokenizer, Qwen3Config, Qwen3ForCausalLM

HIDDEN: Final = 32
LAYERS: Final = (1, 2, 3)
CHANNELS: Final = 4
TEMPLATE: Final = "{% for m in messages %}<|user|>{{ m['content'] }}<|end|>{% endfor %}"
SEED: Final = 0


@dataclass(frozen=True, slots=True)
class Shape:
    """The transformer: its heads of `head_dim`, its blocks, and the tokens of text it reads."""

    heads: int
    head_dim: int
    double_blocks: int
    single_blocks: int
    text_tokens: int


TINY = Shape(heads=2, head_dim=16, double_blocks=1, single_blocks=1, text_tokens=48)
"""As small as it gets: what a test needs."""

SLIM = Shape(heads=8, head_dim=32, double_blocks=2, single_blocks=4, text_tokens=128)
"""The transformer takes most of the time, as it does in klein: what a bench needs."""


def save(folder: Path, kind: type[DiffusionPipeline], shape: Shape) -> None:
    """Make a pipeline of the class `kind` in `folder`, which is not there yet.

    Its `klein_ui.json` lets `models.from_folder` read it. The same call saves the same weights.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        words = tokenizer()
        pipeline = kind(
            scheduler=FlowMatchEulerDiscreteScheduler(
                shift=3.0, use_dynamic_shifting=True, time_shift_type="exponential"
            ),
            vae=_vae(),
            text_encoder=_text_encoder(len(words)),
            tokenizer=words,
            transformer=_transformer(shape),
            is_distilled=True,
        )
    pipeline.save_pretrained(folder)
    numbers = {
        "text_encoder_out_layers": LAYERS,
        "max_sequence_length": shape.text_tokens,
        "default_side": 64,
        "draft_side": 64,
        "min_side": 32,
        "max_side": 512,
    }
    folder.joinpath("klein_ui.json").write_text(json.dumps(numbers), encoding="utf-8")


def tokenizer() -> Qwen2Tokenizer:
    """Bytes as tokens, no merges: enough for any prompt."""
    specials = ["<|endoftext|>", "<|user|>", "<|end|>"]
    alphabet = sorted(ByteLevel.alphabet())
    vocabulary = {token: index for index, token in enumerate([*specials, *alphabet])}
    made = Qwen2Tokenizer(vocab=vocabulary, merges=[], pad_token=specials[0])
    made.add_special_tokens({"additional_special_tokens": specials[1:]})
    made.chat_template = TEMPLATE
    return made


def _text_encoder(vocabulary: int) -> Qwen3ForCausalLM:
    config = Qwen3Config(
        vocab_size=vocabulary,
        hidden_size=HIDDEN,
        intermediate_size=64,
        num_hidden_layers=4,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
    )
    return Qwen3ForCausalLM(config).eval()


def _transformer(shape: Shape) -> Flux2Transformer2DModel:
    return Flux2Transformer2DModel(
        in_channels=CHANNELS * 4,
        num_layers=shape.double_blocks,
        num_single_layers=shape.single_blocks,
        attention_head_dim=shape.head_dim,
        num_attention_heads=shape.heads,
        joint_attention_dim=HIDDEN * len(LAYERS),
        axes_dims_rope=(shape.head_dim // 4,) * 4,
        guidance_embeds=False,
    ).eval()


def save_decoder(folder: Path) -> None:
    """A VAE in `folder` whose decoder has half the channels, for the latents of the pipelines."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED + 1)
        _vae(decoder_channels=(2, 2, 4, 4)).save_pretrained(folder)


def _vae(decoder_channels: tuple[int, ...] | None = None) -> AutoencoderKLFlux2:
    made = AutoencoderKLFlux2(
        block_out_channels=(4, 4, 8, 8),
        decoder_block_out_channels=decoder_channels,
        layers_per_block=1,
        latent_channels=CHANNELS,
        norm_num_groups=1,
        mid_block_add_attention=False,
    ).eval()
    made.bn.running_mean.normal_()
    made.bn.running_var.uniform_(0.5, 1.5)
    return made
