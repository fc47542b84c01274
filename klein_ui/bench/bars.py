"""What the rows must reach. A bar is part of the product's promise; none is set on real models."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from klein_ui.bench.bursts import BurstRow
from klein_ui.bench.isolated import IsolatedRow

OVERHEAD_ENGINES = ("fake-40", "fake-150")
OVERHEAD_MEDIAN_MS = 25.0
OVERHEAD_P95_MS = 45.0
TIMES_BELOW_PLAIN = 4.0
LATE_STEPS = 1.0


@dataclass(frozen=True, slots=True)
class Bar:
    """A measured `value` and the `bar` it has to keep; `name` says which side of it is good."""

    name: str
    value: float | None
    unit: str
    bar: float
    ok: bool


def bars(rows: Sequence[IsolatedRow | BurstRow]) -> tuple[Bar, ...]:
    """The bars on whatever of `rows` has one."""
    isolated = {(row.engine, row.app): row for row in rows if isinstance(row, IsolatedRow)}
    bursts = [row for row in rows if isinstance(row, BurstRow)]
    found: list[Bar] = []
    for engine in OVERHEAD_ENGINES:
        if ours := isolated.get((engine, "ours")):
            found.extend(_overhead(ours, isolated.get((engine, "plain"))))
    for row in bursts:
        if row.app == "ours" and row.engine.startswith("fake-"):
            found.extend(_burst(row))
    return tuple(found)


def _overhead(ours: IsolatedRow, plain: IsolatedRow | None) -> Iterator[Bar]:
    where = f"{ours.engine}, single keys"
    median_ms, p95_ms = ours.overhead_median_ms, ours.overhead_p95_ms
    yield at_most(f"{where}: median overhead", median_ms, "ms", OVERHEAD_MEDIAN_MS)
    yield at_most(f"{where}: p95 overhead", p95_ms, "ms", OVERHEAD_P95_MS)
    yield at_most(f"{where}: keys without a picture", float(ours.missing), "keys", 0.0)
    if plain and plain.overhead_median_ms is not None and median_ms:
        times = plain.overhead_median_ms / median_ms
        yield at_least(f"{where}: times below plain", times, "x", TIMES_BELOW_PLAIN)


def _burst(row: BurstRow) -> Iterator[Bar]:
    where = f"{row.engine}, bursts"
    yield at_most(f"{where}: runs that lost the last picture", float(row.lost_runs), "runs", 0.0)
    yield at_most(f"{where}: older pictures shown", float(row.stale_pictures), "pictures", 0.0)
    late = float(row.late_steps_worst)
    yield at_most(f"{where}: steps after superseded", late, "steps", LATE_STEPS)


def at_most(name: str, value: float | None, unit: str, bar: float) -> Bar:
    """A bar from above; nothing measured does not keep it."""
    return Bar(f"{name}, at most", value, unit, bar, value is not None and value <= bar)


def at_least(name: str, value: float | None, unit: str, bar: float) -> Bar:
    """A bar from below; nothing measured does not keep it."""
    return Bar(f"{name}, at least", value, unit, bar, value is not None and value >= bar)
