"""Where an error shows most: weights of the training loss by place and by channel.

Plain velocity regression spends as much on a latent channel that hardly moves a pixel as on one
that decides the colours, and as much on empty sky as on the small object that the words name.
"""

from __future__ import annotations

import numpy as np
import torch
from diffusers import AutoencoderKLFlux2
from torch import Tensor

from klein_ui.postcard.objects import OBJECT_HEIGHT
from klein_ui.postcard.scenes import NONE, Layout, Scene
from klein_ui.postcard.vae import decode

OBJECT_WEIGHT, SKYLINE_WEIGHT, LIGHT_WEIGHT = 3.0, 2.5, 2.0
_OBJECT_REACH, _LIGHT_REACH = 0.22, 0.16
_SKYLINE = (0.24, 0.72)
"""Heights between which both profiles of every terrain have their outline: it tells the kind."""
_CHANNEL_FLOOR = 0.25
_PROBE = 0.3


def token_weights(scene: Scene, layout: Layout, rows: int, columns: int) -> Tensor:
    """Weights (rows * columns,): more at the skyline, and around the light and the object."""
    shorter = min(rows, columns)
    x = (np.arange(columns) + 0.5)[None, :] / shorter
    y = (np.arange(rows) + 0.5)[:, None] / shorter
    wide, tall = columns / shorter, rows / shorter
    weights = np.ones((rows, columns), np.float32)
    weights[((y > _SKYLINE[0] * tall) & (y < _SKYLINE[1] * tall))[:, 0]] = SKYLINE_WEIGHT
    if scene.light != NONE:
        away = np.hypot(x - layout.light_x * wide, y - layout.light_y * tall)
        near = away < _LIGHT_REACH
        weights[near] = np.maximum(weights[near], LIGHT_WEIGHT)
    if scene.object != NONE:
        away = np.hypot(x - layout.object_x * wide, y - OBJECT_HEIGHT * tall)
        weights[away < _OBJECT_REACH] = OBJECT_WEIGHT
    return torch.from_numpy(weights.reshape(-1))


@torch.no_grad()
def channel_weights(vae: AutoencoderKLFlux2, latents: Tensor) -> Tensor:
    """Weights (64,) with mean 1: how much a small error in each channel moves the pixels.

    ``latents`` (batch, 64, rows, columns) are normalised; the decoder is probed around them.
    """
    generator = torch.Generator().manual_seed(0)
    plain = decode(vae, latents)
    moved = []
    for channel in range(latents.shape[1]):
        other = latents.clone()
        noise = torch.randn(other[:, channel].shape, generator=generator)
        other[:, channel] += _PROBE * noise
        moved.append(float((decode(vae, other) - plain).square().mean()))
    shares = torch.tensor(moved)
    return _CHANNEL_FLOOR + (1.0 - _CHANNEL_FLOOR) * shares / shares.mean()
