"""What goes over the wire comes out as it was."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from klein_ui.contract import (
    Blend,
    DeviceLost,
    EngineFailed,
    Frame,
    KleinError,
    Lora,
    OutOfMemory,
    Reference,
    Stage,
    Timings,
)
from klein_ui.engine.fake import FAKE_ORIGIN
from klein_ui.models import ROWS, ModelRow
from klein_ui.serve import wire

from ..stepping import asked

REQUEST = replace(
    asked("sun").request,
    references=(Reference("0" * 64, "style", 0.5),),
    loras=(Lora("ink", 0.3),),
    blend=Blend("moon", 7, 0.25),
    mask="1" * 64,
)


@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 2**31), st.floats(0, 9))
def test_a_frame_comes_out_as_it_was(width: int, height: int, seed: int, seconds: float) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    timings = Timings(seconds, cached=seed % 2 == 0)
    made = Frame(REQUEST, Stage.DRAFT, pixels, timings, FAKE_ORIGIN, ("a note",))
    message, data = wire.frame("frame", 3, made)
    found = wire.frame_from(json.loads(json.dumps(message)), data)
    assert np.array_equal(found.pixels, pixels)
    fields = ("request", "stage", "timings", "origin", "notes")
    assert [getattr(found, name) for name in fields] == [getattr(made, name) for name in fields]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_row_comes_out_as_it_was(row: ModelRow) -> None:
    assert wire.row_from(json.loads(json.dumps(wire.row_fields(row)))) == row


def test_bytes_go_in_bounded_messages() -> None:
    data = bytes(2 * wire.CHUNK_BYTES + 5)
    first, *rest = wire.texts_of({"type": "lora"}, data)
    assert json.loads(first) == {"type": "lora", "bytes": len(data)}
    assert [len(part) for part in rest] == [wire.CHUNK_BYTES, wire.CHUNK_BYTES, 5]


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (OutOfMemory("Too large."), OutOfMemory),
        (EngineFailed("Broken."), EngineFailed),
        (DeviceLost("Gone."), KleinError),
        (ValueError("nobody thought of it"), KleinError),
    ],
)
def test_an_error_is_a_sentence_of_a_known_kind(raised: Exception, kind: type[KleinError]) -> None:
    found = wire.error_from(wire.failed(1, raised))
    assert type(found) is kind
    assert "nobody thought" not in str(found)


def test_pixels_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match="reshape"):
        wire.pixels_from([2, 2, 3], b"12345")
    with pytest.raises(ValueError, match="no pixels"):
        wire.pixels_from([1, 1, 4], b"1234")
