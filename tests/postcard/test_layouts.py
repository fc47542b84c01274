"""The composition of a noise: exact at all sizes, and redrawn noise keeps it."""

import torch

from klein_ui.postcard.layouts import BITS, bits_of, cues_of, noise_for
from klein_ui.postcard.vae import TOKEN_CHANNELS


def test_area_sums_keep_the_cues() -> None:
    noise = torch.randn(4, TOKEN_CHANNELS, 32, 32, generator=torch.Generator().manual_seed(0))
    smaller = torch.nn.functional.avg_pool2d(noise, 2) * 2
    assert torch.allclose(cues_of(noise), cues_of(smaller), atol=1e-5)


def test_fresh_noise_stands_for_the_same_bits() -> None:
    bits = torch.rand(64, BITS, generator=torch.Generator().manual_seed(1)) > 0.5
    noise = noise_for(bits, 8, 8, torch.Generator().manual_seed(2))
    assert torch.equal(bits_of(noise), bits)
    assert abs(float(noise.std()) - 1) < 0.02


def test_cues_are_standard_normal() -> None:
    noise = torch.randn(3000, TOKEN_CHANNELS, 8, 8, generator=torch.Generator().manual_seed(3))
    cues = cues_of(noise)
    assert abs(float(cues.std()) - 1) < 0.05
    assert abs(float(cues.mean())) < 0.05
