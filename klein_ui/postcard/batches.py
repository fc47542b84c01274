"""Training samples: noisy latents, words, and what the transformer should answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from klein_ui.postcard.captions import resolve, write
from klein_ui.postcard.data import Pool
from klein_ui.postcard.emphasis import token_weights
from klein_ui.postcard.layouts import layout_of, noise_for
from klein_ui.postcard.model import image_ids, schedule_sigmas
from klein_ui.postcard.references import EditPool

STEP_SHARES = (0.40, 0.16, 0.14, 0.20)
"""How often each step of the schedule is trained; the rest falls in between."""


@dataclass(frozen=True)
class Batch:
    """Samples of one picture size.

    Attributes:
        noisy: (batch, tokens, 64), the model's input.
        velocity: (batch, tokens, 64), noise minus picture, the answer.
        sigmas: (batch,), the share of noise.
        weights: (batch, tokens), how much an error in each place counts.
        texts: the prompts.
        rows, columns: the token grid.
        bits: (batch, 3) bool, the composition that the noise stands for; None for edits, whose
            composition is that of the references.
        references: (batch, reference tokens, 64), clean latents, or None.
        reference_ids: (reference tokens, 4), their positions.
    """

    noisy: Tensor
    velocity: Tensor
    sigmas: Tensor
    weights: Tensor
    texts: list[str]
    rows: int
    columns: int
    bits: Tensor | None
    references: Tensor | None = None
    reference_ids: Tensor | None = None

    def to(self, device: torch.device) -> Batch:
        """The same samples on another device."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        moved: dict[str, Any] = {
            name: value.to(device) for name, value in values.items() if isinstance(value, Tensor)
        }
        return replace(self, **moved)


def pack(latents: Tensor) -> Tensor:
    """(batch, channels, rows, columns) to (batch, rows * columns, channels)."""
    return latents.flatten(2).transpose(1, 2)


def draw_sigmas(count: int, image_tokens: int, rng: np.random.Generator) -> Tensor:
    """Noise levels (count,): mostly those that the pipeline visits at this size."""
    visited = schedule_sigmas(image_tokens)
    step = rng.choice(len(visited) + 1, size=count, p=(*STEP_SHARES, 1 - sum(STEP_SHARES)))
    between = rng.uniform(0.6 * visited[-1], 1.0, size=count)
    values = np.where(step < len(visited), np.take([*visited, 0.0], step), between)
    return torch.from_numpy(values).float()


def text_to_image(pool: Pool, size: int, rng: np.random.Generator) -> Batch:
    """A batch of pictures with fresh words and fresh noise."""
    mentions, bits, latents = pool.take(rng.integers(len(pool), size=size))
    rows, columns = latents.shape[-2:]
    generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
    noise = pack(noise_for(bits, rows, columns, generator))
    clean = pack(latents)
    sigmas = draw_sigmas(size, rows * columns, rng)
    share = sigmas[:, None, None]
    scenes = zip((resolve(said) for said in mentions), bits, strict=True)
    weights = [token_weights(scene, layout_of(bit), rows, columns) for scene, bit in scenes]
    return Batch(
        noisy=(1 - share) * clean + share * noise,
        velocity=noise - clean,
        sigmas=sigmas,
        weights=torch.stack(weights),
        texts=[words(said, rng) for said in mentions],
        rows=rows,
        columns=columns,
        bits=bits,
    )


def edit(pool: EditPool, size: int, rng: np.random.Generator) -> Batch:
    """A batch of instructions with their references, from any noise."""
    edits = pool.take(size, rng)
    rows, columns = edits.targets.shape[-2:]
    clean = pack(edits.targets)
    noise = torch.randn(
        clean.shape, generator=torch.Generator().manual_seed(int(rng.integers(2**62)))
    )
    sigmas = draw_sigmas(size, rows * columns, rng)
    share = sigmas[:, None, None]
    count, _, high, wide = edits.references.shape[1:]
    return Batch(
        noisy=(1 - share) * clean + share * noise,
        velocity=noise - clean,
        sigmas=sigmas,
        weights=edits.weights,
        texts=edits.texts,
        rows=rows,
        columns=columns,
        bits=None,
        references=torch.cat([pack(edits.references[:, i]) for i in range(count)], dim=1),
        reference_ids=torch.cat([image_ids(high, wide, 10 * (i + 1)) for i in range(count)]),
    )


def words(said: Mapping[str, str], rng: np.random.Generator) -> str:
    """A wording of what is said; a third of them without any noise."""
    return write(said, rng, plain=bool(rng.random() < 0.33))
