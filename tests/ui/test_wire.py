"""Messages there and back."""

import base64
import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klein_ui.contract import Frame, InvalidRequest, Origin, Progress, Request, Stage, Timings
from klein_ui.dispatcher import Failed, Shown
from klein_ui.engine.fake import bands
from klein_ui.loading import Switched
from klein_ui.models import POSTCARD
from klein_ui.ui import wire


def shown() -> Shown:
    request = Request("夜", 3, 64, 32, 4, 1.0, "postcard")
    timings = Timings(encode_s=0.001, denoise_s=0.02, decode_s=0.003)
    frame = Frame(
        request, Stage.DRAFT, bands(request), timings, Origin("r", "d", "t", "b"), ("note",)
    )
    return Shown(9, frame, superseded=2)


def test_a_frame_is_a_length_a_header_and_the_picture() -> None:
    message = wire.frame(shown(), "name", b"jpeg", "image/jpeg", fine=False)
    (length,) = struct.unpack(">I", message[:4])
    header = json.loads(message[4 : 4 + length])
    assert message[4 + length :] == b"jpeg"
    assert header == {
        "type": "frame",
        "seq": 9,
        "stage": "draft",
        "frame": "name",
        "width": 64,
        "height": 32,
        "mime": "image/jpeg",
        "fine": False,
        "timings": {
            "encode_ms": 1.0,
            "images_ms": 0.0,
            "denoise_ms": 20.0,
            "decode_ms": 3.0,
            "render_ms": 24.0,
            "cached": False,
        },
        "superseded": 2,
        "notes": ["note"],
        "reads": "",
    }


def test_the_same_frame_as_an_event_carries_the_picture_as_text() -> None:
    message = json.loads(wire.frame_event(shown(), "name", b"jpeg", "image/jpeg", fine=True))
    assert base64.b64decode(message["data"]) == b"jpeg"
    assert message["seq"] == 9


def test_hello_tells_the_model_its_limits_and_defaults() -> None:
    message = json.loads(wire.hello(POSTCARD))
    assert message["model"]["built_in"] is True
    assert "not klein" in message["model"]["about"]
    assert message["limits"]["steps"] == POSTCARD.max_steps
    assert message["defaults"]["side"] == POSTCARD.default_side
    assert POSTCARD.default_side in message["choices"]["sides"]
    assert message["sentence"] == ""


def test_a_switch_is_a_hello_with_what_went_wrong() -> None:
    message = json.loads(wire.spoken(Switched(POSTCARD, "postcard is back: no network.")))
    assert (message["type"], message["model"]["name"]) == ("hello", "postcard")
    assert message["sentence"] == "postcard is back: no network."


def test_progress_and_errors_are_json() -> None:
    assert json.loads(wire.progress(Progress("loading", "Loading…", 0.5))) == {
        "type": "progress",
        "phase": "loading",
        "sentence": "Loading…",
        "fraction": 0.5,
    }
    assert json.loads(wire.failed(Failed(1, "Do this."))) == {
        "type": "error",
        "seq": 1,
        "field": None,
        "sentence": "Do this.",
    }


def test_a_request_is_read() -> None:
    message = wire.up('{"type": "request", "seq": 4, "prompt": "x"}')
    assert message.fields is not None
    assert (message.seq, message.fields["prompt"]) == (4, "x")


def test_an_emptied_prompt_is_no_request() -> None:
    assert wire.up('{"type": "clear", "seq": 4}') == wire.Up(4, None)


def test_a_wanted_model_is_a_name() -> None:
    assert wire.up('{"type": "model", "seq": 4, "name": "x"}') == wire.Up(4, None, "x")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "3",
        "{}",
        '{"type": "request"}',
        '{"type": "request", "seq": -1}',
        '{"type": "request", "seq": true}',
        '{"type": "request", "seq": 1.5}',
        '{"type": "request", "seq": 99999999999999999999}',
        '{"type": "other", "seq": 1}',
        "[" * 100_000,
        "9" * 20_000,
        "x" * 100_000,
    ],
)
def test_what_is_no_request_is_one_sentence(text: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        wire.up(text)
    assert str(refused.value).endswith(".")


@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_no_text_raises_anything_else(text: str) -> None:
    with pytest.raises(InvalidRequest):
        wire.up(text)
