"""What the process with the GPU answers."""

from typing import cast

import pytest
import torch

from klein_ui.contract import (
    DeviceLost,
    EngineFailed,
    Frame,
    Hooks,
    InvalidLora,
    InvalidPicture,
    InvalidRequest,
    OutOfMemory,
    Request,
    Stage,
    Superseded,
)
from klein_ui.engine.encodings import Known
from klein_ui.engine.fake import FakeEngine
from klein_ui.engine.klein import KleinEngine
from klein_ui.serve.zero_calls import Answer, Made, Order, Refused, Stopped, Watch
from klein_ui.serve.zero_worker import NOT_SENT, Parcel, Worker

SUN = Request("sun", 1, 64, 64, 4, 1.0, "postcard")


class Engine(FakeEngine):
    """Raises `error` in place of a picture, or where it is told what is `known`."""

    error: Exception | None = None
    full: Exception | None = None

    @property
    def encodings(self) -> "Engine":
        return self

    def put(self, known: Known) -> None:
        if self.full is not None:
            raise self.full

    def of(self, request: Request, known: Known) -> Known:
        return known

    def render(self, request: Request, stage: Stage, hooks: Hooks) -> Frame:
        if self.error is not None:
            raise self.error
        return super().render(request, stage, hooks)


def answer(engine: Engine, watch: Watch | None = None) -> Answer:
    order = Order(SUN, Stage.DRAFT, Known(), {}, {}, 0)
    return Worker(cast(KleinEngine, engine), Parcel(), watch or Watch()).answer(order)


def test_a_picture_comes_with_how_far_it_was() -> None:
    watch = Watch()
    made = answer(Engine(render_s=0.0), watch)
    assert isinstance(made, Made)
    assert (made.frame.stage, watch.steps(0)) == (Stage.DRAFT, 4)


def test_what_was_stopped_before_its_first_step_makes_none() -> None:
    watch, engine = Watch(), Engine(render_s=0.0)
    watch.stop(0)
    assert answer(engine, watch) == Stopped()
    assert (engine.counts.steps, watch.steps(0)) == (0, 0)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (InvalidPicture("gone"), "InvalidPicture"),
        (InvalidLora("gone"), "InvalidLora"),
        (EngineFailed("no"), "EngineFailed"),
        # It could not be made again from its sentence alone.
        (InvalidRequest("seed", "no"), "EngineFailed"),
    ],
)
def test_what_has_a_sentence_arrives_with_it(error: Exception, kind: str) -> None:
    engine = Engine()
    engine.error = error
    assert answer(engine) == Refused(kind, str(error))
    assert engine.counts.relieved == 0


def test_where_memory_was_too_small_all_but_the_weights_is_let_go() -> None:
    engine = Engine()
    engine.error = OutOfMemory("too little")
    assert answer(engine) == Refused("OutOfMemory", "too little")
    assert engine.counts.relieved == 1


def test_what_is_sent_along_may_not_fit_either() -> None:
    engine = Engine()
    engine.full = torch.OutOfMemoryError("CUDA out of memory.")
    refused = answer(engine)
    assert isinstance(refused, Refused)
    assert refused.kind == "OutOfMemory"
    assert engine.counts.relieved == 1


def test_a_lost_device_gives_the_process_up() -> None:
    engine = Engine()
    engine.error = DeviceLost("lost")
    with pytest.raises(DeviceLost):
        answer(engine)
    engine.error = Superseded()
    assert answer(engine) == Stopped()


def test_a_parcel_has_what_came_with_the_order_alone() -> None:
    parcel = Parcel()
    with pytest.raises(InvalidPicture, match=NOT_SENT):
        parcel.get("d" * 64)
    with pytest.raises(InvalidLora, match="“ink” did not come"):
        parcel.file("ink")
