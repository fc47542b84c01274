"""The one loop from noise to clean latents."""

from collections.abc import Callable

import torch
from torch import Tensor

from klein_ui.contract import Hooks, Superseded
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
    _ask(hooks, 0)
    for step in range(len(sigmas) - 1):
        direction = velocity(latents, step)
        moved = hold(euler(latents, direction, sigmas, step), sigmas[step + 1])
        _wait_for_device(moved)
        _ask(hooks, step + 1)
        if step == 0:
            after_first(latents, direction)
        latents = moved
    return latents


def euler(latents: Tensor, velocity: Tensor, sigmas: Tensor, step: int) -> Tensor:
    """One step of `FlowMatchEulerDiscreteScheduler`: in float32, then back to the model's type."""
    moved = latents.to(torch.float32) + (sigmas[step + 1] - sigmas[step]) * velocity
    return moved.to(velocity.dtype)


def _wait_for_device(latents: Tensor) -> None:
    """A GPU lags behind the CPU: without waiting, all steps are queued at the first ask."""
    if latents.is_cuda:
        torch.cuda.current_stream(latents.device).synchronize()
    elif latents.device.type == "mps":
        torch.mps.synchronize()


def _ask(hooks: Hooks, steps_done: int) -> None:
    if hooks.superseded(steps_done):
        raise Superseded
