"""A branch is the states that led to one, and nothing typed beside it."""

from functools import partial
from pathlib import Path

import pytest

from klein_ui.branches import ELSEWHERE, branch
from klein_ui.contract import InvalidPicture
from klein_ui.history import GONE, History
from klein_ui.ledger import Ledger
from klein_ui.states import Bounds, State

from .kept import frame

ME, SESSION = "me", "one"


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(Ledger(tmp_path), Bounds(states_an_owner=6))


def typed(history: History, prompt: str, session: str = SESSION) -> State:
    state = history.record(ME, session, frame(prompt))
    assert state is not None
    return state


def prompts(states: tuple[State, ...]) -> list[str]:
    return [state.request.prompt for state in states]


def test_a_branch_leaves_out_what_was_gone_back_on(history: History) -> None:
    first, second = typed(history, "a"), typed(history, "ab")
    typed(history, "abc")
    history.stand_at(ME, SESSION, second.id)
    last = typed(history, "abd")
    assert prompts(branch(partial(history.state, ME), last.id)) == ["a", "ab", "abd"]
    assert prompts(branch(partial(history.state, ME), last.id, second.id)) == ["ab", "abd"]
    assert prompts(branch(partial(history.state, ME), first.id)) == ["a"]
    history.close()


def test_it_begins_with_its_session_unless_it_is_told_where(history: History) -> None:
    old = typed(history, "old")
    history.stand_at(ME, "two", old.id)
    last = typed(history, "new", "two")
    assert prompts(branch(partial(history.state, ME), last.id, session="two")) == ["new"]
    assert prompts(branch(partial(history.state, ME), last.id)) == ["old", "new"]
    assert prompts(branch(partial(history.state, ME), last.id, old.id, "two")) == ["old", "new"]
    history.close()


def test_what_led_nowhere_near_is_refused(history: History) -> None:
    first, beside = typed(history, "a"), typed(history, "ab")
    history.stand_at(ME, SESSION, first.id)
    last = typed(history, "ac")
    with pytest.raises(InvalidPicture, match=ELSEWHERE):
        branch(partial(history.state, ME), last.id, beside.id)
    with pytest.raises(InvalidPicture, match=GONE):
        branch(partial(history.state, "other"), last.id)
    history.close()


def test_of_what_is_gone_the_rest_is_left(history: History) -> None:
    made = [typed(history, "a" * count) for count in range(1, 10)]
    assert history.flush()
    assert prompts(branch(partial(history.state, ME), made[-1].id)) == [
        "a" * count for count in range(4, 10)
    ]
    history.close()
