"""Muon for the matrices inside the blocks, AdamW for the rest, and the average of the weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import Flux2Transformer2DModel
from torch import Tensor, nn

from klein_ui.postcard.muon import Muon

_WARM_UP = 100


class Optimisers:
    """Both optimisers under one learning rate, with warm-up and a linear fall to zero."""

    def __init__(
        self, model: Flux2Transformer2DModel, probe: nn.Module, rate: float, *, bf16: bool = False
    ) -> None:
        hidden: list[nn.Parameter] = []
        other = list(probe.parameters())
        for name, weight in model.named_parameters():
            inside = "transformer_blocks" in name and weight.ndim == 2
            (hidden if inside else other).append(weight)
        self.muon = Muon(hidden, multiply_in=torch.bfloat16 if bf16 else torch.float32)
        self.adamw = torch.optim.AdamW(other, lr=rate, betas=(0.9, 0.98), weight_decay=0.0)
        self.rate = rate

    def update(self, loss: Tensor, weights: nn.Module, step: int, steps: int) -> None:
        """One step down the gradient."""
        rate = self.rate * min((step + 1) / _WARM_UP, max(0.0, 1.0 - step / steps) / 0.75, 1.0)
        weights.zero_grad()
        for group in self.adamw.param_groups:
            group["lr"] = rate
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(weights.parameters(), 1.0)
        self.muon.step(rate)
        self.adamw.step()

    def state_dict(self) -> dict[str, Any]:
        """The state of both."""
        return {"muon": self.muon.state_dict(), "adamw": self.adamw.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore both."""
        self.muon.load_state_dict(state["muon"])
        self.adamw.load_state_dict(state["adamw"])


class Average:
    """The exponential moving average of the weights, the ones that are shipped."""

    def __init__(self, model: nn.Module) -> None:
        self.state = {k: v.detach().clone() for k, v in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Follow the weights: fast at first, at last over some 300 steps."""
        decay = min(0.997, 1.0 - 1.0 / (1.0 + step / 6.0))
        for name, value in model.state_dict().items():
            self.state[name].lerp_(value, 1.0 - decay)

    def write(self, folder: Path, model: Flux2Transformer2DModel) -> None:
        """Save the averaged weights for diffusers."""
        kept = {k: v.detach().clone() for k, v in model.state_dict().items()}
        model.load_state_dict(self.state)
        model.save_pretrained(folder)
        model.load_state_dict(kept)
