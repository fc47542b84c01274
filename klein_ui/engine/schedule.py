"""The sigmas and positions of one picture size, computed once instead of at every call."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from diffusers.pipelines.flux2.pipeline_flux2_klein import compute_empirical_mu
from torch import Tensor

from klein_ui.cache import ByteLRU

MAX_BYTES = 32 * 2**20


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What a render of `rows` by `columns` tokens in some steps needs besides prompt and noise.

    `timesteps` (steps,) are the scheduler's, 0 to 1000; `sigmas` (steps + 1,) end in 0;
    `latent_ids` (1, rows * columns, 4) are the tokens' positions.
    """

    rows: int
    columns: int
    timesteps: Tensor
    sigmas: Tensor
    latent_ids: Tensor

    @property
    def steps(self) -> int:
        """The number of denoising steps."""
        return len(self.timesteps)


class Plans:
    """Plans by size and steps, cached."""

    def __init__(self, pipeline: Any) -> None:
        self._pipeline = pipeline
        self._cache: ByteLRU[tuple[int, int, int], Plan] = ByteLRU(MAX_BYTES)

    def plan(self, rows: int, columns: int, steps: int) -> Plan:
        """The plan for a picture of `rows` by `columns` tokens."""
        key = (rows, columns, steps)
        plan = self._cache.get(key)
        if plan is None:
            plan = self._make(rows, columns, steps)
            size_bytes = plan.latent_ids.nbytes + plan.timesteps.nbytes + plan.sigmas.nbytes
            self._cache.put(key, plan, size_bytes)
        return plan

    def clear(self) -> None:
        """Drop all plans."""
        self._cache.clear()

    def _make(self, rows: int, columns: int, steps: int) -> Plan:
        device = self._pipeline._execution_device
        scheduler = self._pipeline.scheduler
        # The pipeline's choice: evenly spaced, then shifted by mu for the number of tokens.
        spaced = np.linspace(1.0, 1 / steps, steps)
        mu = compute_empirical_mu(image_seq_len=rows * columns, num_steps=steps)
        if getattr(scheduler.config, "use_flow_sigmas", False):
            scheduler.set_timesteps(steps, device=device, mu=mu)
        else:
            scheduler.set_timesteps(sigmas=spaced, device=device, mu=mu)
        ids = self._pipeline._prepare_latent_ids(torch.empty(1, 1, rows, columns))
        return Plan(
            rows=rows,
            columns=columns,
            timesteps=scheduler.timesteps.clone(),
            sigmas=scheduler.sigmas.clone(),
            latent_ids=ids.to(device),
        )
