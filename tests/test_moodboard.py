"""What is pinned stays: whole, in its order, with what was said of it, and never another's."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from klein_ui import provenance
from klein_ui.contract import InvalidPicture, InvalidRequest, Stage
from klein_ui.ledger import PINS, Ledger, NotKept
from klein_ui.moodboard import FIRST_BOARD, UNDO_S, Moodboard
from klein_ui.pins import STRANGERS, Bounds, Pin

from .kept import Clock, files, fill, frame, mounted

ME = "me"


def opened(folder: Path, clock: Clock | None = None, **bounds: int) -> Moodboard:
    return Moodboard(Ledger(folder), Bounds(**bounds), clock or Clock())


def pinned(board: Moodboard, *seeds: int, owner: str = ME, on: str = "") -> list[Pin]:
    return [board.pin(owner, frame(f"{seed}", seed=seed), on) for seed in seeds]


def order(board: Moodboard, on: str, owner: str = ME) -> list[int]:
    return [pin.request.seed for pin in board.pins(owner, on)]


def test_a_pin_is_there_after_a_restart_with_the_request_inside(tmp_path: Path) -> None:
    wanted = frame("a cup 夜", stage=Stage.DRAFT, width=640, height=480)
    pin = opened(tmp_path).pin(ME, wanted)
    again = opened(tmp_path)
    (board,) = again.boards(ME)
    assert (board.title, board.pins) == (FIRST_BOARD, 1)
    assert again.pins(ME, board.id) == (pin,)
    assert again.get(ME, pin.id) == pin
    assert (pin.request, pin.stage) == (wanted.request, Stage.DRAFT)
    with Image.open(io.BytesIO(again.picture(ME, pin.id))) as picture:
        assert np.array_equal(np.array(picture), wanted.pixels)
        assert provenance.request_from(picture.info[provenance.CHUNK]) == wanted.request
    with Image.open(io.BytesIO(again.thumbnail(ME, pin.id))) as small:
        assert (small.format, small.size) == ("WEBP", (320, 240))


def test_the_same_frame_is_on_a_board_once(tmp_path: Path) -> None:
    board = opened(tmp_path)
    first, same = pinned(board, 1, 1)
    assert same == first
    other = board.create_board(ME, "other")
    (copy,) = pinned(board, 1, on=other.id)
    assert copy.id != first.id
    assert len(files(tmp_path, ".png")) == 1
    board.delete(ME, [first.id])
    board.purge()
    assert board.picture(ME, copy.id)


def test_boards_are_made_named_deleted_and_brought_back_with_their_pins(tmp_path: Path) -> None:
    board = opened(tmp_path)
    one, two = board.create_board(ME, " one\n "), board.create_board(ME, "")
    assert [each.title for each in board.boards(ME)] == ["one", FIRST_BOARD]
    assert board.rename_board(ME, two.id, "two").title == "two"
    early, *_ = pinned(board, 1, 2, 3, on=one.id)
    board.delete(ME, [early.id])
    board.delete_board(ME, one.id)
    assert [each.title for each in board.boards(ME)] == ["two"]
    with pytest.raises(InvalidRequest, match="board is no longer there"):
        pinned(board, 4, on=one.id)
    assert board.restore_board(ME, one.id).pins == 2
    assert order(board, one.id) == [2, 3]


def test_pins_are_arranged_and_moved_between_boards(tmp_path: Path) -> None:
    board = opened(tmp_path)
    pins = {pin.request.seed: pin.id for pin in pinned(board, 1, 2, 3, 4, 5)}
    (home,) = board.boards(ME)
    board.place(ME, [pins[5], pins[2]], home.id, before=pins[1])
    assert order(board, home.id) == [5, 2, 1, 3, 4]
    board.place(ME, [pins[5], pins[5]], home.id)
    assert order(board, home.id) == [2, 1, 3, 4, 5]
    other = board.create_board(ME, "other")
    board.place(ME, [pins[3], pins[1]], other.id)
    board.place(ME, [pins[4]], other.id, before=pins[1])
    assert (order(board, home.id), order(board, other.id)) == ([2, 5], [3, 4, 1])
    assert [each.pins for each in board.boards(ME)] == [2, 3]
    assert [pin.request.seed for pin in board.pins(ME, other.id, 1, 1)] == [4]
    for wrong in (pins[2], "gone"):
        with pytest.raises(InvalidRequest):
            board.place(ME, [pins[1]], other.id, before=wrong)
    with pytest.raises(InvalidRequest):
        board.place(ME, [pins[1], "gone"], home.id)
    assert order(board, other.id) == [3, 4, 1]


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=6))
def test_any_arranging_keeps_each_pin_once(
    tmp_path_factory: pytest.TempPathFactory, moves: list[tuple[int, int]]
) -> None:
    board = opened(tmp_path_factory.mktemp("data"))
    ids = [pin.id for pin in pinned(board, 0, 1, 2, 3, 4)]
    (home,) = board.boards(ME)
    expected = list(range(5))
    for moved, before in moves:
        if moved != before:
            board.place(ME, [ids[moved]], home.id, before=ids[before])
            expected.remove(moved)
            expected.insert(expected.index(before), moved)
    assert order(board, home.id) == expected
    assert len({pin.position for pin in board.pins(ME, home.id)}) == 5


def test_what_was_deleted_comes_back_to_its_place_for_a_day(tmp_path: Path) -> None:
    clock = Clock()
    board = opened(tmp_path, clock)
    pins = pinned(board, 1, 2, 3)
    (home,) = board.boards(ME)
    board.delete(ME, [pins[1].id, pins[1].id])
    assert order(board, home.id) == [1, 3]
    with pytest.raises(InvalidRequest, match="pin is no longer there"):
        board.get(ME, pins[1].id)
    clock.now += UNDO_S / 2
    board.purge()
    board.restore(ME, [pins[1].id])
    assert order(board, home.id) == [1, 2, 3]
    board.delete(ME, [pins[1].id])
    clock.now += UNDO_S
    pinned(board, 4)
    with pytest.raises(InvalidRequest):
        board.restore(ME, [pins[1].id])
    assert len(files(tmp_path, ".png")) == 3


def test_a_pin_that_comes_back_brings_its_board(tmp_path: Path) -> None:
    board = opened(tmp_path)
    one, _ = pinned(board, 1, 2)
    (home,) = board.boards(ME)
    board.delete_board(ME, home.id)
    board.restore(ME, [one.id])
    assert order(board, home.id) == [1]


@given(
    st.text(max_size=60),
    st.text(st.characters(), max_size=60),
    st.lists(st.text(max_size=20), max_size=8),
    st.booleans(),
)
def test_any_text_may_be_said_of_a_pin(
    tmp_path_factory: pytest.TempPathFactory, title: str, note: str, tags: list[str], star: bool
) -> None:
    board = opened(tmp_path_factory.mktemp("data"))
    (pin,) = pinned(board, 1)
    edited = board.edit(ME, pin.id, title=title, note=note, tags=tags, star=star, role="palette")
    assert board.get(ME, pin.id) == edited
    assert (edited.star, edited.role, edited.request) == (star, "palette", pin.request)
    assert "\n" not in edited.title
    assert len({tag.casefold() for tag in edited.tags}) == len(edited.tags)
    assert {tag.casefold() for tag in edited.tags} >= {
        tag.casefold() for tag in tags if tag.isalnum()
    }
    # What is not named stays.
    assert board.edit(ME, pin.id) == edited
    assert board.edit(ME, pin.id, title="new").note == edited.note


def test_lines_of_a_note_stay_and_control_characters_go(tmp_path: Path) -> None:
    board = opened(tmp_path)
    (pin,) = pinned(board, 1)
    edited = board.edit(ME, pin.id, note="one\ntwo\x00\ud800", title="a\nb", tags=["B", "b", ""])
    assert (edited.note, edited.title, edited.tags) == ("one\ntwo", "a b", ("B",))


@pytest.mark.parametrize(
    "fields",
    [
        {"title": "x" * 201},
        {"note": "x" * 5001},
        {"tags": [f"{n}" for n in range(21)]},
        {"tags": ["x" * 41]},
        {"tags": "one"},
        {"tags": [5]},
        {"title": 5},
        {"role": "x" * 81},
    ],
)
def test_what_is_too_long_is_one_sentence(tmp_path: Path, fields: dict[str, object]) -> None:
    board = opened(tmp_path)
    (pin,) = pinned(board, 1)
    with pytest.raises(InvalidRequest) as told:
        board.edit(ME, pin.id, **fields)  # type: ignore[arg-type]
    assert str(told.value).endswith(".")
    assert board.get(ME, pin.id) == pin


def test_an_owner_sees_and_touches_nothing_of_another(tmp_path: Path) -> None:
    board = opened(tmp_path)
    (pin,) = pinned(board, 1)
    (home,) = board.boards(ME)
    assert (board.boards("you"), board.pins("you", home.id)) == ((), ())
    for ask in (board.get, board.picture, board.thumbnail, board.edit):
        with pytest.raises(InvalidRequest):
            ask("you", pin.id)
    for change in (board.delete_board, board.restore_board):
        with pytest.raises(InvalidRequest):
            change("you", home.id)
    for many in (board.delete, board.restore):
        with pytest.raises(InvalidRequest):
            many("you", [pin.id])
    with pytest.raises(InvalidRequest):
        board.place("you", [pin.id], home.id)
    with pytest.raises(InvalidRequest):
        pinned(board, 2, owner="you", on=home.id)
    assert board.pins(ME, home.id) == (pin,)


def test_full_boards_refuse_and_evict_nothing(tmp_path: Path) -> None:
    board = opened(tmp_path, pins=2, boards=1)
    one, _ = pinned(board, 1, 2)
    with pytest.raises(InvalidRequest, match="2 pins already; delete some"):
        pinned(board, 3)
    with pytest.raises(InvalidRequest, match="1 boards already; delete some"):
        board.create_board(ME, "more")
    board.delete(ME, [one.id])
    pinned(board, 3)
    assert order(board, board.boards(ME)[0].id) == [2, 3]


def test_the_bytes_are_bounded_and_what_waits_for_an_undo_goes_first(tmp_path: Path) -> None:
    board = opened(tmp_path, disk_bytes=40_000)
    pins = pinned(board, 1, 2)
    with pytest.raises(InvalidRequest, match="boards are full; delete some"):
        pinned(board, *range(3, 9))
    kept = len(board.pins(ME, board.boards(ME)[0].id))
    board.delete(ME, [pins[0].id])
    pinned(board, 20)
    assert len(board.pins(ME, board.boards(ME)[0].id)) == kept
    board.purge()
    assert sum(path.stat().st_size for path in files(tmp_path, ".png")) <= 40_000


def test_the_bytes_of_an_owner_are_bounded_and_nobody_else_pays(tmp_path: Path) -> None:
    board = opened(tmp_path, owner_bytes=40_000)
    theirs = pinned(board, 1, owner="you")
    board.delete("you", [theirs[0].id])
    with pytest.raises(InvalidRequest, match="Your pins take the 0 MB that this server keeps"):
        pinned(board, *range(2, 30))
    (home,) = board.boards(ME)
    mine = board.pins(ME, home.id)
    assert 1 < len(mine) < 28
    # One's own undo goes first, and stays gone; that of others stays.
    board.delete(ME, [mine[0].id])
    pinned(board, 30)
    with pytest.raises(InvalidRequest, match="no longer there"):
        board.restore(ME, [mine[0].id])
    board.restore("you", [theirs[0].id])
    assert pinned(board, 31, owner="you")


def test_what_may_be_brought_back_counts_so_that_no_restore_goes_beyond(tmp_path: Path) -> None:
    board = opened(tmp_path, pins=2, boards=2)
    first, second = pinned(board, 1, 2)
    board.delete(ME, [first.id, second.id])
    pinned(board, 3)
    with pytest.raises(InvalidRequest, match="no longer there"):
        board.restore(ME, [first.id])
    for number in range(5):
        board.delete_board(ME, board.create_board(ME, f"{number}").id)
    with board._ledger.writing() as db:
        assert db.execute("SELECT count(*) FROM boards").fetchone()[0] <= 2


def test_strangers_may_keep_a_small_part_of_what_there_is() -> None:
    assert STRANGERS.owner_bytes * 64 == STRANGERS.disk_bytes == Bounds().disk_bytes
    assert STRANGERS.pins < Bounds().pins
    assert STRANGERS.boards < Bounds().boards


def test_a_damaged_picture_is_a_sentence_and_the_rest_stays(tmp_path: Path) -> None:
    board = opened(tmp_path)
    pin, whole = pinned(board, 1, 2)
    path = next(path for path in files(tmp_path, ".png") if path.stem == pin.picture)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(InvalidPicture, match="make it again"):
        board.picture(ME, pin.id)
    assert board.picture(ME, whole.id)
    assert board.thumbnail(ME, pin.id)


def test_a_file_in_the_way_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / PINS).write_text("in the way")
    board = opened(tmp_path)
    with pytest.raises(NotKept, match="may write there"):
        pinned(board, 1)
    assert board.boards(ME) == ()


def test_a_full_disk_refuses_whole_and_takes_again_when_there_is_room(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=1m") as disk:
        ledger = Ledger(disk)
        board = Moodboard(ledger)
        pinned(board, 1)
        fill(disk / "else")
        with pytest.raises(NotKept, match="disk is full"):
            pinned(board, 2)
        (home,) = board.boards(ME)
        assert order(board, home.id) == [1]
        (disk / "else").unlink()
        pinned(board, 3)
        assert order(board, home.id) == [1, 3]
        assert files(disk, ".part") == []
        ledger.close()


def test_five_hundred_pins_are_one_query_and_one_change(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    board = Moodboard(ledger)
    (first,) = pinned(board, 1)
    (home,) = board.boards(ME)
    with ledger.writing() as db:
        for number in range(499):
            db.execute(
                """INSERT INTO pins SELECT NULL, 'p' || :n, owner, board, :n + 1, pinned_at, NULL,
                title, note, tags, star, role, stage, made_by, request, picture, bytes, thumbnail
                FROM pins WHERE id = :id""",
                {"n": number, "id": first.id},
            )
    queries: list[str] = []
    assert ledger._reader is not None
    ledger._reader.set_trace_callback(queries.append)
    assert len(board.pins(ME, home.id)) == 500
    assert len(queries) == 1
    board.place(ME, ["p498"], home.id, before=first.id)
    assert [pin.id for pin in board.pins(ME, home.id)][:2] == ["p498", first.id]
