"""Pacing with invented clocks: nothing here sleeps or renders."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klein_ui import pacing, validate
from klein_ui.contract import Asked, Stage
from klein_ui.models import POSTCARD
from klein_ui.pacing import Costs, PacingSettings, Run, Running, State, Wait

SETTINGS = PacingSettings()


def asked(prompt: str = "a", side: int = 512, draft: int = 256) -> Asked:
    return validate.asked(
        {"prompt": prompt, "width": side, "height": side, "draft": draft}, POSTCARD
    )


def flat(cost_s: float) -> pacing.Forecast:
    return lambda request: cost_s


def per_pixel(full_s: float) -> pacing.Forecast:
    return lambda request: full_s * request.width * request.height / 512**2


def after_key(now: float = 10.0, state: State | None = None, seq: int = 1) -> State:
    return pacing.typed(state or State(), asked(), seq, now)


def running(state: State, run: Run, started_at: float) -> Running:
    return Running(
        state.seq, run.request, run.stage, started_at, run.expected_s, settled=run.settled
    )


def test_nothing_typed_means_nothing_to_do() -> None:
    assert pacing.decide(State(), flat(0.1), SETTINGS, 0.0) == Wait()


def test_a_quick_engine_makes_the_full_picture_at_once() -> None:
    decision = pacing.decide(after_key(), flat(0.05), SETTINGS, 10.0)
    assert isinstance(decision, Run)
    assert decision.stage is Stage.FINAL


def test_a_slower_engine_drafts_first_then_settles() -> None:
    state = after_key()
    draft = pacing.decide(state, per_pixel(0.4), SETTINGS, 10.0)
    assert isinstance(draft, Run)
    assert (draft.stage, draft.request.width) == (Stage.DRAFT, 256)

    state = pacing.shown(state, running(state, draft, 10.0))
    waiting = pacing.decide(state, per_pixel(0.4), SETTINGS, 10.1)
    assert waiting == Wait(10.0 + SETTINGS.settle_s)

    final = pacing.decide(state, per_pixel(0.4), SETTINGS, 10.0 + SETTINGS.settle_s)
    assert isinstance(final, Run)
    assert (final.stage, final.request.width) == (Stage.FINAL, 512)

    state = pacing.shown(state, running(state, final, 10.3))
    assert pacing.decide(state, per_pixel(0.4), SETTINGS, 99.0) == Wait()


def test_without_drafts_nothing_is_made_before_a_pause() -> None:
    calm = PacingSettings(drafts=False)
    state = after_key()
    forecasts: list[pacing.Forecast] = [flat(0.05), per_pixel(2.0), lambda request: None]
    for forecast in forecasts:
        assert pacing.decide(state, forecast, calm, 10.1) == Wait(10.0 + calm.settle_s)
        run = pacing.decide(state, forecast, calm, 10.0 + calm.settle_s)
        assert isinstance(run, Run)
        assert (run.stage, run.request.width, run.preview) == (Stage.FINAL, 512, False)


def test_without_drafts_what_is_kept_is_shown_at_once() -> None:
    run = pacing.decide(after_key(), flat(0.0), PacingSettings(drafts=False), 10.0)
    assert isinstance(run, Run)
    assert run.stage is Stage.FINAL


def test_without_drafts_a_newer_key_stops_what_has_hardly_begun() -> None:
    calm = PacingSettings(drafts=False)
    state = after_key()
    run = pacing.decide(state, flat(1.0), calm, 10.3)
    assert isinstance(run, Run)
    newer = pacing.typed(state, asked("b"), 2, 10.4)
    under_way = running(state, run, 10.3)
    assert pacing.supersede(newer, under_way, 0, flat(1.0), calm, 10.4)
    assert not pacing.supersede(newer, under_way, 3, flat(1.0), calm, 11.1)


def test_drafts_get_smaller_before_they_get_rarer() -> None:
    quick = pacing.first_run(asked(), per_pixel(0.4), SETTINGS)
    slow = pacing.first_run(asked(), per_pixel(2.0), SETTINGS)
    assert quick.request.width == 256
    assert slow.request.width < 256


def test_a_smaller_draft_that_is_no_quicker_is_not_chosen() -> None:
    assert pacing.first_run(asked(), flat(2.0), SETTINGS).request.width == 256


def test_a_request_as_small_as_its_drafts_has_none() -> None:
    run = pacing.first_run(asked(side=256, draft=256), flat(2.0), SETTINGS)
    assert run.stage is Stage.FINAL


def test_only_a_slow_engine_shows_its_first_step() -> None:
    assert not pacing.first_run(asked(), flat(0.2), SETTINGS).preview
    assert pacing.first_run(asked(), flat(0.9), SETTINGS).preview


@pytest.mark.parametrize("cost_s", [0.0, 0.04, 0.15, 0.3])
def test_no_grace_while_the_engine_keeps_up(cost_s: float) -> None:
    state = after_key(10.08, after_key(10.0), seq=2)
    assert isinstance(pacing.decide(state, flat(cost_s), SETTINGS, 10.08), Run)


def test_a_grace_period_where_it_does_not_but_at_most_the_setting() -> None:
    state = after_key(10.2, after_key(10.0), seq=2)
    decision = pacing.decide(state, flat(1.0), SETTINGS, 10.2)
    assert isinstance(decision, Wait)
    assert decision.until is not None
    assert 10.2 < decision.until <= 10.2 + SETTINGS.grace_s
    assert isinstance(pacing.decide(state, flat(1.0), SETTINGS, decision.until), Run)


def test_no_grace_when_it_is_set_to_zero() -> None:
    state = after_key(10.2, after_key(10.0), seq=2)
    settings = replace(SETTINGS, grace_s=0.0)
    assert isinstance(pacing.decide(state, flat(1.0), settings, 10.2), Run)


def test_an_isolated_key_teaches_no_typing_interval() -> None:
    state = after_key(20.0, after_key(10.0), seq=2)
    assert state.typing_interval_s is None


def job(expected_s: float, started_at: float = 10.0) -> Running:
    return Running(1, asked("older").request, Stage.DRAFT, started_at, expected_s)


def newer(now: float, stale_since: float | None = None) -> State:
    state = after_key(now, after_key(10.0), seq=2)
    return replace(state, stale_since=stale_since if stale_since is not None else now)


def test_a_run_that_has_just_begun_is_superseded() -> None:
    assert pacing.supersede(newer(10.02), job(0.15), 0, flat(0.15), SETTINGS, 10.02)


def test_a_run_that_is_nearly_done_is_let_through() -> None:
    assert not pacing.supersede(newer(10.08), job(0.15), 2, flat(0.15), SETTINGS, 10.08)


def test_a_run_is_let_through_when_the_picture_on_screen_is_too_old() -> None:
    state = newer(10.02, stale_since=9.0)
    assert not pacing.supersede(state, job(0.15), 0, flat(0.15), SETTINGS, 10.02)


def test_the_first_run_ever_is_let_through_and_so_measured() -> None:
    assert not pacing.supersede(newer(10.02), job(0.15), 0, Costs().forecast, SETTINGS, 10.02)


def test_the_newest_request_is_never_superseded() -> None:
    state = after_key()
    assert not pacing.supersede(state, job(0.15), 0, flat(0.15), SETTINGS, 10.0)


@pytest.mark.parametrize("waited_s", [0.0, 0.3, 0.6, 5.0])
def test_a_full_picture_stops_for_a_key_however_long_its_step(waited_s: float) -> None:
    state = pacing.typed(State(), asked("a"), 1, 10.0)
    full = Running(1, asked("a").request, Stage.FINAL, 10.5, 2.0, settled=True)
    state = replace(state, stale_since=None, reached=Stage.DRAFT)
    state = pacing.typed(state, asked("ab"), 2, 11.0)
    assert pacing.supersede(state, full, 1, per_pixel(2.0), SETTINGS, 11.0 + waited_s)


def test_a_run_of_the_very_picture_that_waits_goes_on() -> None:
    state = newer(10.02)
    same = Running(1, asked().drafts[0], Stage.DRAFT, 10.0, 0.15)
    assert not pacing.supersede(state, same, 0, flat(0.15), SETTINGS, 10.02)


def test_an_emptied_prompt_stops_what_runs_and_wants_nothing() -> None:
    state = pacing.cleared(after_key())
    assert pacing.decide(state, flat(0.1), SETTINGS, 99.0) == Wait()
    assert pacing.supersede(state, job(0.15), 1, flat(0.15), SETTINGS, 10.02)


def test_a_settled_picture_is_overdue_after_a_while() -> None:
    due_at = 10.0 + SETTINGS.settle_s + pacing.FINAL_PATIENCE_S
    assert not pacing.overdue(after_key(), SETTINGS, due_at)
    assert pacing.overdue(after_key(), SETTINGS, due_at + 0.01)


def test_a_run_slower_than_forecast_is_judged_by_its_own_pace() -> None:
    # One of four steps took 2 s: six more seconds are left, whatever the forecast said.
    state = newer(12.0)
    assert pacing.supersede(state, job(0.1), 1, flat(0.3), SETTINGS, 12.0)


def test_costs_are_learned_and_scaled() -> None:
    small = asked().drafts[0]
    costs = Costs().after(small, 0.1)
    assert costs.forecast(small) == pytest.approx(0.1)
    assert costs.forecast(asked().request) == pytest.approx(0.4)
    assert Costs().forecast(small) is None
    assert Costs().after(small, 0.1).after(small, 0.2).forecast(small) == pytest.approx(0.13)


def test_costs_are_bounded() -> None:
    costs = Costs()
    for steps in range(1, 500):
        costs = costs.after(replace(asked().request, steps=steps), 0.1)
    assert len(costs.rows) == pacing.MOST_COSTS


Shown = tuple[float, int, Stage]


def type_into(keys_s: list[float], step_s: float, settings: PacingSettings) -> list[Shown]:
    """Play a session: an engine of four equal steps, keys at the given times."""
    return Simulation(step_s, settings).play(keys_s)


class Simulation:
    """One session and one engine on an invented clock."""

    def __init__(
        self, step_s: float, settings: PacingSettings, forecast: pacing.Forecast | None = None
    ) -> None:
        self.settings = settings
        self.forecast = forecast or flat(step_s * 4)
        self.state = State()
        self.shown: list[Shown] = []

    def play(self, keys_s: list[float]) -> list[Shown]:
        now, keys = 0.0, list(enumerate(keys_s))
        while True:
            while keys and keys[0][1] <= now:
                seq, at = keys.pop(0)
                self.state = pacing.typed(self.state, asked(str(seq)), seq, at)
            decision = pacing.decide(self.state, self.forecast, self.settings, now)
            if isinstance(decision, Run):
                now = self.run(running(self.state, decision, now), keys)
            elif (wake := self.wake(decision, keys)) is None:
                return self.shown
            else:
                now = wake

    def wake(self, wait: Wait, keys: list[tuple[int, float]]) -> float | None:
        times = [at for _, at in keys[:1]] + ([] if wait.until is None else [wait.until])
        return min(times, default=None)

    def run(self, job: Running, keys: list[tuple[int, float]]) -> float:
        now = job.started_at
        for step in range(job.request.steps + 1):
            while keys and keys[0][1] <= now:
                seq, at = keys.pop(0)
                self.state = pacing.typed(self.state, asked(str(seq)), seq, at)
                if job.outdated_at is None:
                    job = replace(job, outdated_at=at)
            if pacing.supersede(self.state, job, step, self.forecast, self.settings, now):
                return now
            if step < job.request.steps:
                now += (self.forecast(job.request) or 0.0) / job.request.steps
        self.state = pacing.shown(self.state, job)
        self.shown.append((now, job.seq, job.stage))
        return now


typing = st.lists(st.floats(0.02, 0.6), min_size=1, max_size=60)
step_times = st.sampled_from([0.0, 0.005, 0.01, 0.0375, 0.1, 0.25, 0.5])


@given(gaps_s=typing, step_s=step_times, grace_s=st.sampled_from([0.0, 0.25]))
def test_the_last_request_always_gets_its_full_picture(
    gaps_s: list[float], step_s: float, grace_s: float
) -> None:
    keys_s = [sum(gaps_s[: i + 1]) for i in range(len(gaps_s))]
    shown = type_into(keys_s, step_s, replace(SETTINGS, grace_s=grace_s))
    assert shown[-1][1:] == (len(keys_s) - 1, Stage.FINAL)


@given(gaps_s=typing, step_s=step_times)
def test_pictures_never_go_back_in_time(gaps_s: list[float], step_s: float) -> None:
    keys_s = [sum(gaps_s[: i + 1]) for i in range(len(gaps_s))]
    seqs = [seq for _, seq, _ in type_into(keys_s, step_s, SETTINGS)]
    assert seqs == sorted(seqs)


@given(gaps_s=st.lists(st.floats(0.03, 0.15), min_size=10, max_size=80), step_s=step_times)
def test_somebody_who_never_pauses_still_sees_pictures(gaps_s: list[float], step_s: float) -> None:
    keys_s = [sum(gaps_s[: i + 1]) for i in range(len(gaps_s))]
    shown = type_into(keys_s, step_s, SETTINGS)
    times = [keys_s[0], *(at for at, _, _ in shown if at <= keys_s[-1]), keys_s[-1]]
    longest_s = max(b - a for a, b in pairwise(times))
    render_s = 4 * step_s
    bound_s = max(SETTINGS.staleness_s, pacing.SLOW_MODEL_SLACK * render_s)
    # The bound holds for when the next picture starts to count as late; a run that was let through
    # and one that had just begun may still lie between, and the clock moves in whole steps.
    assert longest_s <= bound_s + render_s + step_s + 0.001


@given(gaps_s=typing, full_s=st.sampled_from([0.2, 0.8, 2.0, 8.0]))
def test_a_slow_full_picture_never_keeps_a_key_waiting(gaps_s: list[float], full_s: float) -> None:
    keys_s = [sum(gaps_s[: i + 1]) for i in range(len(gaps_s))]
    forecast = per_pixel(full_s)
    shown = Simulation(0.0, SETTINGS, forecast).play(keys_s)
    assert shown[-1][1:] == (len(keys_s) - 1, Stage.FINAL)
    draft_s = pacing.first_run(asked(), forecast, SETTINGS).expected_s or 0.0
    last = next(at for at, seq, _ in shown if seq == len(keys_s) - 1)
    # At worst one step of a full picture, what is left of a draft let through, the grace, a draft.
    assert last - keys_s[-1] <= full_s / 4 + 2 * draft_s + SETTINGS.grace_s + 0.001


def test_typing_at_eighty_ms_with_a_150_ms_engine_shows_a_steady_stream() -> None:
    keys_s = [i * 0.08 for i in range(30)]
    shown = type_into(keys_s, 0.0375, SETTINGS)
    while_typing = [at for at, _, _ in shown if at <= keys_s[-1]]
    assert len(while_typing) >= 10
    last_key_to_picture_s = next(at for at, seq, _ in shown if seq == 29) - keys_s[-1]
    assert last_key_to_picture_s <= 0.15 * 1.6


@pytest.mark.parametrize(("share", "stops"), [(1.0, True), (0.7, True), (0.5, False), (0.0, False)])
def test_what_leaving_a_batch_saves_has_to_be_worth_the_restart(share: float, stops: bool) -> None:
    assert pacing.supersede(newer(10.0), job(0.1), 0, flat(0.1), SETTINGS, 10.0, share) is stops


def test_a_run_stays_in_a_batch_that_would_keep_its_restart_waiting_for_too_long() -> None:
    def stops(left_s: float) -> bool:
        return pacing.supersede(newer(10.0), job(left_s), 0, flat(0.1), SETTINGS, 10.0, 0.25)

    longest_s = (SETTINGS.staleness_s - 0.1) / 0.75
    assert stops(longest_s - 0.001)
    assert not stops(longest_s + 0.001)


def test_a_full_picture_and_an_emptied_prompt_leave_a_batch_however_long_the_others_take() -> None:
    full = replace(job(2.0), stage=Stage.FINAL, settled=True)
    assert pacing.supersede(newer(10.02), full, 1, flat(0.2), SETTINGS, 10.02, share=0.25)
    emptied = pacing.cleared(newer(10.02))
    assert pacing.supersede(emptied, job(0.3), 1, flat(0.1), SETTINGS, 10.02, share=0.0)


def test_only_a_size_that_was_rendered_is_measured() -> None:
    small = asked().drafts[0]
    costs = Costs().after(small, 0.1)
    assert costs.measured(small) == pytest.approx(0.1)
    assert costs.measured(asked().request) is None
    assert costs.measured(replace(small, steps=1)) is None
