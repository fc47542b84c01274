"""Hosts, tokens and attempts."""

import ipaddress
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klein_ui import access, settings
from klein_ui.access import Attempts, Demand
from klein_ui.contract import KleinError

LOCAL = settings.read([], {})
LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)
PORT = st.sampled_from(["", ":80", ":7860", ":65535"])


@given(st.ip_addresses(), PORT)
def test_an_address_may_always_be_asked_for(
    ip: ipaddress.IPv4Address | ipaddress.IPv6Address, port: str
) -> None:
    host = f"[{ip}]" if ip.version == 6 else str(ip)
    assert access.may_be_asked(host + port, ())


@given(
    st.lists(LABEL, min_size=1, max_size=4), st.sampled_from(["com", "localhost-x", "test"]), PORT
)
def test_a_name_may_be_asked_for_only_where_it_is_known(
    labels: list[str], top: str, port: str
) -> None:
    name = ".".join([*labels, top])
    assert not access.may_be_asked(name + port, ())
    assert not access.may_be_asked(name + port, {"x" + name, name + "x", "." + name})
    assert access.may_be_asked(name.upper() + port, {name})
    assert access.may_be_asked(name + "." + port, {name})
    assert access.may_be_asked("below." + name + port, {"." + name})


@given(LABEL, PORT)
def test_the_names_of_localhost_may_be_asked_for(label: str, port: str) -> None:
    assert access.may_be_asked("localhost" + port, ())
    assert access.may_be_asked(f"{label}.localhost{port}", ())
    assert not access.may_be_asked(f"{label}localhost{port}", ())


@given(st.text(max_size=40))
def test_any_text_is_a_host_or_none(text: str) -> None:
    name = access.host_name(text)
    assert name is None or (name == name.lower() and not set(name) & set(" /@?#[]"))


NO_HOSTS = (
    *(
        "",
        " ",
        ":80",
        "a b",
        "a@b",
        "a/b",
        "127.0.0.1:x",
        "localhost:123456",
        "[127.0.0.1]",
        "[::1",
    ),
    *("::1", "a,b", "evil.com#localhost", "local\nhost", "löcalhost", "[:]", "127.1", "0x7f.1"),
)


@pytest.mark.parametrize("header", NO_HOSTS)
def test_what_is_no_host_or_none_of_ours_is_not_asked_for(header: str) -> None:
    assert not access.may_be_asked(header, ())


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "LOCALHOST"])
def test_what_is_this_machine_only(address: str) -> None:
    assert access.is_this_machine(address)


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.168.1.2", "localhost.evil.com", ""])
def test_what_is_more_than_this_machine(address: str) -> None:
    assert not access.is_this_machine(address)


def test_who_must_show_what() -> None:
    there = replace(LOCAL, host="0.0.0.0")
    logins = Path("logins")
    assert access.demand(LOCAL) is Demand.NOTHING
    assert access.demand(there) is Demand.TOKEN
    assert access.demand(replace(there, open=True)) is Demand.NOTHING
    assert access.demand(replace(there, is_space=True)) is Demand.NOTHING
    assert access.demand(replace(there, is_space=True, token="t" * 16)) is Demand.TOKEN
    assert access.demand(replace(there, logins=logins)) is Demand.LOGIN
    assert access.demand(replace(LOCAL, token="t" * 16)) is Demand.TOKEN
    assert access.demand(replace(LOCAL, logins=logins)) is Demand.LOGIN


def test_the_names_of_an_app() -> None:
    chosen = replace(LOCAL, host="studio.lan", allow_hosts=("live.example.com",))
    known = {"box", "box.local", "studio.lan", "live.example.com"}
    assert access.names(chosen, "Box") == known
    space = replace(chosen, is_space=True, space_host="a-b.hf.space")
    assert access.names(space, "box") == known | {"a-b.hf.space", ".hf.space"}


@pytest.mark.parametrize("origin", ["null", "", "http://", "http://evil.com", "http://[", "app:80"])
def test_a_foreign_origin(origin: str) -> None:
    assert not access.is_own_origin(origin, ["app:80", ""])


def test_our_own_origin() -> None:
    assert access.is_own_origin("http://App:80", ["app:80"])
    assert access.is_own_origin("https://outer", ["app:80", " outer "])
    assert not access.is_own_origin("http://app:81", ["app:80"])


@given(st.text(max_size=30), st.text(max_size=30))
def test_texts_are_the_same_or_not(one: str, other: str) -> None:
    printable = other.encode("utf-8", "replace").decode()
    assert access.is_same(printable, printable)
    assert access.is_same(one, printable) is (one.encode("utf-8", "replace").decode() == printable)


@given(st.lists(st.tuples(st.text(min_size=1, max_size=8), st.text(max_size=8)), max_size=5))
def test_a_query_loses_the_token_and_nothing_else(fields: list[tuple[str, str]]) -> None:
    others = [pair for pair in fields if pair[0] != "token"]
    query = urlencode(others)
    assert access.in_query(query, "token") == (None, query)
    behind = "&".join(filter(None, [query, "token=a%20b"]))
    value, rest = access.in_query(behind, "token")
    assert (value, rest) == ("a b", query)
    assert parse_qsl(rest, keep_blank_values=True) == others


def test_the_token_of_a_header() -> None:
    assert access.bearer("Bearer abc") == "abc"
    assert access.bearer("bearer  abc ") == "abc"
    assert [access.bearer(text) for text in ("", "Basic abc", "Bearer", "Bearer ")] == [None] * 4


def test_attempts_are_slowed_for_each_address_alone() -> None:
    attempts = Attempts()
    assert [attempts.take("10.0.0.1", 0.0) for _ in range(access.BURST + 2)].count(True) == 10
    assert attempts.take("10.0.0.2", 0.0)
    assert not attempts.take("10.0.0.1", access.EVERY_S - 0.1)
    assert attempts.take("10.0.0.1", access.EVERY_S + 0.1)
    attempts.give_back("10.0.0.1")
    assert attempts.take("10.0.0.1", access.EVERY_S + 0.1)


def test_right_ones_are_no_tries_and_take_back_no_wrong_ones() -> None:
    attempts = Attempts()

    def right() -> bool:
        may = attempts.take("10.0.0.1", 0.0)
        if may:
            attempts.give_back("10.0.0.1")
        return may

    assert all(right() for _ in range(access.BURST * 3))
    # Who has a login of their own guesses at another's, by turns.
    guesses = [attempts.take("10.0.0.1", 0.0) and right() for _ in range(access.BURST)]
    assert guesses == [True] * (access.BURST - 1) + [False]
    assert not attempts.take("10.0.0.1", 0.0)


def test_the_addresses_of_one_machine_share_their_attempts() -> None:
    assert access.neighbourhood("2001:db8::1") == access.neighbourhood("2001:db8::ffff:1")
    assert access.neighbourhood("::ffff:10.0.0.1") == "10.0.0.1"
    assert access.neighbourhood("unix") == "unix"


def test_the_addresses_that_are_remembered_are_bounded() -> None:
    attempts = Attempts()
    for number in range(access.MOST_ADDRESSES + 10):
        attempts.take(str(number), 0.0)
    assert len(attempts._left) == access.MOST_ADDRESSES


def test_a_token_of_ours_is_long_enough_and_each_is_another() -> None:
    token = access.new_token()
    assert settings.read(["--token", token], {}).token == token
    assert access.new_token() != token


def test_a_token_made_once_is_kept_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "data" / "token"
    token = access.kept_token(path)
    assert access.kept_token(path) == token
    assert path.stat().st_mode & 0o777 == 0o600
    assert access.kept_token(tmp_path / "token") != token


def test_a_disk_that_does_not_have_the_token_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "token"
    assert access.kept_token(path) != access.kept_token(path)


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 40, b"a b" * 20])
def test_a_kept_token_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "token"
    path.write_bytes(content)
    with pytest.raises(KleinError, match="holds no token; remove it"):
        access.kept_token(path)


def test_logins_are_lines_of_name_and_password(tmp_path: Path) -> None:
    path = tmp_path / "logins"
    path.write_text("# who\nann:a:b\n\n bob : c\n", encoding="utf-8")
    assert access.logins(path) == {"ann": "a:b", "bob": " c"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "names nobody"),
        ("ann", "Line 1"),
        ("ann:a\n:b", "Line 2"),
        ("ann:a\nann:b", "Line 2"),
        ("ann: ", "Line 1"),
    ],
)
def test_wrong_logins_are_refused_with_their_line(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "logins"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(KleinError, match=says):
        access.logins(path)
    path.write_bytes(b"\xff")
    with pytest.raises(KleinError, match="no text"):
        access.logins(path)
