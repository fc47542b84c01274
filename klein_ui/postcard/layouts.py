"""The composition that a noise stands for.

Each bit is the sign of the mean of one noise channel. The mean times the root of the number of
tokens is a standard normal number at every size, and keeps its value when the noise is area-summed
to a smaller size and rescaled to unit variance. So one seed has one composition at all sizes.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from klein_ui.postcard.scenes import Layout, layout_of_bits
from klein_ui.postcard.vae import TOKEN_CHANNELS

BITS = 3
"""Light right of the middle, object right of the middle, profile of the terrain."""

_LEAST_CUE = 0.15


def layout_of(bits: Iterable[bool] | Tensor) -> Layout:
    """The composition for three bits."""
    light, thing, profile = (bool(b) for b in bits)
    return layout_of_bits(light, thing, profile)


def cues_of(noise: Tensor) -> Tensor:
    """The numbers (batch, 3) that decide, standard normal, of noise (batch, 64, rows, columns)."""
    tokens = noise.shape[-2] * noise.shape[-1]
    return torch.mean(noise[:, :BITS], dim=(-2, -1)).mul(tokens**0.5)


def bits_of(noise: Tensor) -> Tensor:
    """The bits (batch, 3) bool that a noise stands for."""
    return torch.gt(cues_of(noise), 0)


def noise_for(bits: Tensor, rows: int, columns: int, generator: torch.Generator) -> Tensor:
    """Fresh noise (batch, 64, rows, columns) that stands for given bits (batch, 3).

    Cues too near zero to tell are pushed out a little.
    """
    noise = torch.randn(len(bits), TOKEN_CHANNELS, rows, columns, generator=generator)
    cues = cues_of(noise)
    wanted = cues.abs().clamp(min=_LEAST_CUE) * torch.where(bits, 1.0, -1.0)
    shift = (wanted - cues) / (rows * columns) ** 0.5
    noise[:, :BITS] += shift[..., None, None]
    return noise
