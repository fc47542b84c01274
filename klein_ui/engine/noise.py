"""One noise field a seed, so that the composition stays when the size changes.

A master field of `MASTER_CELLS` by `MASTER_CELLS` standard normal cells covers every picture of a
seed. A picture of r by c tokens takes, for each token, the sum of the master cells that it covers,
divided by the square root of their number: the sum of k independent standard normals has variance
k, so each token is again standard normal and independent of the others. Plain interpolation
would lose variance and correlate neighbours.
"""

import torch
from torch import Tensor

from klein_ui.cache import ByteLRU, CacheStats

# 192 = 64 * 3 is a whole multiple of the token grids of 128, 192, 256, 384, 512, 768, 1024 and
# 1536 pixels, so these cover the master exactly; other sizes leave a thin margin uncovered.
MASTER_CELLS = 192


class NoiseField:
    """Noise for any seed and size, from one master a seed. Masters and fields are cached."""

    def __init__(self, channels: int, max_bytes: int) -> None:
        self._channels = channels
        self._cache: ByteLRU[tuple[int, int, int], Tensor] = ByteLRU(max_bytes)

    def latents(self, seed: int, rows: int, columns: int) -> Tensor:
        """Standard normal latents, shape (1, channels, rows, columns), float32 on the CPU."""
        cached = self._cache.get((seed, rows, columns))
        if cached is not None:
            return cached
        field = area_sums(self._master(seed), rows, columns)
        self._cache.put((seed, rows, columns), field, field.nbytes)
        return field

    def stats(self) -> CacheStats:
        """Counts of the cache of masters and fields."""
        return self._cache.stats()

    def clear(self) -> None:
        """Drop all fields."""
        self._cache.clear()

    def _master(self, seed: int) -> Tensor:
        key = (seed, 0, 0)
        master = self._cache.get(key)
        if master is None:
            generator = torch.Generator("cpu").manual_seed(seed)
            size = (1, self._channels, MASTER_CELLS, MASTER_CELLS)
            master = torch.randn(size, generator=generator)
            self._cache.put(key, master, master.nbytes)
        return master


def area_sums(master: Tensor, rows: int, columns: int) -> Tensor:
    """Unit-variance sums of `master`, shape (1, channels, cells, cells), over `rows` by `columns`
    equal areas around its centre. Raises `ValueError` when there are more of them than cells."""
    cells = master.shape[-1]
    if not (0 < rows <= cells and 0 < columns <= cells):
        raise ValueError(f"a field of {cells} cells a side has no {rows} by {columns} areas")
    high, wide = cells // rows, cells // columns
    top, left = (cells - rows * high) // 2, (cells - columns * wide) // 2
    covered = master[:, :, top : top + rows * high, left : left + columns * wide]
    blocks = covered.reshape(1, master.shape[1], rows, high, columns, wide)
    summed: Tensor = blocks.sum(dim=(3, 5)) / (high * wide) ** 0.5
    return summed
