"""When to render what: pure functions of what was typed, what was measured, and `now`.

Three laws meet here. Stale work stops within a step. Somebody who types faster than the model
renders still sees new pictures: no restart may push the next picture past the staleness bound.
Drafts get smaller before they get rarer. Times are seconds of one monotonic clock.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from klein_ui.contract import Asked, Request, Stage

Forecast = Callable[[Request], float | None]
"""Expected seconds to render a request; None while nothing like it was measured."""


@dataclass(frozen=True, slots=True)
class PacingSettings:
    """The bounds that pacing works within, in seconds.

    `settle_s`: pause after which the full picture is made. `grace_s`: longest wait for another
    key before a slow model starts; 0 never waits. `staleness_s`: how old the shown picture may
    grow before a run is let through. `direct_s`: a full picture this quick needs no draft.
    `keeps_up_s`: a model this quick never waits. `preview_s`: a slower one shows its first step.
    Without `drafts` nothing is made while somebody types: the full picture alone, on a pause.
    """

    settle_s: float = 0.3
    grace_s: float = 0.25
    staleness_s: float = 0.45
    direct_s: float = 0.1
    keeps_up_s: float = 0.3
    preview_s: float = 0.5
    drafts: bool = True

    @property
    def target_s(self) -> float:
        """What may be made while somebody types takes at most this, where that can be had."""
        return self.staleness_s / SLOW_MODEL_SLACK


# More than this part of a run must be left before stopping it is worth the work thrown away: of
# four steps, a run that has done one is stopped, one that is half done is let through.
WORTH_STOPPING = 0.6
# A model slower than the staleness bound gets this much of its own render time instead.
SLOW_MODEL_SLACK = 1.5
# A longer gap between two keys is a pause for thought, not typing.
TYPING_GAP_S = 1.0
EMA_WEIGHT = 0.3
# Sizes whose cost is this close to the cheapest count as equally quick; the larger one wins.
SAME_COST = 1.15
MOST_COSTS = 64
# How long a settled picture lets the drafts of other sessions go first.
FINAL_PATIENCE_S = 1.0


@dataclass(frozen=True, slots=True)
class State:
    """One session as pacing sees it.

    `stale_since` is when the picture on screen stopped being the newest request's, None while it
    still is. `reached` is the best stage shown of the newest request.
    """

    asked: Asked | None = None
    seq: int = -1
    last_key_at: float = 0.0
    typing_interval_s: float | None = None
    stale_since: float | None = None
    reached: Stage | None = None


@dataclass(frozen=True, slots=True)
class Running:
    """A render in progress.

    `settled`: the draft of the same request is on screen already. `outdated_at` is when the first
    newer request came.
    """

    seq: int
    request: Request
    stage: Stage
    started_at: float
    expected_s: float | None
    settled: bool = False
    outdated_at: float | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """Start this render now; with `preview` show its first step.

    `settled`: the draft of the same request is on screen already.
    """

    request: Request
    stage: Stage
    expected_s: float | None
    preview: bool = False
    settled: bool = False


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to start; look again at `until`, or at the next key where it is None."""

    until: float | None = None


def typed(state: State, asked: Asked, seq: int, now: float) -> State:
    """The session after a key: `asked` replaces whatever waited."""
    gap = now - state.last_key_at
    interval = state.typing_interval_s
    if state.asked is not None and gap < TYPING_GAP_S:
        interval = gap if interval is None else interval + EMA_WEIGHT * (gap - interval)
    return replace(
        state,
        asked=asked,
        seq=seq,
        last_key_at=now,
        typing_interval_s=interval,
        stale_since=now if state.stale_since is None else state.stale_since,
        reached=None,
    )


def cleared(state: State) -> State:
    """The session after its prompt was emptied: it wants no picture."""
    return replace(state, asked=None, seq=-1, stale_since=None, reached=None)


def overdue(state: State, settings: PacingSettings, now: float) -> bool:
    """Whether a full picture waits so long, for others who type, that it takes its turn."""
    return now > state.last_key_at + settings.settle_s + FINAL_PATIENCE_S


def shown(state: State, running: Running) -> State:
    """The session after the finished frame of `running` went up to the browser."""
    newest = running.seq == state.seq
    return replace(
        state,
        stale_since=None if newest else running.outdated_at,
        reached=running.stage if newest else state.reached,
    )


def gave_up(state: State, running: Running) -> State:
    """The session after `running` failed: its request is not tried again by itself."""
    if running.seq != state.seq:
        return state
    return replace(state, reached=Stage.FINAL, stale_since=None)


def decide(state: State, forecast: Forecast, settings: PacingSettings, now: float) -> Run | Wait:
    """What an idle engine should do for this session at `now`."""
    if state.asked is None or state.reached is Stage.FINAL:
        return Wait()
    if state.reached is Stage.DRAFT or not settings.drafts:
        # Without drafts a picture that is kept need not wait for the pause: it costs nothing.
        is_kept = not settings.drafts and forecast(state.asked.request) == 0.0
        pause_s = 0.0 if is_kept else settings.settle_s
        return _settled(state.asked, state.last_key_at + pause_s, forecast, now)
    run = first_run(state.asked, forecast, settings)
    until = _grace_until(state, run.expected_s, settings)
    return Wait(until) if until > now else run


def first_run(asked: Asked, forecast: Forecast, settings: PacingSettings) -> Run:
    """The first picture of a request: the full one where that is quick, else the best draft."""
    full_s = forecast(asked.request)
    has_draft = settings.drafts and asked.drafts
    if not has_draft or (full_s is not None and full_s <= settings.direct_s):
        return _run(asked.request, Stage.FINAL, full_s, settings)
    draft = best_draft(asked.drafts, forecast, settings.target_s)
    return _run(draft, Stage.DRAFT, forecast(draft), settings)


def best_draft(drafts: tuple[Request, ...], forecast: Forecast, target_s: float) -> Request:
    """The largest draft within `target_s`, else the quickest; one never measured counts as quick.

    `drafts` come largest first and are at least one.
    """
    costs = [forecast(draft) or 0.0 for draft in drafts]
    enough = max(target_s, min(costs) * SAME_COST)
    return next(draft for draft, cost in zip(drafts, costs, strict=True) if cost <= enough)


def supersede(
    state: State,
    running: Running,
    steps_done: int,
    forecast: Forecast,
    settings: PacingSettings,
    now: float,
    share: float = 1.0,
) -> bool:
    """Whether to stop `running` for the newer request that waits.

    Stop it while enough of it is left to be worth the restart, and while the restarted picture
    would still come within the staleness bound; else it is let through to its end. The full
    picture of a draft on screen would show nothing newer, so nobody starves without it.

    Of what is left of a batch, stopping one picture saves its `share` alone, and its restart waits
    until the others are done with the rest.
    """
    if state.asked is None:
        return True
    restart = first_run(state.asked, forecast, settings)
    if state.seq == running.seq or restart.request == running.request:
        return False
    restart_s = restart.expected_s
    if restart_s is None:
        # Nothing was measured yet; stopping now could go on for ever, finishing measures.
        return False
    left_s = _remaining_s(running, steps_done, now)
    if left_s * share <= WORTH_STOPPING * restart_s:
        return False
    if running.settled:
        return True
    stale_s = now - (now if state.stale_since is None else state.stale_since)
    others_s = left_s * (1 - share) if share < 1 else 0.0
    return stale_s + others_s + restart_s <= _bound_s(restart_s, settings)


def _settled(asked: Asked, settle_at: float, forecast: Forecast, now: float) -> Run | Wait:
    if now < settle_at:
        return Wait(settle_at)
    return Run(asked.request, Stage.FINAL, forecast(asked.request), settled=True)


def _run(request: Request, stage: Stage, expected_s: float | None, settings: PacingSettings) -> Run:
    slow = expected_s is not None and expected_s > settings.preview_s
    return Run(request, stage, expected_s, preview=slow)


def _grace_until(state: State, cost_s: float | None, settings: PacingSettings) -> float:
    """Until when to wait for another key; 0 (long past) where the engine keeps up."""
    interval_s = state.typing_interval_s
    if interval_s is None or cost_s is None or cost_s <= max(interval_s, settings.keeps_up_s):
        return 0.0
    until = state.last_key_at + min(settings.grace_s, SLOW_MODEL_SLACK * interval_s)
    since = state.last_key_at if state.stale_since is None else state.stale_since
    return until if until - since + cost_s <= _bound_s(cost_s, settings) else 0.0


def _bound_s(cost_s: float, settings: PacingSettings) -> float:
    return max(settings.staleness_s, SLOW_MODEL_SLACK * cost_s)


def _remaining_s(running: Running, steps_done: int, now: float) -> float:
    """Seconds until `running` ends, by the forecast and by its own pace, whichever is longer."""
    elapsed_s = now - running.started_at
    by_pace_s = 0.0
    if steps_done > 0:
        by_pace_s = elapsed_s * (running.request.steps - steps_done) / steps_done
    if running.expected_s is None:
        return by_pace_s if steps_done > 0 else float("inf")
    return max(running.expected_s - elapsed_s, by_pace_s)


@dataclass(frozen=True, slots=True)
class Cost:
    """The moving average of measured render seconds for one size and number of steps."""

    pixels: int
    steps: int
    render_s: float


@dataclass(frozen=True, slots=True)
class Costs:
    """What renders were measured to take, most recent last; at most `MOST_COSTS` sizes."""

    rows: tuple[Cost, ...] = ()

    def after(self, request: Request, render_s: float) -> "Costs":
        """These costs with one more measurement."""
        pixels, steps = request.seen_pixels, request.steps
        others = tuple(row for row in self.rows if (row.pixels, row.steps) != (pixels, steps))
        known = next((row for row in self.rows if row not in others), None)
        before_s = render_s if known is None else known.render_s
        mean_s = before_s + EMA_WEIGHT * (render_s - before_s)
        return Costs((*others, Cost(pixels, steps, mean_s))[-MOST_COSTS:])

    def measured(self, request: Request) -> float | None:
        """Seconds that this very size took; None where it was never rendered."""
        size = (request.seen_pixels, request.steps)
        found = (row.render_s for row in self.rows if (row.pixels, row.steps) == size)
        return next(found, None)

    def forecast(self, request: Request) -> float | None:
        """Expected seconds: as measured, else in proportion to pixels and steps of the nearest."""
        if not self.rows:
            return None
        pixels, steps = request.seen_pixels, request.steps
        near = min(self.rows, key=lambda row: (abs(row.pixels - pixels), abs(row.steps - steps)))
        return near.render_s * (pixels / near.pixels) * (steps / near.steps)
