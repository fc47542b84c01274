"""Pictures are kept whole or not at all, within bounds, with what made them."""

import errno
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from klein_ui import provenance, store
from klein_ui.contract import InvalidPicture, Pixels, Reference, Request
from klein_ui.store import NoRoom, PictureStore
from klein_ui.uploads import digest_of

REQUEST = Request("a cup", 7, 128, 128, 4, 1.0, "postcard")
NEVER = "0" * 64
PLENTY = 2**30


def picture(seed: int, side: int = 64) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)


@dataclass(slots=True)
class Clock:
    now: float = 2e9

    def __call__(self) -> float:
        return self.now


def kept_in(folder: Path, clock: Clock | None = None, **bounds: int) -> PictureStore:
    """A store that keeps nothing in memory, so that each get reads the disk."""
    sizes = {"max_bytes": PLENTY, "memory_bytes": 0, **bounds}
    return PictureStore(folder, **sizes, clock=clock or Clock())


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_what_was_put_comes_back(tmp_path: Path) -> None:
    pictures = kept_in(tmp_path / "made" / "when needed")
    digest = pictures.put(picture(0))
    assert digest == digest_of(picture(0))
    assert np.array_equal(pictures.get(digest), picture(0))
    assert pictures.get(digest).flags.writeable
    assert files(tmp_path) == [f"{digest}.png"]
    (path,) = tmp_path.rglob("*.png")
    assert path.parent.name == digest[:2]


def test_another_process_finds_it(tmp_path: Path) -> None:
    digest = kept_in(tmp_path).put(picture(0))
    assert np.array_equal(kept_in(tmp_path).get(digest), picture(0))


def test_the_size_is_read_without_decoding(tmp_path: Path) -> None:
    pictures = kept_in(tmp_path)
    digest = pictures.put(picture(0)[:48])
    assert pictures.size(digest) == (64, 48)
    assert pictures.size(NEVER) is None


def test_a_picture_in_memory_is_not_read_again(tmp_path: Path) -> None:
    pictures = PictureStore(tmp_path, PLENTY, PLENTY)
    digest = pictures.put(picture(0))
    assert pictures.get(digest) is pictures.get(digest)
    (path,) = tmp_path.rglob("*.png")
    path.unlink()
    assert np.array_equal(pictures.get(digest), picture(0))


def test_the_same_pixels_are_written_once(tmp_path: Path) -> None:
    pictures = kept_in(tmp_path)
    pictures.put(picture(0))
    (path,) = tmp_path.rglob("*.png")
    before = path.stat().st_ino
    pictures.put(picture(0))
    assert (path.stat().st_ino, len(files(tmp_path))) == (before, 1)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-900])


def _emptied(path: Path) -> None:
    path.write_bytes(b"")


def _swapped(path: Path) -> None:
    Image.fromarray(picture(1)).save(path)


@pytest.mark.parametrize("damage", [_cut, _emptied, _swapped])
def test_a_damaged_file_is_gone_until_it_is_added_again(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    pictures = kept_in(tmp_path)
    digest = pictures.put(picture(0))
    (path,) = tmp_path.rglob("*.png")
    damage(path)
    for _ in range(2):
        with pytest.raises(InvalidPicture, match="no longer kept; remove it and add it again"):
            pictures.get(digest)
    assert pictures.size(digest) is None
    pictures.put(picture(0))
    assert np.array_equal(pictures.get(digest), picture(0))


@pytest.mark.parametrize("name", [NEVER, "", "../" * 10 + "etc/passwd", "A" * 64, NEVER + "\n"])
def test_what_is_no_digest_is_gone_too(tmp_path: Path, name: str) -> None:
    pictures = kept_in(tmp_path)
    with pytest.raises(InvalidPicture, match="no longer kept"):
        pictures.get(name)
    assert pictures.size(name) is None
    assert pictures.made_by(name) is None


def test_a_name_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    outside = tmp_path / "outside.png"
    Image.fromarray(picture(0)).save(outside)
    inside = kept_in(tmp_path / "inside")
    inside.put(picture(1))
    for name in ("../outside", "../../outside", str(outside.with_suffix(""))):
        assert inside.size(name) is None


def full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("at", ["replace", "fsync", "fdopen"])
def test_a_full_disk_is_one_sentence_and_leaves_no_half_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    pictures = kept_in(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(os, at, full)
        with pytest.raises(NoRoom, match="no room left on the disk for this image; free some"):
            pictures.put(picture(0))
    assert files(tmp_path) == []
    with pytest.raises(InvalidPicture):
        pictures.get(digest_of(picture(0)))
    pictures.put(picture(0))


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(NoRoom):
        kept_in(tmp_path / "file" / "pictures").put(picture(0))


def test_what_a_killed_process_was_writing_is_swept(tmp_path: Path) -> None:
    clock = Clock()
    kept_in(tmp_path, clock).put(picture(0))
    (path,) = tmp_path.rglob("*.png")
    old, new = path.with_name("old.part"), path.with_name("new.part")
    for part, age_s in ((old, store.IN_USE_S + 1), (new, 1)):
        part.write_bytes(b"half")
        os.utime(part, (clock.now - age_s,) * 2)
    kept_in(tmp_path, clock).put(picture(1))
    assert not old.exists()
    assert new.exists()


def filled(folder: Path, clock: Clock, count: int, apart_s: float) -> tuple[PictureStore, int]:
    """Pictures 0 to count - 1, put `apart_s` apart, in a store with room for just those; and the
    bytes of one."""
    free = kept_in(folder, clock)
    for seed in range(count):
        free.put(picture(seed))
        clock.now += apart_s
    sizes = [path.stat().st_size for path in folder.rglob("*.png")]
    return kept_in(folder, clock, max_bytes=sum(sizes)), max(sizes)


def seeds_left(pictures: PictureStore, count: int) -> set[int]:
    return {seed for seed in range(count) if pictures.size(digest_of(picture(seed))) is not None}


def test_what_was_not_used_for_longest_goes_first(tmp_path: Path) -> None:
    clock = Clock()
    pictures, _ = filled(tmp_path, clock, 8, apart_s=2 * store.IN_USE_S)
    pictures.get(digest_of(picture(0)))
    clock.now += 1
    pictures.put(picture(8))
    left = seeds_left(pictures, 9)
    assert {0, 8} <= left
    # Down to nine tenths of eight: seven.
    assert left == {0, 3, 4, 5, 6, 7, 8}


def test_what_is_in_use_goes_only_where_nothing_else_helps(tmp_path: Path) -> None:
    clock = Clock()
    pictures, one = filled(tmp_path, clock, 8, apart_s=1.0)
    pictures.put(picture(8))
    # Only what the bound demands, not down to nine tenths.
    assert seeds_left(pictures, 9) == set(range(1, 9))
    sizes = [path.stat().st_size for path in tmp_path.rglob("*.png")]
    assert sum(sizes) <= 8 * one


def test_the_same_picture_again_counts_as_used(tmp_path: Path) -> None:
    clock = Clock()
    pictures, _ = filled(tmp_path, clock, 8, apart_s=1.0)
    pictures.put(picture(0))
    clock.now += 1
    pictures.put(picture(8))
    assert seeds_left(pictures, 9) == {0, *range(2, 9)}


def test_the_newest_stays_even_where_it_is_too_large_alone(tmp_path: Path) -> None:
    pictures = kept_in(tmp_path, max_bytes=10)
    for seed in range(3):
        pictures.put(picture(seed), replace(REQUEST, seed=seed))
    digest = digest_of(picture(2))
    assert files(tmp_path) == [f"{digest}.json", f"{digest}.png"]


def test_the_bound_holds_whatever_comes(tmp_path: Path) -> None:
    bound = 60_000
    pictures = kept_in(tmp_path, max_bytes=bound)
    for seed in range(30):
        pictures.put(picture(seed), replace(REQUEST, seed=seed))
        assert sum(path.stat().st_size for path in tmp_path.rglob("*.*")) <= bound


@pytest.mark.parametrize("room", [PLENTY, 30_000])
def test_threads_may_put_and_get_at_once(tmp_path: Path, room: int) -> None:
    pictures = PictureStore(tmp_path, room, 0)

    def work(turn: int) -> bool:
        seed = turn % 5
        digest = pictures.put(picture(seed), replace(REQUEST, seed=seed))
        try:
            return np.array_equal(pictures.get(digest), picture(seed))
        except InvalidPicture:
            # Tidied away by another thread, which is right where there is room for two.
            return room < PLENTY

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(work, range(60)))
    assert len([name for name in files(tmp_path) if name.endswith(".png")]) == (
        5 if room == PLENTY else 2
    )


def test_the_request_is_kept_beside_its_picture(tmp_path: Path) -> None:
    request = replace(REQUEST, prompt="夜 🌋", references=(Reference(NEVER, "style", 0.5),))
    digest = kept_in(tmp_path).put(picture(0), request)
    assert kept_in(tmp_path).made_by(digest) == request


def test_the_first_request_stays_and_an_upload_may_get_one(tmp_path: Path) -> None:
    pictures = kept_in(tmp_path)
    digest = pictures.put(picture(0))
    assert pictures.made_by(digest) is None
    pictures.put(picture(0), REQUEST)
    pictures.put(picture(0), replace(REQUEST, seed=8))
    pictures.put(picture(0))
    assert pictures.made_by(digest) == REQUEST


def test_an_edit_that_changed_nothing_did_not_make_the_picture(tmp_path: Path) -> None:
    pictures = kept_in(tmp_path)
    digest = pictures.put(picture(0))
    pictures.put(picture(0), replace(REQUEST, references=(Reference(digest),)))
    assert pictures.made_by(digest) is None


@pytest.mark.parametrize("text", ["", "{", '{"schema": 2}', "\udcff"])
def test_a_damaged_request_is_none(tmp_path: Path, text: str) -> None:
    pictures = kept_in(tmp_path)
    digest = pictures.put(picture(0), REQUEST)
    (path,) = tmp_path.rglob("*.json")
    path.write_bytes(text.encode(errors="surrogateescape"))
    assert pictures.made_by(digest) is None
    assert np.array_equal(pictures.get(digest), picture(0))


def edit(*digests: str, seed: int = 0) -> Request:
    return replace(REQUEST, seed=seed, references=tuple(map(Reference, digests)))


def test_a_chain_of_edits_is_walked_oldest_first(tmp_path: Path) -> None:
    pictures = kept_in(tmp_path)
    first = edit(pictures.put(picture(0)), seed=1)
    second = edit(pictures.put(picture(1), first), seed=2)
    third = edit(pictures.put(picture(2), second), seed=3)
    assert provenance.lineage(third, pictures) == (first, second)
    assert provenance.lineage(first, pictures) == ()


def test_who_is_parent_and_grandparent_comes_once_and_first(tmp_path: Path) -> None:
    pictures = kept_in(tmp_path)
    cup = pictures.put(picture(0), REQUEST)
    red = edit(cup, seed=1)
    both = edit(cup, pictures.put(picture(1), red), seed=2)
    assert provenance.lineage(both, pictures) == (REQUEST, red)


def test_a_circle_of_edits_ends(tmp_path: Path) -> None:
    pictures = kept_in(tmp_path)
    one, two = digest_of(picture(1)), digest_of(picture(2))
    there, back = edit(one, seed=1), edit(two, seed=2)
    pictures.put(picture(2), there)
    pictures.put(picture(1), back)
    assert provenance.lineage(there, pictures) == (back,)


def test_the_lineage_is_bounded(tmp_path: Path) -> None:
    pictures = kept_in(tmp_path)
    request = REQUEST
    for seed in range(80):
        request = edit(pictures.put(picture(seed), request), seed=seed + 1)
    found = provenance.lineage(request, pictures)
    assert [earlier.seed for earlier in found] == list(range(16, 80))
