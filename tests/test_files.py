"""Files are whole or not there, and named by what they hold."""

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klein_ui import files
from klein_ui.files import Vault

NEVER = "0" * 64


def test_what_is_written_is_there_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "made" / "when needed" / "file"
    files.write(path, b"one")
    files.write(path, b"two")
    assert path.read_bytes() == b"two"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("at", ["fsync", "replace"])
def test_what_fails_halfway_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    path = tmp_path / "file"
    files.write(path, b"one")
    monkeypatch.setattr(os, at, full)
    with pytest.raises(OSError, match="full"):
        files.write(path, b"two")
    assert path.read_bytes() == b"one"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.ENOSPC, files.FULL),
        (errno.EROFS, files.READ_ONLY),
        (errno.EACCES, files.READ_ONLY),
        (errno.EIO, files.UNREADABLE),
        (None, files.UNREADABLE),
    ],
)
def test_each_failure_has_its_sentence(number: int | None, sentence: str) -> None:
    assert files.sentence(OSError(number, "x") if number else OSError()) == sentence


@given(st.binary(max_size=200))
def test_what_is_put_comes_back_under_its_digest(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    vault = Vault(tmp_path_factory.mktemp("vault"), ".bin")
    digest = vault.put(data)
    assert vault.put(data) == digest
    assert vault.get(digest) == data
    vault.remove(digest)
    assert vault.get(digest) is None


@pytest.mark.parametrize("name", ["", "x", "../secret", "A" * 64, NEVER, f"{NEVER}\n"])
def test_what_is_no_digest_or_not_kept_is_none(tmp_path: Path, name: str) -> None:
    vault = Vault(tmp_path, ".bin")
    vault.remove(name)
    assert vault.get(name) is None


def test_a_damaged_file_is_gone_until_it_is_put_again(tmp_path: Path) -> None:
    vault = Vault(tmp_path, ".bin")
    digest = vault.put(b"whole")
    (path,) = tmp_path.rglob("*.bin")
    path.write_bytes(b"who")
    assert vault.get(digest) is None
    vault.put(b"whole")
    assert vault.get(digest) == b"whole"


def test_a_sweep_leaves_what_is_wanted_and_what_is_not_its_own(tmp_path: Path) -> None:
    vault = Vault(tmp_path, ".bin")
    wanted, orphan = vault.put(b"wanted"), vault.put(b"orphan")
    (tmp_path / wanted[:2] / f"half{files.PART}").write_bytes(b"half")
    (tmp_path / "read.me").write_bytes(b"no digest")
    assert vault.sweep({wanted}) == 2
    assert (vault.get(wanted), vault.get(orphan)) == (b"wanted", None)
    assert (tmp_path / "read.me").exists()
    assert list(tmp_path.rglob(f"*{files.PART}")) == []
