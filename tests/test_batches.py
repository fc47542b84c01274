"""Which pictures are made together: decided from measurements, with none of them made."""

import math
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from klein_ui import batches
from klein_ui.batches import HELPS, MOST, TRIALS, Batches
from klein_ui.contract import Frame, Lora, Outcome, Reference, Render, Request, Stage, Timings
from klein_ui.engine.fake import FAKE_ORIGIN
from klein_ui.pacing import Costs, Running
from klein_ui.turns import Job

REQUEST = Request("a", 0, 128, 128, 4, 1.0, "postcard")
ALONE_S = 0.1
LONGEST_S = 1.0
ROOM_PX = 1024 * 1024


def measured(*costs_s: float) -> Batches:
    """Batches of 2, 3, … that took so long each time."""
    found = Batches()
    for count, cost_s in enumerate(costs_s, start=2):
        for _ in range(TRIALS):
            found = found.after(REQUEST, count, cost_s)
    return found


def count(costs: Batches, due: int = MOST, longest_s: float = LONGEST_S) -> int:
    return costs.count(REQUEST, due, ALONE_S, longest_s)


def test_one_is_made_alone() -> None:
    assert count(measured(0.1), due=1) == 1


def test_a_size_that_was_never_tried_is_tried_when_there_is_an_opportunity() -> None:
    assert count(Batches(), due=2) == 2
    assert count(Batches(), due=4) == 2


def test_the_next_size_is_tried_once_the_one_below_it_helps() -> None:
    assert count(measured(0.15)) == 3
    assert count(measured(0.15), due=2) == 2
    assert count(measured(0.15, 0.2)) == 4


def test_a_size_that_does_not_help_is_given_up_and_so_are_larger_ones() -> None:
    assert count(measured(0.19)) == 1
    assert count(measured(0.15, 0.28)) == 2


@pytest.mark.parametrize(("took_s", "chosen"), [(0.18, 2), (0.1801, 1)])
def test_a_tenth_has_to_be_saved(took_s: float, chosen: int) -> None:
    assert count(measured(took_s), due=2) == chosen


def test_of_sizes_that_help_the_one_that_takes_least_for_each_picture() -> None:
    assert count(measured(0.14, 0.24, 0.35)) == 2
    assert count(measured(0.14, 0.2, 0.25)) == 4
    assert count(measured(0.14, 0.2, 0.25), due=3) == 3


def test_nobody_who_types_meanwhile_waits_for_longer_than_the_bound() -> None:
    costs = measured(0.14, 0.2, 0.25)
    assert count(costs, longest_s=0.22) == 3
    assert count(costs, longest_s=0.1) == 1
    # Tried only where it would keep the bound, if it helps.
    assert count(Batches(), longest_s=HELPS * 2 * ALONE_S) == 2
    assert count(Batches(), longest_s=HELPS * 2 * ALONE_S - 0.001) == 1


def test_what_could_not_be_made_is_not_tried_again() -> None:
    assert count(Batches().failed(REQUEST, 2)) == 1
    assert count(measured(0.15).failed(REQUEST, 3)) == 2
    assert count(measured(0.15, 0.2).failed(REQUEST, 3)) == 2
    assert Batches().failed(REQUEST, 2).forecast(REQUEST, 2) == math.inf


def test_the_first_run_of_a_size_does_not_count_and_one_disturbed_run_gives_nothing_up() -> None:
    for times in ((9.0, 0.15, 0.16), (0.1, 9.0, 0.15), (0.1, 0.15, 9.0)):
        costs = Batches()
        for took_s in times:
            assert costs.forecast(REQUEST, 2) is None
            assert count(costs) == 2
            costs = costs.after(REQUEST, 2, took_s)
        assert costs.forecast(REQUEST, 2) == 0.15
        assert count(costs, due=2) == 2


def test_then_it_is_a_moving_average_that_may_give_it_up() -> None:
    costs = measured(0.15)
    for _ in range(20):
        costs = costs.after(REQUEST, 2, 0.3)
    assert costs.forecast(REQUEST, 2) == pytest.approx(0.3, rel=0.01)
    assert count(costs) == 1


def test_what_one_picture_adds_to_a_batch_is_its_share() -> None:
    costs = measured(0.15, 0.2)
    assert costs.share(REQUEST, 1, ALONE_S) == 1.0
    assert costs.share(REQUEST, 2, ALONE_S) == pytest.approx(1 / 3)
    assert costs.share(REQUEST, 3, ALONE_S) == pytest.approx(1 / 4)
    assert measured(0.09).share(REQUEST, 2, ALONE_S) == 0.0


def test_while_it_is_tried_a_batch_is_let_through() -> None:
    assert Batches().share(REQUEST, 2, ALONE_S) == 0.0
    assert Batches().after(REQUEST, 2, 0.2).after(REQUEST, 2, 0.2).share(REQUEST, 2, ALONE_S) == 0.0
    assert measured(0.15).share(REQUEST, 3, ALONE_S) == 0.0


def test_sizes_and_steps_are_measured_by_themselves_but_words_and_loras_are_not() -> None:
    costs = measured(0.15)
    assert costs.forecast(replace(REQUEST, prompt="b", loras=(Lora("ink"),)), 2) == 0.15
    assert costs.forecast(replace(REQUEST, width=256), 2) is None
    assert costs.forecast(replace(REQUEST, steps=8), 2) is None


def test_what_is_kept_is_bounded() -> None:
    costs = Batches()
    for steps in range(500):
        costs = costs.after(replace(REQUEST, steps=steps), 2, 0.1)
    assert len(costs.rows) == batches.MOST_ROWS


@given(
    costs_s=st.lists(st.floats(0.01, 3.0), max_size=3),
    due=st.integers(1, 9),
    longest_s=st.floats(0.01, 2.0),
)
def test_a_batch_chosen_by_measurement_always_helps_and_keeps_the_bound(
    costs_s: list[float], due: int, longest_s: float
) -> None:
    costs = measured(*costs_s)
    chosen = count(costs, due, longest_s)
    assert 1 <= chosen <= min(due, MOST)
    if chosen > 1:
        took_s = costs.forecast(REQUEST, chosen)
        expected_s = HELPS * chosen * ALONE_S if took_s is None else took_s
        assert expected_s <= longest_s
        assert expected_s <= HELPS * chosen * ALONE_S


class ByWidth:
    """Puts pictures of one width together, and none with images."""

    def bucket(self, request: Request) -> Hashable | None:
        return None if request.references else request.width

    def render_together(self, renders: Sequence[Render]) -> Iterator[tuple[int, Outcome]]:
        raise NotImplementedError


def job(prompt: str, expected_s: float | None = ALONE_S, **fields: object) -> Job:
    request = replace(REQUEST, prompt=prompt, **fields)  # type: ignore[arg-type]
    return Job(prompt, Running(1, request, Stage.DRAFT, 0.0, expected_s), preview=False)


KNOWN = Costs().after(REQUEST, ALONE_S)


def formed(
    *due: Job,
    alone: Costs = KNOWN,
    costs: Batches | None = None,
    most_px: int = ROOM_PX,
) -> list[str]:
    known = measured(0.14, 0.18, 0.22) if costs is None else costs
    jobs = batches.formed(due, ByWidth(), alone, known, LONGEST_S, most_px)
    return [one.name for one in jobs]


def test_those_of_one_bucket_go_together_in_their_order() -> None:
    assert formed(job("a"), job("b", width=256), job("c"), job("d")) == ["a", "c", "d"]
    assert formed(*(job(name) for name in "abcdef")) == ["a", "b", "c", "d"]


def test_who_has_no_bucket_goes_alone() -> None:
    edit = job("a", references=(Reference("one"),))
    assert formed(edit, replace(edit, name="b")) == ["a"]
    assert formed(job("a"), edit) == ["a"]


def test_nothing_is_tried_before_this_very_size_was_measured_alone() -> None:
    other = Costs().after(replace(REQUEST, width=256), 0.2)
    assert formed(job("a"), job("b"), alone=other) == ["a"]


def test_what_is_kept_already_takes_no_time_and_goes_alone() -> None:
    assert formed(job("kept", expected_s=0.0), job("b")) == ["kept"]
    assert formed(job("a"), job("kept", expected_s=0.0), job("c")) == ["a", "c"]


def test_the_same_picture_is_made_once() -> None:
    twin = replace(job("a"), name="twin")
    assert formed(job("a"), twin) == ["a"]
    assert formed(job("a"), twin, job("c")) == ["a", "c"]


def test_a_batch_has_no_more_pixels_than_the_largest_picture() -> None:
    four = [job(name) for name in "abcd"]
    assert formed(*four, most_px=3 * 128 * 128) == ["a", "b", "c"]
    assert formed(*four, most_px=100) == ["a"]


def test_each_is_expected_when_all_are_done() -> None:
    due = (job("a"), job("b"))
    first, _ = batches.formed(due, ByWidth(), KNOWN, measured(0.12), LONGEST_S, ROOM_PX)
    assert first.running.expected_s == 0.12
    first, _ = batches.formed(due, ByWidth(), KNOWN, Batches(), LONGEST_S, ROOM_PX)
    assert first.running.expected_s == 2 * ALONE_S


def test_an_engine_that_makes_one_at_a_time_gets_one() -> None:
    due = (job("a"), job("b"))
    assert batches.formed(due, None, KNOWN, measured(0.12), LONGEST_S, ROOM_PX) == due[:1]


def test_a_batch_took_its_steps_once_and_the_rest_for_each() -> None:
    pixels = np.zeros((128, 128, 3), np.uint8)
    timings = Timings(encode_s=0.01, images_s=5.0, denoise_s=0.2, decode_s=0.03)
    frame = Frame(REQUEST, Stage.DRAFT, pixels, timings, FAKE_ORIGIN)
    assert batches.took_s([frame, frame]) == pytest.approx(0.28)
