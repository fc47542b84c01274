"""Muon: momentum steps made orthogonal, for the weight matrices inside the blocks.

K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024. Matrices of one
shape are orthogonalised together, which on a CPU is faster than ``torch.optim.Muon``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def orthogonalise(matrices: Tensor, steps: int = 5) -> Tensor:
    """The nearest half-orthogonal matrices, roughly, of a stack (count, rows, columns).

    The quintic Newton-Schulz iteration of the paper.
    """
    a, b, c = _COEFFICIENTS
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.transpose(1, 2) if tall else matrices
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = torch.bmm(x, x.transpose(1, 2))
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return torch.transpose(x, 1, 2) if tall else x


class Muon:
    """The optimiser; its update has the root mean square of AdamW's (0.2 of the rate)."""

    def __init__(
        self,
        weights: Iterable[nn.Parameter],
        momentum: float = 0.95,
        multiply_in: torch.dtype = torch.float32,
    ) -> None:
        self.momentum = momentum
        self.multiply_in = multiply_in
        self._groups: dict[tuple[int, ...], list[nn.Parameter]] = defaultdict(list)
        for weight in weights:
            self._groups[tuple(weight.shape)].append(weight)
        self._velocity = {
            shape: torch.zeros(len(group), *shape, device=group[0].device)
            for shape, group in self._groups.items()
        }

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """One update from the gradients."""
        for shape, group in self._groups.items():
            gradient = torch.stack([w.grad for w in group if w.grad is not None])
            velocity = self._velocity[shape]
            velocity.lerp_(gradient, 1.0 - self.momentum)
            wanted = torch.lerp(gradient, velocity, self.momentum)
            direction = orthogonalise(wanted.to(self.multiply_in)).to(wanted.dtype)
            scale = 0.2 * max(shape) ** 0.5
            for weight, change in zip(group, direction, strict=True):
                weight.add_(change, alpha=-rate * scale)

    def state_dict(self) -> dict[str, Any]:
        """The momenta by shape."""
        return {"x".join(map(str, shape)): v for shape, v in self._velocity.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the momenta."""
        for shape, velocity in self._velocity.items():
            velocity.copy_(state["x".join(map(str, shape))])
