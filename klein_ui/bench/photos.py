"""Pictures that compress like photographs: what a codec costs depends on what it is given."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from klein_ui.contract import InvalidPicture, Pixels

SPECTRUM = 1.4
"""Amplitude falls with frequency to this power; at 512 px a JPEG of quality 75 is about 40 kB."""

CONTRAST = 48.0
"""Standard deviation of each channel, in levels."""


@dataclass(frozen=True, slots=True)
class Album:
    """Pictures by digest, in memory: what a store is to an engine."""

    photos: Mapping[str, Pixels] = field(default_factory=dict)

    def get(self, digest: str) -> Pixels:
        """The pixels of `digest`. Raises `InvalidPicture` where it has none."""
        if digest not in self.photos:
            raise InvalidPicture("That image is gone; add it again.")
        return self.photos[digest]


def photo(width: int, height: int, seed: int) -> Pixels:
    """Coloured noise with the spectrum of a photograph, shape (height, width, 3)."""
    random = np.random.default_rng(seed)
    grey = _cloud(random, width, height)
    tints = (0.35 * _cloud(random, width, height) for _ in range(3))
    channels = [128 + CONTRAST * (grey + tint) for tint in tints]
    return np.clip(np.stack(channels, axis=-1), 0, 255).astype(np.uint8)


def _cloud(random: np.random.Generator, width: int, height: int) -> NDArray[np.float64]:
    """Noise of mean 0 and deviation 1 whose amplitude falls with frequency."""
    down, across = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :]
    frequency = np.maximum(np.hypot(down, across), 1 / max(width, height))
    noise = np.fft.rfft2(random.standard_normal((height, width)))
    cloud = np.fft.irfft2(noise / frequency**SPECTRUM, s=(height, width))
    return np.asarray((cloud - cloud.mean()) / cloud.std())
