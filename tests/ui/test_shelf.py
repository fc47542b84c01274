"""Frames by name, for a while."""

from klein_ui.contract import Frame, Hooks, Request, Stage
from klein_ui.engine.fake import FakeEngine
from klein_ui.ui.shelf import Shelf


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
    assert shelf.get("0" * 32) is None


def test_the_oldest_frames_go_when_it_is_full() -> None:
    shelf = Shelf(2 * 64 * 64 * 3)
    names = [shelf.put(frame(seed)) for seed in range(3)]
    assert [shelf.get(name) is None for name in names] == [True, False, False]
