"""The parts of the pipeline: configurations, initial weights, and the text call.

Everything is of klein's own classes, so the stock ``Flux2KleinPipeline`` runs it.
"""

from __future__ import annotations

import torch
from diffusers import FlowMatchEulerDiscreteScheduler, Flux2Transformer2DModel
from diffusers.pipelines.flux2.pipeline_flux2_klein import compute_empirical_mu
from torch import Tensor, nn
from transformers import Qwen2Tokenizer, Qwen3Config, Qwen3ForCausalLM

from klein_ui.postcard.layouts import BITS
from klein_ui.postcard.tokenizer import MAX_TOKENS
from klein_ui.postcard.vae import TOKEN_CHANNELS

TEXT_WIDTH = 128
TEXT_OUT_LAYERS = (1, 2, 3)
STEPS = 4


def build_text_encoder(vocabulary: int) -> Qwen3ForCausalLM:
    """Three layers of Qwen3; the pipeline takes the outputs of all three."""
    config = Qwen3Config(
        vocab_size=vocabulary,
        hidden_size=TEXT_WIDTH,
        intermediate_size=3 * TEXT_WIDTH,
        num_hidden_layers=max(TEXT_OUT_LAYERS),
        num_attention_heads=4,
        num_key_value_heads=4,
        head_dim=32,
        max_position_embeddings=512,
        initializer_range=0.06,
        tie_word_embeddings=True,
        pad_token_id=0,
        eos_token_id=1,
        bos_token_id=None,
    )
    return Qwen3ForCausalLM(config)


def build_transformer() -> Flux2Transformer2DModel:
    """Width 192, two double and six single blocks.

    The input and output projections start as each other's transpose, so that the noise, which is
    part of the velocity, passes through from the first step on; the blocks start silent.
    """
    transformer = Flux2Transformer2DModel(
        in_channels=TOKEN_CHANNELS,
        num_layers=2,
        num_single_layers=6,
        attention_head_dim=64,
        num_attention_heads=3,
        joint_attention_dim=TEXT_WIDTH * len(TEXT_OUT_LAYERS),
        timestep_guidance_channels=128,
        mlp_ratio=3.0,
        # Time (references), row, column, place in the text.
        axes_dims_rope=(8, 24, 24, 8),
        rope_theta=100,
        guidance_embeds=False,
    )
    _initialise(transformer)
    return transformer


@torch.no_grad()
def _initialise(transformer: Flux2Transformer2DModel) -> None:
    nn.init.orthogonal_(transformer.x_embedder.weight)
    transformer.proj_out.weight.copy_(transformer.x_embedder.weight.T * 0.5)
    nn.init.normal_(transformer.context_embedder.weight, std=0.05)
    nn.init.zeros_(transformer.norm_out.linear.weight)
    for block in transformer.transformer_blocks:
        for layer in (block.attn.to_out[0], block.attn.to_add_out):
            layer.weight.mul_(0.3)
        for layer in (block.ff.linear_out, block.ff_context.linear_out):
            layer.weight.mul_(0.3)
    for block in transformer.single_transformer_blocks:
        block.attn.to_out.weight.mul_(0.3)
    open_layout_path(transformer)


@torch.no_grad()
def open_layout_path(transformer: Flux2Transformer2DModel) -> None:
    """Let the text tokens of the first block see the composition.

    The composition lies in means of a few noise channels over all tokens. At first the attention
    of the first block is nearly even, so it averages already; but each mean is an eighth or less
    of a token's own noise, and finding it by gradient takes long. Three value dimensions of one
    head therefore start as these channels, amplified, and are written to the text tokens.
    """
    block = transformer.transformer_blocks[0]
    width = transformer.x_embedder.weight.shape[0]
    gate = _text_gate(transformer)
    for cue in range(BITS):
        value = block.attn.head_dim + cue
        channel = transformer.x_embedder.weight[:, cue]
        block.attn.to_v.weight[value] = 3.0 * channel / channel.norm()
        block.attn.add_v_proj.weight[value] = 0.0
        block.attn.to_out[0].weight[:, value] = 0.0
        block.attn.to_add_out.weight[:, value] = 0.0
        written = torch.arange(cue, width, 2 * BITS)
        strength = 1.5 / gate[written].abs().clamp(min=0.15)
        block.attn.to_add_out.weight[written, value] = strength * gate[written].sign()


def _text_gate(transformer: Flux2Transformer2DModel) -> Tensor:
    """The gate (width,) on the attention's output to the text at the first step."""
    embedded = transformer.time_guidance_embed(torch.tensor([1000.0]), None)
    modulation = transformer.double_stream_modulation_txt(embedded)
    gate: Tensor = modulation.flatten().chunk(6)[2]
    return gate


def build_scheduler() -> FlowMatchEulerDiscreteScheduler:
    """The noise schedule of klein: shift 3, moved by the number of image tokens."""
    return FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True)


def schedule_sigmas(image_tokens: int, steps: int = STEPS) -> list[float]:
    """The noise levels at which the pipeline calls the transformer, the first is 1."""
    mu = compute_empirical_mu(image_tokens, steps)
    shift = float(torch.tensor(mu).exp())
    plain = [1.0 - i * (1.0 - 1.0 / steps) / (steps - 1) for i in range(steps)]
    return [shift / (shift + 1.0 / t - 1.0) for t in plain]


def tokenize(
    tokenizer: Qwen2Tokenizer, texts: list[str], length: int = MAX_TOKENS
) -> tuple[Tensor, Tensor]:
    """Token ids and mask, (batch, length) each, as the pipeline makes them."""
    framed = [
        tokenizer.apply_chat_template(
            [{"role": "user", "content": text}], tokenize=False, add_generation_prompt=True
        )
        for text in texts
    ]
    batch = tokenizer(
        framed, return_tensors="pt", padding="max_length", truncation=True, max_length=length
    )
    return batch["input_ids"], batch["attention_mask"]


def embed_text(encoder: Qwen3ForCausalLM, ids: Tensor, mask: Tensor) -> Tensor:
    """Prompt embeddings (batch, length, layers * width), as the pipeline makes them."""
    states = encoder.model(
        input_ids=ids, attention_mask=mask, output_hidden_states=True, use_cache=False
    ).hidden_states
    stacked = torch.stack([states[k] for k in TEXT_OUT_LAYERS], dim=2)
    return stacked.flatten(2)


def text_ids(length: int, device: torch.device | str = "cpu") -> Tensor:
    """Positions (length, 4) of the text tokens."""
    ids = torch.zeros(length, 4, dtype=torch.long, device=device)
    ids[:, 3] = torch.arange(length, device=device)
    return ids


def image_ids(rows: int, columns: int, time: int = 0, device: torch.device | str = "cpu") -> Tensor:
    """Positions (rows * columns, 4) of image tokens; a reference has time 10, 20, ..."""
    grid = torch.cartesian_prod(
        torch.tensor([time]), torch.arange(rows), torch.arange(columns), torch.arange(1)
    )
    return grid.to(device)
