"""One noise field a seed: unit variance, independent, and the same composition at every size."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from klein_ui.engine.noise import MASTER_CELLS, NoiseField, area_sums

CHANNELS = 8


@pytest.fixture(scope="module")
def field() -> NoiseField:
    return NoiseField(CHANNELS, 2**28)


@pytest.mark.parametrize("size", [(8, 8), (16, 16), (16, 32), (32, 24), (36, 64), (64, 64)])
def test_every_size_is_standard_normal(field: NoiseField, size: tuple[int, int]) -> None:
    seeds = torch.cat([field.latents(seed, *size) for seed in range(4)])
    count = seeds.numel()
    # Four standard errors of the mean, and of the variance, of that many standard normals.
    assert abs(seeds.mean().item()) < 4 / count**0.5
    assert abs(seeds.var().item() - 1) < 4 * (2 / count) ** 0.5
    neighbours = (seeds[..., :, 1:] * seeds[..., :, :-1]).mean().item()
    assert abs(neighbours) < 4 / count**0.5


def test_a_small_field_is_the_area_sum_of_a_large_one(field: NoiseField) -> None:
    large, small = field.latents(5, 64, 64), field.latents(5, 16, 16)
    summed = large.reshape(1, CHANNELS, 16, 4, 16, 4).sum(dim=(3, 5)) / 4
    assert torch.allclose(small, summed, atol=1e-5)


def test_a_scaled_mean_is_the_same_at_every_size_that_covers_the_master(field: NoiseField) -> None:
    whole = field.latents(9, 8, 8).sum() / 8
    for side in (12, 16, 24, 32, 64):
        assert torch.allclose(field.latents(9, side, side).sum() / side, whole, atol=1e-3)


@settings(max_examples=30)
@given(st.integers(1, MASTER_CELLS), st.integers(1, MASTER_CELLS))
def test_any_size_has_its_field(rows: int, columns: int) -> None:
    master = torch.ones(1, 1, MASTER_CELLS, MASTER_CELLS)
    sums = area_sums(master, rows, columns)
    assert sums.shape == (1, 1, rows, columns)
    assert torch.allclose(sums, sums[0, 0, 0, 0])


def test_more_areas_than_cells_are_refused() -> None:
    with pytest.raises(ValueError, match="has no"):
        area_sums(torch.ones(1, 1, 4, 4), 5, 1)


def test_seeds_differ_and_repeat(field: NoiseField) -> None:
    assert not torch.equal(field.latents(1, 8, 8), field.latents(2, 8, 8))
    again = NoiseField(CHANNELS, 0)
    assert torch.equal(field.latents(1, 8, 8), again.latents(1, 8, 8))


def test_changing_only_the_size_keeps_the_master() -> None:
    field = NoiseField(CHANNELS, 2**28)
    field.latents(1, 8, 8)
    field.latents(1, 16, 16)
    field.latents(1, 16, 16)
    stats = field.stats()
    assert (stats.entries, stats.hits) == (3, 2)
