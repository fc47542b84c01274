"""Limits by an invented clock."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klein_ui import limits
from klein_ui.limits import (
    ADDRESS_MESSAGES,
    CALLS,
    GENEROUS,
    MOST_SOCKETS,
    UPLOADS,
    Bucket,
    Limits,
    Pace,
    Places,
    Rate,
    booked,
    taken,
)

PUBLIC = "203.0.114.7"
SMALL = Rate("small", 2, 0.5, "You ask")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@given(
    st.integers(1, 50),
    st.floats(0.01, 100),
    st.lists(st.floats(0, 30), min_size=1, max_size=80),
)
def test_never_more_is_given_than_the_burst_and_what_time_adds(
    burst: int, per_s: float, gaps: list[float]
) -> None:
    bucket: Bucket | None = None
    now, given_in_all = 100.0, 0
    for gap in gaps:
        now += gap
        bucket, wait_s = taken(bucket, burst, per_s, now)
        given_in_all += wait_s == 0
        assert given_in_all <= burst + (now - 100.0 - gaps[0]) * per_s + 1e-6
        assert 0 <= bucket.tokens <= burst


@given(st.integers(1, 9), st.floats(0.01, 100), st.floats(0, 1e6))
def test_who_waits_as_long_as_was_said_is_served(burst: int, per_s: float, now: float) -> None:
    bucket, wait_s = taken(Bucket(0.0, now), burst, per_s, now)
    assert wait_s > 0
    assert taken(bucket, burst, per_s, now + wait_s * 1.0001 + 1e-6)[1] == 0


@given(st.lists(st.floats(-1e6, 1e6, allow_nan=False), min_size=2, max_size=40))
def test_a_clock_that_goes_back_gives_nothing(times: list[float]) -> None:
    bucket: Bucket | None = None
    for now in times:
        bucket, wait_s = taken(bucket, 3, 1.0, now)
        assert 0 <= bucket.tokens <= 3
        assert 0 <= wait_s <= 1
    assert bucket is not None
    assert bucket.at == max(times)


def test_addresses_do_not_share_and_the_wait_is_said() -> None:
    clock = Clock()
    own = Limits(clock)
    assert [own.wait_s(SMALL, PUBLIC) for _ in range(3)] == [0, 0, 2]
    assert own.wait_s(SMALL, "203.0.114.8") == 0
    assert own.wait_s(UPLOADS, PUBLIC) == 0
    clock.now = 2.0
    assert own.wait_s(SMALL, PUBLIC) == 0


def test_the_sentence_says_what_and_how_long() -> None:
    said = UPLOADS.sentence(4.2)
    assert said == "You add images faster than this server takes them; wait 5 seconds."
    assert CALLS.sentence(0.1).endswith("wait 1 second.")


@given(st.lists(st.ip_addresses(), max_size=200))
def test_memory_is_bounded(addresses: list[object]) -> None:
    own = Limits(Clock(), most_addresses=16)
    for address in addresses:
        own.wait_s(SMALL, str(address))
    assert len(own) <= 16


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "192.168.1.9", "10.0.0.1"])
def test_this_machine_and_its_network_may_do_more(address: str) -> None:
    own = Limits(Clock())
    assert sum(own.wait_s(SMALL, address) == 0 for _ in range(99)) == SMALL.burst * GENEROUS


def test_a_household_of_ipv6_is_one_and_a_mapped_address_is_its_own() -> None:
    own = Limits(Clock())
    served = [own.wait_s(SMALL, f"2606:4700:0:1::{last:x}") == 0 for last in range(9)]
    assert sum(served) == SMALL.burst
    assert own.wait_s(SMALL, "2606:4700:0:2::1") == 0
    assert [own.wait_s(SMALL, who) for who in (PUBLIC, f"::ffff:{PUBLIC}", PUBLIC)] == [0, 0, 2]
    assert own.wait_s(SMALL, "a name of no address") == 0


@given(st.integers(1, 50), st.floats(0.01, 100), st.lists(st.floats(0, 30), min_size=1))
def test_who_waits_its_turn_is_never_quicker_than_the_rate(
    burst: int, per_s: float, gaps: list[float]
) -> None:
    bucket: Bucket | None = None
    now, began = 100.0, 100.0 + gaps[0]
    for heard, gap in enumerate(gaps, start=1):
        bucket, wait_s = booked(bucket, burst, per_s, now := now + gap)
        assert bucket.tokens >= -1.001
        now += wait_s
        assert heard <= burst + (now - began) * per_s + 1e-3


@pytest.mark.parametrize("per_s", [30, 60, 120, 60 + 120])
def test_no_hand_sends_messages_that_wait(per_s: int) -> None:
    clock = Clock()
    pace, own = Pace(clock), Limits(clock)
    for _ in range(60 * per_s):
        clock.now += 1 / per_s
        # With its three variations, a page has four sockets.
        assert [own.turn_s(ADDRESS_MESSAGES, PUBLIC) for _ in range(4)] == [0.0] * 4
        assert pace.turn_s() == 0.0


def test_the_messages_of_an_address_share_its_rate() -> None:
    clock = Clock()
    own = Limits(clock)
    waits = [own.turn_s(ADDRESS_MESSAGES, PUBLIC) for _ in range(ADDRESS_MESSAGES.burst + 10)]
    assert set(waits[: ADDRESS_MESSAGES.burst]) == {0.0}
    assert waits[-1] == pytest.approx(10 / ADDRESS_MESSAGES.per_s)
    assert own.turn_s(ADDRESS_MESSAGES, "203.0.114.8") == 0.0


def test_pages_are_counted_and_given_back() -> None:
    own = Limits(Clock())
    assert all(own.enter(PUBLIC) for _ in range(MOST_SOCKETS))
    assert not own.enter(PUBLIC)
    assert own.enter("203.0.114.8")
    own.leave(PUBLIC)
    assert own.enter(PUBLIC)
    assert limits.TOO_MANY_PAGES.endswith(".")


def test_places_are_few_for_each_address_and_for_all() -> None:
    places = Places(2, 3)
    with places.taken(PUBLIC) as first, places.taken(PUBLIC) as second:
        assert first
        assert second
        with places.taken(PUBLIC) as third, places.taken("203.0.114.8") as other:
            assert not third
            assert other
            with places.taken("203.0.114.9") as last:
                assert not last
    assert not places._of
    with places.taken(PUBLIC) as again:
        assert again
