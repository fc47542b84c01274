"""The one loop from noise to clean latents."""

from collections.abc import Callable

import torch
from torch import Tensor

from klein_ui.contract import Hooks
from klein_ui.engine.checkpoints import Checkpoints
from klein_ui.engine.velocity import Velocity

Hold = Callable[[Tensor, Tensor], Tensor]
"""Latents and their sigma to latents with whatever must not change put back."""

FirstStep = Callable[[Tensor, Tensor], None]
"""Is told the latents before the first step and their velocity."""


def denoise(
    noise: Tensor,
    sigmas: Tensor,
    velocity: Velocity,
    hold: Hold,
    hooks: Hooks,
    after_first: FirstStep,
) -> Tensor:
    """Clean latents, shape (1, tokens, channels), along `sigmas`, shape (steps + 1,).

    Raises `Superseded` when `hooks` say so before the first step or after any.
    """
    latents = noise
    checkpoints = Checkpoints.on(noise.device, hooks)
    checkpoints.ask(0)
    for step in range(len(sigmas) - 1):
        direction = velocity(latents, step)
        moved = hold(euler(latents, direction, sigmas, step), sigmas[step + 1])
        checkpoints.given(step + 1)
        if step == 0 and hooks.preview is not None:
            # A preview is decoded at once: whether anybody wants it has to be known before.
            checkpoints.all_done()
            after_first(latents, direction)
        latents = moved
    checkpoints.all_done()
    return latents


def euler(latents: Tensor, velocity: Tensor, sigmas: Tensor, step: int) -> Tensor:
    """One step of `FlowMatchEulerDiscreteScheduler`: in float32, then back to the model's type."""
    moved = latents.to(torch.float32) + (sigmas[step + 1] - sigmas[step]) * velocity
    return moved.to(velocity.dtype)
