"""Whole prompts typed at speed: what is seen, what is lost, and what is rendered in vain."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from klein_ui.bench.records import Moment, Outcome, Record, Render, Seen, Submission, answer
from klein_ui.bench.samples import median


@dataclass(frozen=True, slots=True)
class Burst:
    """One typed prompt; times in milliseconds, None where a picture never came.

    `final_ms` is from the last key to the first whole picture of the whole prompt.
    `stale` counts pictures that replaced a newer one. `gap_ms` is the longest time without a new
    picture from the first key until the first picture after the last key. `late_steps` is the
    most that a stopped render still did after the request that stopped it had come.
    """

    keys: int
    shown: int
    lost: bool
    stale: int
    first_ms: float | None
    final_ms: float | None
    gap_ms: float
    renders: int
    stopped: int
    steps: int
    wasted_steps: int
    late_steps: int


@dataclass(frozen=True, slots=True)
class BurstRow:
    """`runs` bursts of one app with one engine: medians, and sums or worst cases where said."""

    engine: str
    app: str
    scenario: str
    runs: int
    keys: int
    lost_runs: int
    stale_pictures: int
    shown_median: float | None
    shown_least: int
    first_median_ms: float | None
    final_median_ms: float | None
    gap_worst_ms: float
    renders: int
    stopped_renders: int
    wasted_steps_part: float
    late_steps_worst: int


def row(engine: str, app: str, bursts: Sequence[Burst]) -> BurstRow:
    """Sum up `bursts`, of which there is at least one."""
    return BurstRow(
        engine=engine,
        app=app,
        scenario="burst",
        runs=len(bursts),
        keys=max(one.keys for one in bursts),
        lost_runs=sum(one.lost for one in bursts),
        stale_pictures=sum(one.stale for one in bursts),
        shown_median=median([one.shown for one in bursts]),
        shown_least=min(one.shown for one in bursts),
        first_median_ms=median([one.first_ms for one in bursts if one.first_ms is not None]),
        final_median_ms=median([one.final_ms for one in bursts if one.final_ms is not None]),
        gap_worst_ms=max(one.gap_ms for one in bursts),
        renders=sum(one.renders for one in bursts),
        stopped_renders=sum(one.stopped for one in bursts),
        wasted_steps_part=_part(bursts),
        late_steps_worst=max(one.late_steps for one in bursts),
    )


def burst(seen: Seen, record: Record) -> Burst:
    """What one typed prompt led to."""
    order = {key.number: index for index, key in enumerate(seen.keys)}
    pictures = [picture for picture in seen.pictures if picture.number in order]
    places = [order[picture.number] for picture in pictures]
    first_key, last_key = seen.keys[0], seen.keys[-1]
    final = answer(last_key.number, seen, record)
    stopped = [one for one in record.renders if one.outcome is Outcome.STOPPED]
    shown = set(places)
    in_vain = (one for one in record.renders if order.get(one.number) not in shown)
    return Burst(
        keys=len(seen.keys),
        shown=len(shown),
        lost=not places or places[-1] != len(seen.keys) - 1,
        stale=sum(later < earlier for earlier, later in pairwise(places)),
        first_ms=pictures[0].at_ms - first_key.at_ms if pictures else None,
        final_ms=None if final is None else final[0].at_ms - last_key.at_ms,
        gap_ms=longest_gap_ms(first_key, last_key, pictures),
        renders=len(record.renders),
        stopped=len(stopped),
        steps=sum(len(one.step_ends_s) for one in record.renders),
        wasted_steps=sum(len(one.step_ends_s) for one in in_vain),
        late_steps=max((late_steps(one, record.submissions) for one in stopped), default=0),
    )


def longest_gap_ms(first_key: Moment, last_key: Moment, pictures: Sequence[Moment]) -> float:
    """The longest time without a new picture while typing, waiting for the last one included."""
    after = [picture.at_ms for picture in pictures if picture.at_ms > last_key.at_ms]
    during = [picture.at_ms for picture in pictures if picture.at_ms <= last_key.at_ms]
    end_ms = after[0] if after else last_key.at_ms
    return max(later - earlier for earlier, later in pairwise([first_key.at_ms, *during, end_ms]))


def late_steps(render: Render, submissions: Sequence[Submission]) -> int:
    """Steps of a stopped `render` that ended after the next request had come."""
    own = [
        index
        for index, one in enumerate(submissions)
        if one.number == render.number and one.at_s <= render.started_s
    ]
    if not own or own[-1] + 1 == len(submissions):
        return 0
    newer_s = submissions[own[-1] + 1].at_s
    return sum(end_s > newer_s for end_s in render.step_ends_s)


def _part(bursts: Sequence[Burst]) -> float:
    steps = sum(one.steps for one in bursts)
    return sum(one.wasted_steps for one in bursts) / steps if steps else 0.0
