"""References to latents: the stock pipeline's own recipe, each picture encoded once."""

from dataclasses import dataclass
from typing import Any

import torch
from diffusers.utils.torch_utils import get_module_execution_device
from PIL import Image
from torch import Tensor

from klein_ui.cache import ByteLRU, CacheStats
from klein_ui.contract import Pictures, Pixels
from klein_ui.models import GRID_PX

Fit = int | tuple[int, int]
"""The most pixels a picture is shown with, or exactly its width and height."""

PictureKey = tuple[str, str, Fit]
"""The revision of the weights, the digest of the picture, and how it was fitted."""


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """A picture as the transformer reads it: `latents`, shape (1, rows * columns, channels)."""

    latents: Tensor
    rows: int
    columns: int


class References:
    """Encodes each picture once for each fit; a cached one costs a look-up."""

    def __init__(self, pipeline: Any, pictures: Pictures, revision: str, max_bytes: int) -> None:
        self._pipeline = pipeline
        self._pictures = pictures
        self._revision = revision
        self._cache: ByteLRU[PictureKey, Encoded] = ByteLRU(max_bytes)
        self.encoded = 0

    def shown(self, digest: str, area: int) -> Encoded:
        """The picture `digest` with at most `area` pixels. Raises `InvalidPicture`."""
        encoded = self._cache.get(self._key(digest, area))
        if encoded is None:
            image = bounded(self._pictures.get(digest), area, self._pipeline.image_processor)
            encoded = self._encode(image, self._key(digest, area))
        return encoded

    def fitted(self, digest: str, pixels: Pixels) -> Encoded:
        """The picture `digest`, whose `pixels` were already fitted to a size on the grid."""
        height, width = pixels.shape[:2]
        key = self._key(digest, (width, height))
        encoded = self._cache.get(key)
        return self._encode(Image.fromarray(pixels), key) if encoded is None else encoded

    @property
    def kept(self) -> ByteLRU[PictureKey, Encoded]:
        """The latents that are kept; what is put there is not encoded again."""
        return self._cache

    def stats(self) -> CacheStats:
        """Counts of the cache of latents."""
        return self._cache.stats()

    def clear(self) -> None:
        """Drop all latents."""
        self._cache.clear()

    def _key(self, digest: str, fit: Fit) -> PictureKey:
        return (self._revision, digest, fit)

    def _encode(self, image: Image.Image, key: PictureKey) -> Encoded:
        self.encoded += 1
        pipeline = self._pipeline
        width, height = (on_grid(side) for side in image.size)
        tensor = pipeline.image_processor.preprocess(
            image, height=height, width=width, resize_mode="crop"
        )
        tensor = tensor.to(get_module_execution_device(pipeline.vae), pipeline.vae.dtype)
        grid = pipeline._encode_vae_image(image=tensor, generator=None)
        latents = pipeline._pack_latents(grid).to(pipeline._execution_device)
        encoded = Encoded(latents.contiguous(), *grid.shape[-2:])
        self._cache.put(key, encoded, encoded.latents.nbytes)
        return encoded


def bounded(pixels: Pixels, area: int, processor: Any) -> Image.Image:
    """`pixels` as an image of at most `area` pixels, but never less than a token a side."""
    image = Image.fromarray(pixels)
    if image.width * image.height > area:
        image = processor._resize_to_target_area(image, area)
    if min(image.size) < GRID_PX:
        # The stock pipeline would go on with a side of nothing.
        width, height = (max(side, GRID_PX) for side in image.size)
        image = image.resize((width, height), Image.Resampling.LANCZOS)
    return image


def on_grid(side: int) -> int:
    """`side` without the pixels that fill no whole token."""
    return side // GRID_PX * GRID_PX


def position_ids(encoded: Encoded, slot: int) -> Tensor:
    """Positions (1, tokens, 4) of the reference at `slot`, counted from 0.

    Time is 10, 20, ... as in `Flux2KleinPipeline._prepare_image_ids`.
    """
    time = torch.tensor([10 + 10 * slot])
    down, across = torch.arange(encoded.rows), torch.arange(encoded.columns)
    return torch.cartesian_prod(time, down, across, torch.arange(1)).unsqueeze(0)
