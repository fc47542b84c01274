"""The autoencoder: its shape, its normalised latents, and back."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import AutoencoderKLFlux2
from torch import Tensor, nn

LATENT_CHANNELS = 16
TOKEN_CHANNELS = 4 * LATENT_CHANNELS
PIXELS_PER_TOKEN = 16


def build_vae() -> AutoencoderKLFlux2:
    """An untrained 8x autoencoder of about half a million weights.

    One group in the norms: normalising every channel alone would erase the colour of an even
    area. The second convolution of each residual block starts at zero, so that training begins
    with a shallow network.
    """
    widths = (16, 32, 64, 64)
    vae = AutoencoderKLFlux2(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=widths,
        layers_per_block=1,
        latent_channels=LATENT_CHANNELS,
        norm_num_groups=1,
        sample_size=512,
        mid_block_add_attention=False,
    )
    for name, module in vae.named_modules():
        if name.endswith("conv2") and isinstance(module, nn.Conv2d):
            nn.init.zeros_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return vae


def load_vae(run: Path, *, bf16: bool = False) -> AutoencoderKLFlux2:
    """The autoencoder of a training folder, laid out so that a CPU encodes fastest.

    With ``bf16`` its latents are off by half a percent of their spread.
    """
    vae = AutoencoderKLFlux2.from_pretrained(run / "vae").eval()
    # Not the statistics: an error in these would be the same in every picture.
    for part in (vae.encoder, vae.quant_conv):
        part.to(torch.bfloat16 if bf16 else torch.float32, memory_format=torch.channels_last)
    return vae


def patchify(latents: Tensor) -> Tensor:
    """(batch, channels, height, width) to (batch, 4 channels, height / 2, width / 2).

    The order is that of ``Flux2KleinPipeline._patchify_latents``: channel, row, column.
    """
    return nn.functional.pixel_unshuffle(latents, 2)


def unpatchify(tokens: Tensor) -> Tensor:
    """The inverse of :func:`patchify`."""
    return nn.functional.pixel_shuffle(tokens, 2)


def encode(vae: AutoencoderKLFlux2, pixels: Tensor) -> Tensor:
    """Pixels (batch, 3, height, width) in -1..1 to normalised latents (batch, 64, h/16, w/16)."""
    pixels = pixels.to(next(vae.encoder.parameters()).dtype)
    tokens = patchify(vae.encode(pixels).latent_dist.mode()).float()
    mean, deviation = _statistics(vae, tokens)
    return (tokens - mean) / deviation


def decode(vae: AutoencoderKLFlux2, tokens: Tensor) -> Tensor:
    """The inverse of :func:`encode`, clipped to -1..1."""
    mean, deviation = _statistics(vae, tokens)
    sample: Tensor = vae.decode(unpatchify(tokens * deviation + mean)).sample
    return sample.clamp(-1, 1)


def _statistics(vae: AutoencoderKLFlux2, like: Tensor) -> tuple[Tensor, Tensor]:
    mean = vae.bn.running_mean.view(1, -1, 1, 1).to(like)
    variance = vae.bn.running_var.view(1, -1, 1, 1).to(like)
    return mean, torch.sqrt(variance + vae.config.batch_norm_eps)


@torch.no_grad()
def set_statistics(vae: AutoencoderKLFlux2, pictures: list[Tensor]) -> None:
    """Fix the batch-norm statistics to those of pictures (3, height, width) in -1..1."""
    tokens = [patchify(vae.encode(p[None]).latent_dist.mode())[0].flatten(1) for p in pictures]
    values = torch.cat(tokens, dim=1)
    vae.bn.running_mean.copy_(values.mean(dim=1))
    vae.bn.running_var.copy_(values.var(dim=1))
