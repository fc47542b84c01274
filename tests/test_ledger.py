"""The index is whole, or put aside with a sentence; it never takes the app down."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from klein_ui import files, ledger
from klein_ui.ledger import NAME, PINS, Ledger, NotKept

from .kept import fill, mounted, read_only

ADD = "INSERT INTO boards (id, owner, title, made_at) VALUES (?, 'me', 'x', 0)"


def added(index: Ledger, name: str) -> None:
    with index.writing() as db:
        db.execute(ADD, (name,))


def names(index: Ledger) -> list[str]:
    return [row["id"] for row in index.rows("SELECT id FROM boards ORDER BY number")]


def test_it_is_made_from_nothing_and_found_again(tmp_path: Path) -> None:
    folder = tmp_path / "made" / "when needed"
    first = Ledger(folder)
    assert not folder.exists()
    added(first, "one")
    assert names(Ledger(folder)) == names(first) == ["one"]
    (row,) = first.rows("PRAGMA user_version")
    assert (row["user_version"], first.notice) == (len(ledger.MIGRATIONS), "")
    with first.writing() as db:
        assert db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert db.execute("PRAGMA synchronous").fetchone()[0] == 2


def test_an_older_schema_is_led_up_and_keeps_what_it_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = Ledger(tmp_path)
    added(index, "old")
    index.close()
    later = (*ledger.MIGRATIONS, ("ALTER TABLE boards ADD COLUMN colour TEXT DEFAULT 'red'",))
    monkeypatch.setattr(ledger, "MIGRATIONS", later)
    (row,) = Ledger(tmp_path).rows("SELECT id, colour FROM boards")
    assert tuple(row) == ("old", "red")


def test_a_migration_that_fails_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = Ledger(tmp_path)
    added(index, "old")
    index.close()
    with monkeypatch.context() as patched:
        broken = ("ALTER TABLE boards ADD COLUMN colour TEXT", "no SQL")
        patched.setattr(ledger, "MIGRATIONS", (*ledger.MIGRATIONS, broken))
        with pytest.raises(NotKept):
            names(Ledger(tmp_path))
    assert names(Ledger(tmp_path)) == ["old"]


def test_a_newer_schema_is_left_alone_with_a_sentence(tmp_path: Path) -> None:
    index = Ledger(tmp_path)
    with index.writing() as db:
        db.execute("PRAGMA user_version = 99")
    index.close()
    before = (tmp_path / NAME).read_bytes()
    with pytest.raises(NotKept, match="newer version of the app; update it"):
        names(Ledger(tmp_path))
    assert (tmp_path / NAME).read_bytes() == before


def test_what_raises_within_leaves_nothing(tmp_path: Path) -> None:
    index = Ledger(tmp_path)
    added(index, "one")
    with pytest.raises(NotKept), index.writing() as db:
        db.executemany(ADD, [("two",), ("two",)])
    assert names(index) == ["one"]
    added(index, "three")
    assert names(index) == ["one", "three"]


def _overwritten(path: Path) -> None:
    path.write_bytes(b"this is no database at all" * 100)


def _torn(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("damage", [_overwritten, _torn])
def test_a_damaged_index_is_put_aside_with_the_pictures_of_the_pins(
    tmp_path: Path, damage: object
) -> None:
    index = Ledger(tmp_path)
    added(index, "one")
    index.close()
    picture = tmp_path / PINS / "ab" / "picture.png"
    files.write(picture, b"kept")
    damage(tmp_path / NAME)  # type: ignore[operator]
    after = Ledger(tmp_path)
    assert names(after) == []
    (aside,) = tmp_path.glob("damaged-*")
    assert str(aside) in after.notice
    assert after.notice.endswith("drop those pictures on the app to have them back.")
    assert (aside / PINS / "ab" / "picture.png").read_bytes() == b"kept"
    assert (aside / NAME).exists()
    added(after, "two")
    again = Ledger(tmp_path)
    assert (names(again), again.notice) == (["two"], "")


def test_pictures_without_an_index_are_put_aside_and_not_swept(tmp_path: Path) -> None:
    files.write(tmp_path / PINS / "ab" / "picture.png", b"kept")
    index = Ledger(tmp_path)
    assert names(index) == []
    (path,) = tmp_path.rglob("picture.png")
    assert path.read_bytes() == b"kept"
    assert path.relative_to(tmp_path).parts[0].startswith("damaged-")
    assert index.notice


def test_a_file_in_the_way_is_a_sentence_and_needs_no_restart(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.write_text("in the way")
    index = Ledger(folder)
    for ask in (lambda: names(index), lambda: added(index, "one")):
        with pytest.raises(NotKept, match="may write there"):
            ask()
    folder.unlink()
    added(index, "one")
    assert names(index) == ["one"]


def test_a_disk_that_may_only_be_read_is_a_sentence(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=4m") as disk:
        index = Ledger(disk)
        added(index, "one")
        index.close()
        read_only(disk)
        with pytest.raises(NotKept, match="may write there"):
            added(index, "two")


def test_a_full_disk_is_a_sentence_and_keeps_what_was_there(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=1m") as disk:
        index = Ledger(disk)
        added(index, "one")
        fill(disk / "else")
        with pytest.raises(NotKept, match="disk is full"):
            added(index, "x" * 200_000)
        kept = names(index)
        assert kept[0] == "one"
        (disk / "else").unlink()
        added(index, "two")
        assert names(index) == [*kept, "two"]
        index.close()


def test_another_process_that_writes_is_waited_for_and_then_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "WAIT_S", 0.01)
    index = Ledger(tmp_path)
    added(index, "one")
    other = sqlite3.connect(tmp_path / NAME, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(NotKept, match="in use by another process"):
        added(index, "two")
    assert names(index) == ["one"]
    other.execute("ROLLBACK")
    other.close()
    added(index, "two")


def test_threads_may_write_and_read_at_once(tmp_path: Path) -> None:
    index = Ledger(tmp_path)

    def work(turn: int) -> int:
        added(index, f"{turn}")
        return len(names(index))

    with ThreadPoolExecutor(8) as pool:
        counts = list(pool.map(work, range(64)))
    assert max(counts) == len(names(index)) == 64
