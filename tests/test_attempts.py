"""A picture there is no memory for comes smaller, says so, and the next one goes on."""

from dataclasses import dataclass, field, replace

import pytest

from klein_ui.attempts import attempt, smaller
from klein_ui.contract import Frame, Hooks, OutOfMemory, Render, Request, Stage, Superseded
from klein_ui.engine.fake import FakeEngine
from klein_ui.models import KLEIN_4B, POSTCARD

from .stepping import asked

TOO_LITTLE = "There is too little memory."


@dataclass(slots=True)
class Cramped(FakeEngine):
    """Has room for so many pixels of a picture."""

    most_px: int = 0
    tried: list[tuple[int, int]] = field(default_factory=list)

    def render(self, request: Request, stage: Stage, hooks: Hooks) -> Frame:
        self.tried.append((request.width, request.height))
        if request.width * request.height > self.most_px:
            raise OutOfMemory(TOO_LITTLE)
        return FakeEngine.render(self, request, stage, hooks)


def cramped(most_px: int) -> Cramped:
    return Cramped(render_s=0.0, most_px=most_px)


def render(request: Request, hooks: Hooks | None = None) -> Render:
    return Render(request, Stage.FINAL, hooks or Hooks())


def test_half_the_pixels_on_the_grid_with_the_same_shape() -> None:
    request = replace(asked("sun").request, width=1024, height=1024, reference_area=2**20)
    less = smaller(request, KLEIN_4B)
    assert less is not None
    assert (less.width, less.height, less.reference_area) == (720, 720, 2**19)
    wide = smaller(replace(request, width=1024, height=512), KLEIN_4B)
    assert wide is not None
    assert (wide.width, wide.height) == (720, 352)


def test_there_is_nothing_smaller_than_the_model_makes() -> None:
    least = replace(asked("sun").request, width=POSTCARD.min_side, height=512)
    assert smaller(least, POSTCARD) is None


def test_what_does_not_fit_comes_smaller_and_says_so() -> None:
    engine = cramped(200 * 200)
    frame = attempt(engine, render(asked("sun", side=256).request), POSTCARD)
    assert (frame.request.width, frame.pixels.shape) == (176, (176, 176, 3))
    assert frame.notes == ("There was no memory for 256 × 256; this is 176 × 176.",)
    assert engine.tried == [(256, 256), (176, 176)]
    assert engine.counts.relieved == 1


def test_it_is_tried_smaller_once_and_then_one_sentence_is_left() -> None:
    engine = cramped(0)
    with pytest.raises(OutOfMemory, match=TOO_LITTLE):
        attempt(engine, render(asked("sun", side=512).request), POSTCARD)
    assert len(engine.tried) == 2
    assert engine.counts.relieved == 2


def test_a_newer_key_stops_the_smaller_one_too() -> None:
    hooks = Hooks(superseded=lambda steps_done: True)
    with pytest.raises(Superseded):
        attempt(cramped(200 * 200), render(asked("sun", side=256).request, hooks), POSTCARD)
