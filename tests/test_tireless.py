"""A thread that begins again: after whatever ended it, but not for ever."""

import ctypes
import threading
from queue import Empty, SimpleQueue

from klein_ui.tireless import MOST_DEATHS, Tireless

LONG_S = 10.0


def test_it_runs_once_and_ends() -> None:
    runs: list[bool] = []
    thread = Tireless(runs.append, "once")
    assert thread.join(0.0)
    thread.start()
    assert thread.join(LONG_S)
    thread.revive()
    assert (runs, thread.deaths) == ([False], 0)


def test_an_exit_an_error_and_an_exception_from_outside_begin_it_again() -> None:
    alive: SimpleQueue[int] = SimpleQueue()
    go: SimpleQueue[BaseException | None] = SimpleQueue()

    def work(again: bool) -> None:
        alive.put(threading.get_ident())
        while True:
            try:
                order = go.get(timeout=0.005)
            except Empty:
                continue
            if order is None:
                return
            raise order

    thread = Tireless(work, "tireless")
    thread.start()
    first = alive.get(timeout=LONG_S)
    assert ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(first), ctypes.py_object(SystemExit)
    )
    assert alive.get(timeout=LONG_S)
    go.put(SystemExit())
    assert alive.get(timeout=LONG_S)
    go.put(ZeroDivisionError())
    assert alive.get(timeout=LONG_S)
    assert thread.is_alive()
    go.put(None)
    assert thread.join(LONG_S)
    assert thread.deaths == 3


def test_one_that_dies_at_once_is_given_up() -> None:
    gave_up = threading.Event()
    runs: list[bool] = []

    def work(again: bool) -> None:
        runs.append(again)
        raise SystemExit

    thread = Tireless(work, "dies", gave_up.set, clock=lambda: 0.0)
    thread.start()
    assert gave_up.wait(LONG_S)
    assert runs == [False, *[True] * MOST_DEATHS]


def test_deaths_long_ago_are_forgiven() -> None:
    now = [0.0]
    ended = threading.Event()
    runs: list[bool] = []

    def work(again: bool) -> None:
        runs.append(again)
        now[0] += 60.0
        if len(runs) <= 3 * MOST_DEATHS:
            raise SystemExit
        ended.set()

    Tireless(work, "rare", clock=lambda: now[0]).start()
    assert ended.wait(LONG_S)
