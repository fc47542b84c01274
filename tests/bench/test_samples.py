"""Medians and 95th percentiles of small samples."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klein_ui.bench.samples import median, p95, quantile

numbers = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40)


def test_known_values() -> None:
    assert median([3.0, 1.0, 2.0]) == 2.0
    assert median([1.0, 2.0, 3.0, 10.0]) == 2.5
    assert p95(list(map(float, range(101)))) == 95.0
    assert p95([1.0, 2.0]) == pytest.approx(1.95)


def test_nothing_has_no_median() -> None:
    assert median([]) is None
    assert p95([]) is None


@given(numbers, st.floats(0, 1))
def test_a_quantile_lies_within(values: list[float], part: float) -> None:
    found = quantile(values, part)
    assert found is not None
    assert min(values) - 1e-6 <= found <= max(values) + 1e-6
