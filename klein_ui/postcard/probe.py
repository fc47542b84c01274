"""An auxiliary task: every token must know the composition early on.

The composition lies in means over all noise tokens, of which one token alone sees next to
nothing. Asking each token for the bits after the second block makes the averaging worth learning.
The probe is dropped at export.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from diffusers import Flux2Transformer2DModel
from torch import Tensor, nn

from klein_ui.postcard.layouts import BITS


class LayoutProbe(nn.Module):
    """Linear readers of the hidden states of text and image tokens."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.text = nn.Linear(width, BITS)
        self.image = nn.Linear(width, BITS)
        self._heard: tuple[Tensor, Tensor] | None = None

    @contextmanager
    def listening(self, model: Flux2Transformer2DModel) -> Iterator[None]:
        """Within, the last double block's output is kept for :meth:`loss`."""

        def keep(_module: nn.Module, _inputs: object, outputs: tuple[Tensor, Tensor]) -> None:
            self._heard = outputs

        handle = model.transformer_blocks[-1].register_forward_hook(keep)
        try:
            yield
        finally:
            handle.remove()

    def loss(self, bits: Tensor) -> tuple[Tensor, float]:
        """Cross-entropy of the bits (batch, 3) at every token, and the share read correctly."""
        if self._heard is None:
            raise RuntimeError("the transformer has not run within listening()")
        total = torch.zeros((), device=bits.device)
        right = 0.0
        for reader, states in zip((self.text, self.image), self._heard, strict=True):
            logits = reader(nn.functional.layer_norm(states.float(), states.shape[-1:]))
            wanted = bits[:, None].expand(logits.shape).float()
            total = total + nn.functional.binary_cross_entropy_with_logits(logits, wanted)
            right += float(((logits > 0) == (wanted > 0)).float().mean()) / 2
        self._heard = None
        return total, right
