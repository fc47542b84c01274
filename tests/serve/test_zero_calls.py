"""A call under way: what it makes, until when that may change, and how it is stopped."""

import os
import pickle

import pytest

from klein_ui.contract import Request, Stage
from klein_ui.engine.encodings import Known
from klein_ui.serve.zero_calls import Call, Order, Refused, Stopped, Ticket, Watch

SUN = Request("sun", 1, 64, 64, 4, 1.0, "postcard")
MOON = Request("moon", 1, 64, 64, 4, 1.0, "postcard")


def order(request: Request, slot: int = 0) -> Order:
    return Order(request, Stage.FINAL, Known(), {}, {}, slot)


def test_a_ticket_becomes_the_newest_order_when_it_is_pickled() -> None:
    call = Call(order(SUN), 5, Watch())
    ticket = Ticket(call)
    assert call.take_over(order(MOON), 5)
    arrived = pickle.loads(pickle.dumps(ticket))  # noqa: S301
    assert isinstance(arrived, Order)
    assert arrived.request == MOON
    assert not call.take_over(order(SUN), 5)


def test_a_picture_that_takes_longer_than_was_asked_for_does_not_take_over() -> None:
    call = Call(order(SUN), 5, Watch())
    assert not call.take_over(order(MOON), 6)
    assert call.bind().request == SUN


def test_the_same_picture_is_waited_for_unless_it_was_stopped() -> None:
    watch = Watch()
    call = Call(order(SUN), 5, watch)
    call.bind()
    assert call.take_over(order(SUN), 5)
    watch.stop(0)
    assert not call.take_over(order(SUN), 5)


@pytest.mark.parametrize("is_bound", [False, True])
def test_the_same_picture_keeps_its_place_where_others_proved_to_be_slow(is_bound: bool) -> None:
    call = Call(order(SUN), 5, Watch())
    if is_bound:
        call.bind()
    assert call.take_over(order(SUN), 6)


def test_what_was_stopped_in_the_queue_goes_on_with_what_takes_over() -> None:
    watch = Watch()
    call = Call(order(SUN), 5, watch)
    watch.stop(0)
    assert call.take_over(order(MOON), 5)
    assert not watch.is_stopped(0)


def test_only_a_failure_is_kept_for_who_comes_back() -> None:
    watch = Watch()
    call = Call(order(SUN, watch.take() or 0), 5, watch)
    assert not call.has_failed(SUN)
    call.end(Refused("EngineFailed", "no"))
    assert call.has_failed(SUN)
    assert call.has_failed()
    assert not call.has_failed(MOON)
    assert not call.take_over(order(SUN), 5)
    other = Call(order(SUN), 5, Watch())
    other.end(Stopped())
    assert not other.has_failed(SUN)


def test_what_is_over_cannot_be_stopped_as_its_slot_is_another_ones() -> None:
    watch = Watch(1)
    slot = watch.take() or 0
    call = Call(order(SUN, slot), 5, watch)
    call.stop()
    assert watch.is_stopped(slot)
    call.end(Stopped())
    assert watch.take() == slot
    call.stop()
    assert not watch.is_stopped(slot)


def test_slots_are_bounded_and_come_back_clean() -> None:
    watch = Watch(1)
    slot = watch.take()
    assert slot is not None
    assert watch.take() is None
    watch.stop(slot)
    watch.did(slot, 3)
    watch.give_back(slot)
    assert watch.take() == slot
    assert (watch.is_stopped(slot), watch.steps(slot)) == (False, None)


def test_a_slot_is_given_out_again_after_all_others() -> None:
    watch = Watch(3)
    first = watch.take()
    assert first is not None
    watch.give_back(first)
    others = [watch.take(), watch.take()]
    assert first not in others
    assert watch.take() == first


def test_more_steps_than_a_byte_holds_are_still_steps() -> None:
    watch = Watch()
    watch.did(0, 1000)
    assert (watch.steps(0) or 0) >= 254


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_fork_and_its_parent_see_the_same_bytes() -> None:
    watch = Watch()
    slot = watch.take() or 0
    watch.stop(slot)
    child = os.fork()
    if child == 0:
        watch.did(slot, 7 if watch.is_stopped(slot) else 0)
        os._exit(0)
    os.waitpid(child, 0)
    assert watch.steps(slot) == 7
