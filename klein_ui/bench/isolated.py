"""Single keys while the engine is idle: what the way there and back costs beyond the render."""

from dataclasses import dataclass

from klein_ui.bench.records import Moment, Record, Seen, answer
from klein_ui.bench.samples import median, p95


@dataclass(frozen=True, slots=True)
class KeyCost:
    """One key, in milliseconds: `total` from input event to paint, then its parts.

    `up` to the server's validated request, `wait` to the start of the render, `render`, `down`
    to the first byte of script that sees the answer, `show` to the paint. The last two are known
    only where a socket carries the picture.
    """

    total_ms: float
    render_ms: float
    up_ms: float
    wait_ms: float
    down_ms: float | None
    show_ms: float | None

    @property
    def overhead_ms(self) -> float:
        """Input event to paint, less the render."""
        return self.total_ms - self.render_ms


@dataclass(frozen=True, slots=True)
class IsolatedRow:
    """What one app with one engine took for `keys` single keys; times in milliseconds."""

    engine: str
    app: str
    scenario: str
    keys: int
    missing: int
    overhead_median_ms: float | None
    overhead_p95_ms: float | None
    overhead_least_ms: float | None
    total_median_ms: float | None
    render_median_ms: float | None
    up_median_ms: float | None
    wait_median_ms: float | None
    down_median_ms: float | None
    show_median_ms: float | None


def row(engine: str, app: str, seen: Seen, record: Record) -> IsolatedRow:
    """Sum up the keys that `seen` and `record` tell of."""
    found = [cost(key, seen, record) for key in seen.keys]
    costs = [one for one in found if one is not None]
    overheads = [one.overhead_ms for one in costs]
    return IsolatedRow(
        engine=engine,
        app=app,
        scenario="isolated",
        keys=len(seen.keys),
        missing=found.count(None),
        overhead_median_ms=median(overheads),
        overhead_p95_ms=p95(overheads),
        overhead_least_ms=min(overheads, default=None),
        total_median_ms=median([one.total_ms for one in costs]),
        render_median_ms=median([one.render_ms for one in costs]),
        up_median_ms=median([one.up_ms for one in costs]),
        wait_median_ms=median([one.wait_ms for one in costs]),
        down_median_ms=median([one.down_ms for one in costs if one.down_ms is not None]),
        show_median_ms=median([one.show_ms for one in costs if one.show_ms is not None]),
    )


def cost(key: Moment, seen: Seen, record: Record) -> KeyCost | None:
    """The first whole picture of `key` and the render behind it; None if it never came."""
    answered = answer(key.number, seen, record)
    arrival = next((one for one in record.submissions if one.number == key.number), None)
    if answered is None or arrival is None:
        return None
    picture, render = answered
    ended_ms = render.ended_s * 1000
    came_ms = next((at for at in seen.messages_ms if ended_ms <= at <= picture.at_ms), None)
    return KeyCost(
        total_ms=picture.at_ms - key.at_ms,
        render_ms=render.render_ms,
        up_ms=arrival.at_s * 1000 - key.at_ms,
        wait_ms=(render.started_s - arrival.at_s) * 1000,
        down_ms=None if came_ms is None else came_ms - ended_ms,
        show_ms=None if came_ms is None else picture.at_ms - came_ms,
    )
