"""Random scenes and compositions, and their pictures as tensors."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from klein_ui.postcard.scenes import ATTRIBUTE_VALUES, Layout, Scene, render


def random_scene(rng: np.random.Generator, flat_share: float = 0.4) -> Scene:
    """A scene with every attribute drawn evenly, but the plain style and plain colours oftener."""
    drawn = {name: str(rng.choice(values)) for name, values in ATTRIBUTE_VALUES.items()}
    if rng.random() < flat_share:
        drawn["style"] = "flat"
    for name in ("light_colour", "terrain_colour", "object_colour"):
        if rng.random() < 0.25:
            drawn[name] = "natural"
    return Scene(**drawn)


def random_layout(rng: np.random.Generator) -> Layout:
    """Any composition, for the autoencoder, which should not depend on the eight in use."""
    return Layout(
        light_x=float(rng.uniform(0.1, 0.9)),
        light_y=float(rng.uniform(0.12, 0.35)),
        object_x=float(rng.uniform(0.2, 0.8)),
        horizon=float(rng.uniform(0.5, 0.72)),
        profile=int(rng.integers(2)),
    )


def as_tensor(pixels: np.ndarray) -> Tensor:
    """uint8 (height, width, 3) to float (3, height, width) in -1..1."""
    return torch.from_numpy(pixels).permute(2, 0, 1).float() / 127.5 - 1.0


def random_pictures(count: int, seed: int, sizes: tuple[int, ...]) -> list[np.ndarray]:
    """Square pictures, uint8 (size, size, 3), of random scenes; the sizes take turns."""
    rng = np.random.default_rng(seed)
    pictures = []
    for index in range(count):
        size = sizes[index % len(sizes)]
        pictures.append(render(random_scene(rng), random_layout(rng), size, size))
    return pictures
