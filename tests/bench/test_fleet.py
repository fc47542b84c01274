"""The simulated cards: nobody starves, nothing is lost, and the sums are right."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from klein_ui import models, validate
from klein_ui.bench import crowd, fleet
from klein_ui.bench.fleet import Card, Habit
from klein_ui.bench.visitors import KEY_S, Diary

ASKED = validate.asked({"width": 512, "height": 512, "draft": 256}, models.KLEIN_4B)
NEVER_RESTS = Habit(1e9, 0.0)


def test_a_card_goes_through_both_sizes() -> None:
    card = fleet.through((100, 0.2), (300, 0.6), hop_s=0.1)
    assert card.fixed_s == pytest.approx(0.0)
    assert card.pixel_s == pytest.approx(0.002)
    assert card.hop_s == 0.1


@pytest.mark.parametrize("dice", [None, random.Random(1)])
def test_everybody_has_a_seat(dice: random.Random | None) -> None:
    counts = fleet.seats(130, 4, dice)
    assert len(counts) == 4
    assert sum(counts) == 130
    if dice is None:
        assert max(counts) - min(counts) <= 1


def test_somebody_who_never_rests_types_five_keys_a_second() -> None:
    keys = list(NEVER_RESTS.keys(10.0, random.Random(1)))
    assert len(keys) == pytest.approx(50, abs=1)


def test_somebody_who_rests_types_that_share_of_the_time() -> None:
    keys = list(Habit(6.0, 9.0).keys(50_000.0, random.Random(1)))
    assert len(keys) * KEY_S / 50_000.0 == pytest.approx(0.4, abs=0.05)


@settings(max_examples=30)
@given(
    st.integers(1, 12),
    st.floats(0.005, 0.8),
    st.floats(0.0, 0.05),
    st.integers(0, 2**20),
)
def test_everybody_gets_the_picture_of_the_last_key(
    users: int, fixed_s: float, hop_s: float, seed: int
) -> None:
    seen = fleet.card(
        Card(fixed_s, 1e-7, hop_s), ASKED, users, 8.0, Habit(3.0, 2.0), random.Random(seed)
    )
    found = crowd.row("", "", 8.0, seen.diaries)
    assert found.unanswered == 0
    assert found.stale == 0


def test_alone_at_a_quick_card_every_key_has_its_picture_after_the_render_and_the_hop() -> None:
    seen = fleet.card(Card(0.05, 0.0, 0.01), ASKED, 1, 20.0, NEVER_RESTS, random.Random(1))
    (diary,) = seen.diaries
    assert [number for number, _ in diary.frames] == list(range(len(diary.keys)))
    waits = [at - diary.keys[number] for number, at in diary.frames]
    assert sum(waits) / len(waits) == pytest.approx(0.06, rel=0.03)
    assert seen.busy == pytest.approx(0.3, abs=0.03)


def test_twice_as_many_cards_show_twice_as_much_where_all_are_busy() -> None:
    def shown(cards: int) -> int:
        counts = fleet.seats(24, cards)
        seen = [
            fleet.card(Card(0.06, 0.0), ASKED, count, 20.0, NEVER_RESTS, random.Random(index))
            for index, count in enumerate(counts)
        ]
        return sum(useful(diary) for each in seen for diary in each.diaries)

    def useful(diary: Diary) -> int:
        return sum(at <= 20.0 for _, at in diary.frames)

    assert shown(2) / shown(1) == pytest.approx(2.0, abs=0.1)
