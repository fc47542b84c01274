"""Order statistics of small samples."""

from collections.abc import Sequence


def quantile(values: Sequence[float], part: float) -> float | None:
    """The value below which `part` (0 to 1) of `values` lie, between neighbours by proportion.

    None of nothing.
    """
    if not values:
        return None
    ordered = sorted(values)
    place = part * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def median(values: Sequence[float]) -> float | None:
    """The middle of `values`; None of nothing."""
    return quantile(values, 0.5)


def p95(values: Sequence[float]) -> float | None:
    """What 95 % of `values` do not exceed; None of nothing."""
    return quantile(values, 0.95)
