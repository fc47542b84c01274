"""A small, randomly initialised `Flux2Pipeline`, saved locally as the hub would hold it."""

import json
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKLFlux2,
    FlowMatchEulerDiscreteScheduler,
    Flux2Pipeline,
    Flux2Transformer2DModel,
)
from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.processors import TemplateProcessing
from transformers import (
    Mistral3Config,
    Mistral3ForConditionalGeneration,
    MistralConfig,
    PixtralVisionConfig,
    PreTrainedTokenizerFast,
)
from transformers.processing_utils import ProcessorMixin

HIDDEN = 32
LAYERS = (1, 2, 3)
TEXT_TOKENS = 320
STARTED = "{{ bos_token }}"
TEMPLATE = (
    "{% for m in messages %}[{{ m['role'] }}]{{ m['content'][0]['text'] }}[/{{ m['role'] }}]"
    "{% endfor %}"
)


class TextProcessor(ProcessorMixin):  # type: ignore[misc]
    """What the stock pipeline has for a tokenizer, without the half that needs torchvision."""

    def __init__(self, tokenizer: Any, chat_template: str | None = None) -> None:
        super().__init__(tokenizer, chat_template=chat_template)


def save(folder: Path, vae: AutoencoderKLFlux2, *, starts: bool = True, side: str = "left") -> None:
    """Make a pipeline in `folder`; whether its template brings the token that starts a text, and
    on which side its tokenizer pads."""
    words = tokenizer(starts, side)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        pipeline = Flux2Pipeline(
            scheduler=FlowMatchEulerDiscreteScheduler(
                shift=3.0, use_dynamic_shifting=True, time_shift_type="exponential"
            ),
            vae=vae,
            text_encoder=_text_encoder(len(words)),
            tokenizer=words,
            transformer=_transformer(vae.config.latent_channels),
        )
    pipeline.save_pretrained(folder)
    index = folder / "model_index.json"
    said = json.loads(index.read_text(encoding="utf-8"))
    said["tokenizer"] = ["transformers", "PixtralProcessor"]
    index.write_text(json.dumps(said), encoding="utf-8")
    numbers = {
        "text_encoder_out_layers": LAYERS,
        "max_sequence_length": TEXT_TOKENS,
        "default_side": 64,
        "draft_side": 64,
        "min_side": 32,
        "max_side": 512,
    }
    folder.joinpath("klein_ui.json").write_text(json.dumps(numbers), encoding="utf-8")


def stock(folder: Path) -> Flux2Pipeline:
    """The pipeline in `folder` as diffusers has it: all layers, and a processor."""
    words = PreTrainedTokenizerFast.from_pretrained(folder / "tokenizer")
    made = Flux2Pipeline(
        scheduler=FlowMatchEulerDiscreteScheduler.from_pretrained(folder / "scheduler"),
        vae=AutoencoderKLFlux2.from_pretrained(folder / "vae"),
        text_encoder=Mistral3ForConditionalGeneration.from_pretrained(folder / "text_encoder"),
        tokenizer=TextProcessor(words, words.chat_template),
        transformer=Flux2Transformer2DModel.from_pretrained(folder / "transformer"),
    )
    made.set_progress_bar_config(disable=True)
    return made


def tokenizer(starts: bool, side: str) -> PreTrainedTokenizerFast:
    """Bytes as tokens, no merges."""
    specials = ["<unk>", "<s>", "</s>", "<pad>", "[IMG]"]
    alphabet = sorted(ByteLevel.alphabet())
    vocabulary = {token: index for index, token in enumerate([*specials, *alphabet])}
    bytes_ = Tokenizer(BPE(vocab=vocabulary, merges=[]))
    bytes_.pre_tokenizer = ByteLevel(add_prefix_space=False)
    bytes_.post_processor = TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=bytes_,
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        pad_token="<pad>",
        padding_side=side,
        chat_template=(STARTED if starts else "") + TEMPLATE,
    )


def _text_encoder(vocabulary: int) -> Mistral3ForConditionalGeneration:
    shared = {"hidden_size": HIDDEN, "intermediate_size": 64, "head_dim": 16}
    config = Mistral3Config(
        text_config=MistralConfig(
            vocab_size=vocabulary,
            num_hidden_layers=4,
            num_attention_heads=2,
            num_key_value_heads=1,
            sliding_window=None,
            **shared,
        ),
        vision_config=PixtralVisionConfig(num_hidden_layers=2, num_attention_heads=2, **shared),
        image_token_index=4,
    )
    return Mistral3ForConditionalGeneration(config).eval()


def _transformer(channels: int) -> Flux2Transformer2DModel:
    return Flux2Transformer2DModel(
        in_channels=channels * 4,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=HIDDEN * len(LAYERS),
        axes_dims_rope=(4, 4, 4, 4),
        guidance_embeds=True,
    ).eval()
