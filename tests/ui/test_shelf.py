"""Frames by name, for a while."""

from dataclasses import replace

from klein_ui.contract import Frame, Hooks, Request, Stage
from klein_ui.engine.fake import FakeEngine
from klein_ui.ui.shelf import LEFT_NAMES, PAGE_NAMES, Shelf


def frame(seed: int) -> Frame:
    request = Request("x", seed, 64, 64, 1, 1.0, "postcard")
    return FakeEngine(render_s=0.0).render(request, Stage.FINAL, Hooks())


def test_names_cannot_be_guessed_and_lead_back() -> None:
    shelf = Shelf(2**20)
    names = [shelf.put(frame(seed)) for seed in range(3)]
    assert len({*names}) == 3
    assert all(len(name) == 32 for name in names)
    found = shelf.get(names[1])
    assert found is not None
    assert found.request.seed == 1
    assert found.frame is not None
    assert shelf.get("0" * 32) is None


def test_the_oldest_frames_go_when_it_is_full_but_their_requests_stay() -> None:
    shelf = Shelf(2 * 64 * 64 * 3)
    kept = [shelf.get(shelf.put(frame(seed))) for seed in range(3)]
    assert all(found is not None for found in kept)
    names = [shelf.put(frame(seed)) for seed in range(3)]
    found = [shelf.get(name) for name in names]
    assert [one.frame is None for one in found if one] == [True, False, False]
    assert [one.request.seed for one in found if one] == [0, 1, 2]


def test_a_preview_has_no_name() -> None:
    assert Shelf(2**20).put(replace(frame(0), stage=Stage.PREVIEW)) == ""


def test_a_page_keeps_its_last_names_and_leaves_a_few_behind() -> None:
    shelf = Shelf(2**24)
    names = [shelf.put(frame(seed), "mine") for seed in range(PAGE_NAMES + 3)]
    other = shelf.put(frame(7), "other")
    assert [shelf.get(name) is None for name in names[:4]] == [True, True, True, False]
    shelf.leave("mine")
    there = [name for name in names if shelf.get(name) is not None]
    assert there == names[-LEFT_NAMES:]
    assert shelf.get(other) is not None
    shelf.leave("nobody")
