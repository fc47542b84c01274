"""The key of the installation, and what is signed with it."""

from pathlib import Path
from threading import Barrier, Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klein_ui import files, seal
from klein_ui.contract import KleinError
from klein_ui.seal import Seal

SEAL = Seal(b"k" * seal.KEY_BYTES)
TEXTS = st.lists(st.text(max_size=6), max_size=3)


@given(TEXTS, TEXTS)
def test_a_signature_is_of_these_very_texts_in_this_order(one: list[str], other: list[str]) -> None:
    signature = SEAL.sign("a", *one)
    assert SEAL.is_signed(signature, "a", *one)
    assert SEAL.is_signed(signature, "a", *other) is (one == other)
    assert not SEAL.is_signed(signature, "b", *one)
    assert not SEAL.is_signed(signature[:-1], "a", *one)
    assert not Seal().is_signed(signature, "a", *one)


@pytest.mark.parametrize("signature", ["", "é" * 64, "\ud800", "0" * 64])
def test_what_is_no_signature_signs_nothing(signature: str) -> None:
    assert not SEAL.is_signed(signature, "a", "b")


def test_the_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "data" / "key"
    signature = seal.opened(path).sign("a")
    assert seal.opened(path).sign("a") == signature
    assert path.stat().st_mode & 0o777 == 0o600
    assert [kept.name for kept in path.parent.iterdir()] == ["key"]


def test_a_key_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(b"short")
    with pytest.raises(KleinError, match="holds no key; remove it"):
        seal.opened(path)


def test_a_disk_that_does_not_have_it_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "key"
    assert seal.opened(path).sign("a") != seal.opened(path).sign("a")


def test_all_who_begin_at_once_have_the_same(tmp_path: Path) -> None:
    path, ready, found = tmp_path / "key", Barrier(8), set[bytes]()

    def begin(number: int) -> None:
        ready.wait()
        found.add(files.once(path, bytes([number])))

    threads = [Thread(target=begin, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {path.read_bytes()}


def test_a_disk_without_links_keeps_it_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(*names: object) -> None:
        raise PermissionError

    monkeypatch.setattr("os.link", link)
    assert files.once(tmp_path / "key", b"one") == b"one"
    assert files.once(tmp_path / "key", b"two") == b"one"
    assert len(list(tmp_path.iterdir())) == 1
