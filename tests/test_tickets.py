"""Tickets: good over a restart, void with the password, the login, the logout and their time."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klein_ui.seal import Seal
from klein_ui.tickets import AGE_S, Tickets

SEAL = Seal(b"k" * 32)
LOGINS = {"ann": "secret words", "bob": "others", "Zoë: ü": "x"}
NOW = 1_800_000_000.5


def tickets(marks: Path | None = None, now: float = NOW, **changed: str) -> Tickets:
    """As a process has them that was started anew."""
    return Tickets(SEAL, LOGINS | changed, marks, lambda: now)


@pytest.mark.parametrize("name", LOGINS)
def test_a_ticket_outlives_a_restart_and_tells_whose_it_is(name: str) -> None:
    ticket = tickets().issue(name)
    assert tickets().holder(ticket) == name
    assert ticket.replace(".", "").isalnum()
    assert LOGINS[name] not in ticket


def test_it_ends_with_its_time() -> None:
    ticket = tickets().issue("ann")
    assert tickets(now=NOW + AGE_S - 1).holder(ticket) == "ann"
    assert tickets(now=NOW + AGE_S).holder(ticket) is None


def test_it_ends_with_the_password_and_with_the_login() -> None:
    ticket = tickets().issue("ann")
    assert tickets(bob="new").holder(ticket) == "ann"
    assert tickets(ann="new").holder(ticket) is None
    assert Tickets(SEAL, {"bob": "others"}).holder(ticket) is None
    # Whoever is called the same later on is somebody else.
    assert tickets(ann="secret words ").holder(ticket) is None


def test_a_logout_ends_all_of_that_name_over_a_restart_too(tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    before = tickets(marks)
    first, second, other = before.issue("ann"), before.issue("ann"), before.issue("bob")
    before.end("ann")
    for after in (before, tickets(marks)):
        assert [after.holder(one) for one in (first, second, other)] == [None, None, "bob"]
        assert after.holder(after.issue("ann")) == "ann"
    assert tickets(marks).holder(before.issue("ann")) == "ann"


def test_a_logout_at_one_of_two_processes_holds_at_the_other(tmp_path: Path) -> None:
    one, two = tickets(tmp_path), tickets(tmp_path)
    old, other = one.issue("ann"), two.issue("bob")
    one.end("ann")
    assert two.holder(old) is None
    new = one.issue("ann")
    assert two.holder(new) == "ann"
    two.end("bob")
    for here in (one, two, tickets(tmp_path)):
        assert [here.holder(ticket) for ticket in (old, new, other)] == [None, "ann", None]


def test_where_it_is_not_known_whether_somebody_logged_out_they_have(tmp_path: Path) -> None:
    before = tickets(tmp_path)
    before.end("bob")
    ticket, other = before.issue("bob"), before.issue("ann")
    (kept,) = tmp_path.iterdir()
    kept.unlink()
    kept.mkdir()
    after = tickets(tmp_path)
    assert [after.holder(ticket), after.holder(other)] == [None, "ann"]
    assert after.holder(after.issue("bob")) == "bob"


def test_a_logout_that_the_disk_does_not_take_holds_until_the_end(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    here = tickets(tmp_path / "file" / "marks")
    ticket = here.issue("ann")
    here.end("ann")
    assert here.holder(ticket) is None


@given(st.text(max_size=80), st.integers(0, 200), st.text(max_size=1))
def test_nothing_else_is_a_ticket(text: str, at: int, letter: str) -> None:
    ticket = tickets().issue("ann")
    assert tickets().holder(text) is None
    changed = ticket[:at] + letter + ticket[at + 1 :]
    assert (tickets().holder(changed) == "ann") is (changed == ticket)
    assert Tickets(Seal(), LOGINS).holder(ticket) is None
    assert tickets().holder(ticket.replace(b"ann".hex(), b"bob".hex())) is None
