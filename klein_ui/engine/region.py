"""What of the first reference stays: outside a painted region, or wherever hardly anything changes.

The region is held as `Flux2KleinInpaintPipeline` holds it: after every step the latents outside
are set to the first reference's own, noised to the next sigma. Latents reach over the edge of
their tokens, so the finished pixels are put together once more.
"""

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from klein_ui import compare
from klein_ui.cache import ByteLRU, CacheStats
from klein_ui.contract import InvalidPicture, Pictures, Pixels, Request
from klein_ui.engine.references import References
from klein_ui.models import GRID_PX

MASK_GONE = "The painted region is no longer kept; remove it and paint it again."
WHITE = 128
"""From this level a pixel of a mask is open, as the stock mask processor rounds."""


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """The latents to hold to: `latents` and `noise`, (1, tokens, channels); `change`, (1, tokens,
    1), is 1 where the picture may change and 0 where it stays."""

    latents: Tensor
    noise: Tensor
    change: Tensor

    def held(self, latents: Tensor, sigma: Tensor) -> Tensor:
        """`latents` inside and the ground outside, at the noise level `sigma`."""
        level = sigma.to(latents.dtype)
        kept = level * self.noise + (1.0 - level) * self.latents
        return (1 - self.change) * kept + self.change * latents


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """The first reference at the picture's size and what of it stays."""

    original: Pixels
    mask: Pixels | None
    keep_background: bool
    ground: Ground | None

    def held(self, latents: Tensor, sigma: Tensor) -> Tensor:
        """The latents of a step, which are at `sigma`, with the ground put back."""
        return latents if self.ground is None else self.ground.held(latents, sigma)

    def finished(self, pixels: Pixels) -> Pixels:
        """The decoded picture with the original's own pixels where it stays."""
        if self.keep_background:
            pixels = compare.locked(self.original, pixels)
        if self.mask is not None:
            pixels = compare.composited(self.original, pixels, self.mask)
        return pixels


class Regions:
    """Makes the region of a request; pictures fitted to a size are cached."""

    def __init__(self, pictures: Pictures, references: References, max_bytes: int) -> None:
        self._pictures = pictures
        self._references = references
        self._cache: ByteLRU[tuple[str, int, int], Pixels] = ByteLRU(max_bytes)

    def of(self, request: Request, noise: Tensor) -> Region | None:
        """What stays of the first reference, None where all may change. Raises `InvalidPicture`.

        `noise`, shape (1, tokens, channels), is what the render begins from.
        """
        if not request.references or not (request.mask or request.keep_background):
            return None
        digest = request.references[0].digest
        original = self._fitted(digest, request)
        if not request.mask:
            return Region(original, None, request.keep_background, None)
        mask = self._mask(request)
        latents = self._references.fitted(digest, original).latents
        change = openness(mask).to(latents.device, latents.dtype)
        return Region(original, mask, request.keep_background, Ground(latents, noise, change))

    def _mask(self, request: Request) -> Pixels:
        try:
            return self._fitted(request.mask, request)
        except InvalidPicture as error:
            raise InvalidPicture(MASK_GONE) from error

    def stats(self) -> CacheStats:
        """Counts of the cache of fitted pictures."""
        return self._cache.stats()

    def clear(self) -> None:
        """Drop all fitted pictures."""
        self._cache.clear()

    def _fitted(self, digest: str, request: Request) -> Pixels:
        key = (digest, request.width, request.height)
        fitted = self._cache.get(key)
        if fitted is None:
            whole = self._pictures.get(digest)
            fitted = compare.fitted(whole, request.width, request.height)
            self._cache.put(key, fitted, fitted.nbytes)
        return fitted


def openness(mask: Pixels) -> Tensor:
    """How far each token may change, shape (1, tokens, 1), from a mask of the picture's size.

    Rounded to black and white, then interpolated to the grid of tokens, as
    `Flux2KleinInpaintPipeline.prepare_mask_latents` does it.
    """
    light = np.asarray(Image.fromarray(mask).convert("L"))
    white = torch.from_numpy(light >= WHITE).float()
    size = (white.shape[0] // GRID_PX, white.shape[1] // GRID_PX)
    grid = torch.nn.functional.interpolate(white[None, None], size=size, mode="bilinear")
    return grid.flatten(2).transpose(1, 2)
