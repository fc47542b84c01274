"""A small, randomly initialised klein pipeline, saved locally as the hub would hold it."""

import json
from pathlib import Path

import pytest
import torch
from diffusers import (
    AutoencoderKLFlux2,
    FlowMatchEulerDiscreteScheduler,
    Flux2KleinPipeline,
    Flux2Transformer2DModel,
)
from tokenizers.pre_tokenizers import ByteLevel
from transformers import Qwen2Tokenizer, Qwen3Config, Qwen3ForCausalLM

HIDDEN = 32
LAYERS = (1, 2, 3)
TEMPLATE = "{% for m in messages %}<|user|>{{ m['content'] }}<|end|>{% endfor %}"


def tokenizer(folder: Path) -> Qwen2Tokenizer:
    """Bytes as tokens, no merges: enough for any prompt."""
    specials = ["<|endoftext|>", "<|user|>", "<|end|>"]
    alphabet = sorted(ByteLevel.alphabet())
    vocabulary = {token: index for index, token in enumerate([*specials, *alphabet])}
    folder.mkdir()
    made = Qwen2Tokenizer(vocab=vocabulary, merges=[], pad_token="<|endoftext|>")
    made.add_special_tokens({"additional_special_tokens": specials[1:]})
    made.chat_template = TEMPLATE
    return made


def text_encoder(vocabulary: int) -> Qwen3ForCausalLM:
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


def transformer() -> Flux2Transformer2DModel:
    return Flux2Transformer2DModel(
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=HIDDEN * len(LAYERS),
        axes_dims_rope=(4, 4, 4, 4),
        guidance_embeds=False,
    ).eval()


def vae() -> AutoencoderKLFlux2:
    made = AutoencoderKLFlux2(
        block_out_channels=(4, 4, 8, 8),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=1,
        mid_block_add_attention=False,
    ).eval()
    made.bn.running_mean.normal_()
    made.bn.running_var.uniform_(0.5, 1.5)
    return made


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the small pipeline, with its own `klein_ui.json`."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("models") / "small"
    words = tokenizer(folder.with_name("tokenizer"))
    pipeline = Flux2KleinPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(
            shift=3.0, use_dynamic_shifting=True, time_shift_type="exponential"
        ),
        vae=vae(),
        text_encoder=text_encoder(len(words)),
        tokenizer=words,
        transformer=transformer(),
        is_distilled=True,
    )
    pipeline.save_pretrained(folder)
    numbers = {
        "text_encoder_out_layers": LAYERS,
        "max_sequence_length": 48,
        "default_side": 64,
        "draft_side": 64,
        "min_side": 32,
        "max_side": 512,
    }
    folder.joinpath("klein_ui.json").write_text(json.dumps(numbers))
    return folder
