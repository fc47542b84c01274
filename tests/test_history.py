"""What was typed is found again: in order, once, within bounds, after a restart."""

import io
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from klein_ui import states
from klein_ui.contract import InvalidPicture, Pixels, Stage
from klein_ui.history import History
from klein_ui.ledger import STATES, Ledger, NotKept
from klein_ui.moodboard import Moodboard
from klein_ui.states import Bounds, Encoded, State

from .kept import REQUEST, Clock, files, fill, frame, mounted

ME, PAGE = "me", "page"


def opened(folder: Path, **rest: object) -> History:
    return History(Ledger(folder), clock=Clock(), **rest)  # type: ignore[arg-type]


def recorded(history: History, *prompts: str, owner: str = ME) -> list[State]:
    made = [history.record(owner, PAGE, frame(prompt, seed=len(prompt))) for prompt in prompts]
    assert history.flush()
    return [state for state in made if state is not None]


def prompts(history: History, owner: str = ME) -> list[str]:
    return [state.request.prompt for state in history.states(owner)]


def size(data: bytes) -> tuple[str | None, int, int]:
    with Image.open(io.BytesIO(data)) as picture:
        picture.load()
        return picture.format, picture.width, picture.height


def test_each_prompt_is_a_state_with_its_parent(tmp_path: Path) -> None:
    history = opened(tmp_path)
    made = recorded(history, "a", "a c", "a cu")
    assert history.states(ME) == tuple(made)
    assert [state.parent for state in made] == ["", made[0].id, made[1].id]
    assert [state.at for state in made] == sorted(state.at for state in made)
    assert history.status() == history.status().__class__(0, 0, "")


def test_a_restart_finds_them_and_goes_on(tmp_path: Path) -> None:
    first = opened(tmp_path)
    made = recorded(first, "a", "ab")
    assert first.close()
    second = opened(tmp_path)
    assert second.states(ME) == tuple(made)
    assert second.picture(ME, made[0].id)
    assert second.resume(ME, PAGE) == made[-1]
    assert second.resume(ME, "another page") is None
    (later,) = recorded(second, "abc")
    assert later.parent == made[-1].id


def test_pictures_and_thumbnails_are_there_before_and_after_they_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()
    keep = states.States.keep

    def waiting(self: states.States, owner: str, state: State, pictures: Encoded) -> None:
        gate.wait(30)
        keep(self, owner, state, pictures)

    monkeypatch.setattr(states.States, "keep", waiting)
    history = opened(tmp_path)
    state = history.record(ME, PAGE, frame(width=512, height=256))
    assert state is not None
    before = history.picture(ME, state.id), history.thumbnail(ME, state.id)
    assert history.states(ME) == (state,)
    assert history.states(ME, session="other") == ()
    gate.set()
    assert history.flush()
    assert (history.picture(ME, state.id), history.thumbnail(ME, state.id)) == before
    assert [size(data) for data in before] == [("JPEG", 512, 256), ("WEBP", 160, 80)]


def test_drafts_and_their_final_are_one_state_and_the_best_stage_wins(tmp_path: Path) -> None:
    history = opened(tmp_path)
    final = frame(width=128, height=96, steps=8)
    quick = frame(stage=Stage.DRAFT, steps=2)
    assert history.record(ME, PAGE, replace(quick, stage=Stage.PREVIEW)) is None
    draft = history.record(ME, PAGE, quick, asked=final.request)
    assert draft is not None
    assert history.flush()
    assert (draft.stage, draft.request, draft.asked) == (
        Stage.DRAFT,
        quick.request,
        final.request,
    )
    best = history.record(ME, PAGE, final)
    assert best == replace(draft, stage=Stage.FINAL, request=final.request)
    assert history.record(ME, PAGE, quick) == best
    assert history.flush()
    assert history.states(ME) == (best,)
    assert size(history.picture(ME, draft.id)) == ("JPEG", 128, 96)
    assert len(files(tmp_path, ".jpg")) == 1


def test_the_same_request_in_a_row_is_one_state_and_later_another(tmp_path: Path) -> None:
    history = opened(tmp_path)
    made = recorded(history, "a", "a", "b", "a")
    assert made[0] == made[1]
    assert prompts(history) == ["a", "b", "a"]
    assert len(files(tmp_path, ".jpg")) == 1


def test_another_size_is_another_state(tmp_path: Path) -> None:
    history = opened(tmp_path)
    history.record(ME, PAGE, frame())
    history.record(ME, PAGE, frame(width=128))
    assert [state.request.width for state in history.states(ME)] == [64, 128]


def test_typing_from_an_earlier_state_branches(tmp_path: Path) -> None:
    history = opened(tmp_path)
    first, *_ = recorded(history, "a", "ab", "abc")
    assert history.stand_at(ME, PAGE, first.id) == first
    assert recorded(history, "a") == [first]
    (branch,) = recorded(history, "ax")
    assert branch.parent == first.id
    assert prompts(history) == ["a", "ab", "abc", "ax"]


def test_older_states_come_page_by_page(tmp_path: Path) -> None:
    history = opened(tmp_path)
    made = recorded(history, *("x" * n for n in range(1, 8)))
    newest = history.states(ME, 3)
    assert newest == tuple(made[-3:])
    assert history.states(ME, 3, before=newest[0].id) == tuple(made[1:4])
    assert history.states(ME, before=made[0].id) == history.states(ME, 0) == ()
    assert history.states(ME, before="gone") == ()


def test_an_owner_sees_nothing_of_another(tmp_path: Path) -> None:
    history = opened(tmp_path)
    (state,) = recorded(history, "a")
    assert history.states("you") == ()
    for ask in (history.state, history.picture, history.thumbnail):
        with pytest.raises(InvalidPicture, match="no longer kept"):
            ask("you", state.id)
    with pytest.raises(InvalidPicture):
        history.stand_at("you", PAGE, state.id)


@given(st.lists(st.text(max_size=20), max_size=4))
def test_any_text_is_kept_as_it_is(
    tmp_path_factory: pytest.TempPathFactory, typed: list[str]
) -> None:
    history = opened(tmp_path_factory.mktemp("data"))
    made = [history.record(text, text, frame(text)) for text in typed if text.isprintable()]
    assert history.flush()
    for state in made:
        assert state is not None
        assert history.states(state.session)[-1].request == state.request
    assert history.status().sentence == ""
    history.close()


def test_the_oldest_unpinned_go_first_and_their_pictures_with_them(tmp_path: Path) -> None:
    history = opened(tmp_path, bounds=Bounds(states_an_owner=4))
    pinned = frame("pinned", seed=6)
    recorded(history, "pinned")
    Moodboard(Ledger(tmp_path)).pin(ME, pinned)
    recorded(history, *("x" * n for n in range(10, 20)))
    recorded(history, "yours", owner="you")
    assert prompts(history) == ["pinned", "x" * 17, "x" * 18, "x" * 19]
    assert [state.pinned for state in history.states(ME)] == [True, False, False, False]
    assert prompts(history, "you") == ["yours"]
    assert len(files(tmp_path / STATES, ".jpg")) == 5


def test_the_bounds_of_all_hold_and_the_newest_stays(tmp_path: Path) -> None:
    history = opened(tmp_path, bounds=Bounds(states=3))
    for owner in "abcde":
        recorded(history, owner, owner=owner)
    assert [prompts(history, owner) for owner in "abcde"] == [[], [], ["c"], ["d"], ["e"]]
    tiny = opened(tmp_path, bounds=Bounds(disk_bytes=1))
    recorded(tiny, "z")
    assert len(files(tmp_path / STATES, ".jpg")) == 1
    assert prompts(tiny) == ["z"]


def test_the_bytes_on_disk_are_bounded(tmp_path: Path) -> None:
    most = 60_000
    history = opened(tmp_path, bounds=Bounds(disk_bytes=most))
    for number in range(40):
        history.record(ME, PAGE, frame(f"{number}", seed=number))
        assert history.flush()
        held = sum(path.stat().st_size for path in files(tmp_path / STATES, ".jpg"))
        assert held <= most
    assert 3 < len(history.states(ME)) < 40


def test_who_types_most_loses_their_own_and_nobody_elses(tmp_path: Path) -> None:
    most = 60_000
    history = opened(tmp_path, bounds=Bounds(owner_bytes=most, states_an_owner=30))
    recorded(history, "a", "b", owner="you")
    recorded(history, *(f"{number}" for number in range(40)))
    assert prompts(history, "you") == ["a", "b"]
    mine = prompts(history)
    assert 1 < len(mine) <= 30
    assert mine == [f"{number}" for number in range(40 - len(mine), 40)]
    rows = Ledger(tmp_path).rows("SELECT total(bytes) AS held FROM states WHERE owner = ?", (ME,))
    assert rows[0]["held"] <= most


def test_who_fills_the_queue_loses_what_waits_and_nobody_else_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()
    keep = states.States.keep

    def waiting(self: states.States, owner: str, state: State, pictures: Encoded) -> None:
        gate.wait(30)
        keep(self, owner, state, pictures)

    monkeypatch.setattr(states.States, "keep", waiting)
    history = opened(tmp_path, waiting_bytes=4 * frame().pixels.nbytes)
    history.record("you", PAGE, frame("mine", seed=1))
    for number in range(10):
        history.record(ME, PAGE, frame(f"{number}", seed=number))
    gate.set()
    assert history.flush()
    assert prompts(history, "you") == ["mine"]
    assert prompts(history)[-1] == "9"
    assert history.status().lost == 7
    history.close()


def test_strangers_may_keep_a_small_part_of_what_there_is() -> None:
    assert states.STRANGERS.owner_bytes * 16 == states.STRANGERS.disk_bytes == Bounds().disk_bytes
    assert states.STRANGERS.states_an_owner < Bounds().states_an_owner


def test_what_waits_is_bounded_and_its_loss_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()
    keep = states.States.keep

    def waiting(self: states.States, owner: str, state: State, pictures: Encoded) -> None:
        gate.wait(30)
        keep(self, owner, state, pictures)

    monkeypatch.setattr(states.States, "keep", waiting)
    room = 3 * frame().pixels.nbytes
    history = opened(tmp_path, waiting_bytes=room)
    for number in range(10):
        history.record(ME, PAGE, frame(f"{number}"))
    status = history.status()
    assert status.waiting == 3
    assert status.lost == 7
    assert "slower than the typing" in status.sentence
    gate.set()
    assert history.flush()
    assert prompts(history)[-3:] == ["7", "8", "9"]
    assert history.status().sentence == ""


def test_a_file_in_the_way_stops_nothing_and_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.write_text("in the way")
    history = opened(folder)
    recorded(history, "a")
    assert "may write there" in history.status().sentence
    with pytest.raises(NotKept):
        history.states(ME)
    folder.unlink()
    recorded(history, "ab")
    assert prompts(history) == ["ab"]
    assert (history.status().lost, history.status().sentence) == (1, "")


def test_a_full_disk_stops_nothing_and_is_told(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=1m") as disk:
        ledger = Ledger(disk)
        history = History(ledger)
        recorded(history, "a")
        fill(disk / "else")
        recorded(history, "ab")
        assert "disk is full" in history.status().sentence
        assert prompts(history) == ["a"]
        (disk / "else").unlink()
        recorded(history, "abc")
        assert prompts(history) == ["a", "abc"]
        assert history.status().sentence == ""
        assert files(disk, ".part") == []
        history.close()
        ledger.close()


def test_what_a_killed_process_left_is_swept(tmp_path: Path) -> None:
    recorded(opened(tmp_path), "a")
    (kept,) = files(tmp_path, ".jpg")
    orphan = kept.with_name(f"{'0' * 64}.jpg")
    orphan.write_bytes(b"nobody's")
    recorded(opened(tmp_path), "ab")
    assert not orphan.exists()
    assert len(files(tmp_path, ".jpg")) == 2


def test_three_hundred_states_come_in_one_query(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    history = History(ledger)
    shelf = states.States(ledger, Bounds())
    small = states.encoded(frame().pixels)
    for number in range(320):
        request = replace(REQUEST, prompt=f"{number}")
        shelf.keep(ME, State(f"{number}", PAGE, "", 0.0, Stage.FINAL, request, request), small)
    queries: list[str] = []
    ledger.rows("SELECT 1")
    assert ledger._reader is not None
    ledger._reader.set_trace_callback(queries.append)
    assert prompts(history) == [f"{number}" for number in range(20, 320)]
    assert len(queries) == 1


def test_what_comes_after_the_end_is_not_kept(tmp_path: Path) -> None:
    history = opened(tmp_path)
    recorded(history, "a")
    assert history.close()
    assert history.record(ME, PAGE, frame("late")) is not None
    assert prompts(history) == ["a"]
    assert History(Ledger(tmp_path)).close()


def test_a_writer_that_breaks_off_begins_again_and_writes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = opened(tmp_path)
    breaks = [SystemExit()]
    encode = states.encoded

    def encoded(pixels: Pixels) -> Encoded:
        if breaks:
            raise breaks.pop()
        return encode(pixels)

    monkeypatch.setattr(states, "encoded", encoded)
    recorded(history, "a", "ab")
    assert prompts(history) == ["a", "ab"]
    assert (history.status().lost, history.status().sentence) == (0, "")
    assert history.close()


def test_a_state_that_ends_the_writer_twice_is_lost_and_the_rest_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = opened(tmp_path)
    poison = frame("poison", seed=0)
    encode = states.encoded

    def encoded(pixels: Pixels) -> Encoded:
        if pixels is poison.pixels:
            raise SystemExit
        return encode(pixels)

    monkeypatch.setattr(states, "encoded", encoded)
    history.record(ME, PAGE, poison)
    recorded(history, "a")
    assert prompts(history) == ["a"]
    assert history.status().lost == 1
    assert history.close()
