"""From typed prompts to what was seen, lost, and done in vain."""

from collections.abc import Sequence

import pytest

from klein_ui.bench import bursts
from klein_ui.bench.records import Moment, Outcome, Record, Render, Seen, Submission

KEYS = tuple(Moment(number, 1000.0 + 100 * number) for number in range(4))
NOTHING_DONE = Record((), ())


def seen(*pictures: tuple[int, float]) -> Seen:
    """Four keys 100 ms apart from 1,000 ms on, and `pictures` as (number, milliseconds)."""
    return Seen(KEYS, tuple(Moment(*picture) for picture in pictures), ())


def submissions(*at_ms: float) -> tuple[Submission, ...]:
    return tuple(Submission(number, at / 1000) for number, at in enumerate(at_ms))


def render(number: int, start_ms: float, ends_ms: Sequence[float], outcome: Outcome) -> Render:
    ends_s = tuple(end / 1000 for end in ends_ms)
    return Render(number, start_ms / 1000, ends_s[-1], ends_s, outcome)


def test_every_letter_shown() -> None:
    pictures = [(key.number, key.at_ms + 60) for key in KEYS]
    last = render(3, 1305, (1340, 1350), Outcome.FINISHED)
    found = bursts.burst(seen(*pictures), Record((), (last,)))
    assert (found.keys, found.shown, found.lost, found.stale) == (4, 4, False, 0)
    assert found.first_ms == pytest.approx(60)
    assert found.final_ms == pytest.approx(60)
    assert found.gap_ms == pytest.approx(100)


def test_the_last_picture_is_lost_when_an_older_one_stays() -> None:
    found = bursts.burst(seen((0, 1060.0), (2, 1290.0)), NOTHING_DONE)
    assert found.lost
    assert found.final_ms is None


def test_the_last_picture_is_lost_when_an_older_one_replaces_it() -> None:
    found = bursts.burst(seen((3, 1360.0), (2, 1370.0)), NOTHING_DONE)
    assert found.lost
    assert found.stale == 1


def test_no_picture_at_all() -> None:
    found = bursts.burst(seen(), NOTHING_DONE)
    assert (found.shown, found.lost, found.first_ms) == (0, True, None)
    assert found.gap_ms == pytest.approx(300)


def test_a_preview_of_the_last_prompt_is_not_its_picture() -> None:
    last = Record((), (render(3, 1305, (1340, 1450), Outcome.FINISHED),))
    found = bursts.burst(seen((3, 1345.0), (3, 1470.0)), last)
    assert found.final_ms == pytest.approx(170)
    assert found.first_ms == pytest.approx(345)
    assert not found.lost


def test_pictures_of_other_prompts_do_not_count() -> None:
    found = bursts.burst(seen((99, 1010.0), (3, 1360.0)), NOTHING_DONE)
    assert (found.shown, found.lost, found.stale) == (1, False, 0)


def test_the_gap_reaches_beyond_the_last_key() -> None:
    found = bursts.burst(seen((0, 1040.0), (3, 1900.0)), NOTHING_DONE)
    assert found.gap_ms == pytest.approx(860)


def test_work_for_unseen_pictures_is_wasted() -> None:
    done = Record(
        submissions(1000, 1100),
        (
            render(0, 1000, (1010, 1020), Outcome.FINISHED),
            render(1, 1100, (1110, 1120), Outcome.FINISHED),
        ),
    )
    found = bursts.burst(seen((1, 1130.0)), done)
    assert (found.renders, found.steps, found.wasted_steps) == (2, 4, 2)
    assert bursts.row("fake-40", "plain", [found]).wasted_steps_part == 0.5


@pytest.mark.parametrize(("newer_ms", "late"), [(1005, 2), (1015, 1), (1025, 0)])
def test_late_steps_end_after_the_newer_request_came(newer_ms: float, late: int) -> None:
    stopped = render(0, 1000, (1010, 1020), Outcome.STOPPED)
    assert bursts.late_steps(stopped, submissions(999, newer_ms)) == late


def test_a_request_that_came_before_the_render_began_is_not_its_own() -> None:
    stopped = render(0, 1000, (1010,), Outcome.STOPPED)
    assert bursts.late_steps(stopped, submissions(998, 999)) == 1


def test_a_row_tells_the_worst_of_its_runs() -> None:
    last = Record((), (render(3, 1305, (1340, 1350), Outcome.FINISHED),))
    good = bursts.burst(seen(*((key.number, key.at_ms + 60) for key in KEYS)), last)
    bad = bursts.burst(seen((0, 1060.0)), NOTHING_DONE)
    row = bursts.row("fake-40", "plain", [good, bad, good])
    assert (row.runs, row.keys, row.lost_runs) == (3, 4, 1)
    assert (row.shown_median, row.shown_least) == (4, 1)
    assert row.final_median_ms == pytest.approx(60)
    assert row.gap_worst_ms == pytest.approx(240)
