"""What travels between page and server, the same over the WebSocket and over Gradio events.

Up, JSON text: `{"type": "request", "seq", "prompt", "seed", "width", "height", "draft", "steps"}`,
with `guidance_scale` where the weights take one, and with what the Edit tab adds (`references`,
`roles`, `small_references`, `mask`, `keep_background`), with `loras`, with `blend`
(`{"prompt", "seed", "share"}`) where the picture lies between two, and with `model`, the one
whose limits the page knows: where it is another one now, the answer is a `hello`, and the page
asks again;
`{"type": "clear", "seq"}` when the prompt was emptied and no picture is wanted;
and `{"type": "model", "seq", "name"}` to have another model for everybody.

In a request `session` names a page whose pictures are kept, and `stands` the state on its screen,
where that is one that was kept before.

Down, JSON text:
`{"type": "hello", "protocol", "model": {...}, "limits": {...}, "defaults": {...}, "choices": {...},
"sentence"}` first, and again when the model is another one or could not be changed, which
`sentence` says,
`{"type": "progress", "phase", "sentence", "fraction"}` while the model loads, and with the phase
`restarting` when the app ends: what is asked then, the page asks again once it is back,
`{"type": "busy", "ahead"}` each second that a page waits for its picture while others get theirs:
how many come before it; the next frame takes that back,
`{"type": "error", "seq", "field", "sentence"}`.

Down, binary: four bytes, big endian, the length of a JSON header; the header
`{"type": "frame", "seq", "stage", "frame", "width", "height", "mime", "fine", "timings",
"superseded", "notes", "reads"}`; then the encoded picture. As an event the same header carries the
picture as `data`, base64. `frame` is the name under which the PNG can be fetched, empty for a
preview. `reads` is what the model read where the roles of references added to the prompt. A final
frame that rests comes again with `fine`: the same picture in full colour. Where the frame was kept,
`state` is `{"id", "parent", "at"}` of the typed state that it shows; where typed states cannot be
kept, `trouble` says so once.
"""

import base64
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from klein_ui.contract import InvalidRequest, Progress, Request
from klein_ui.events import Closing, Failed, Shown, Switched
from klein_ui.models import ModelRow
from klein_ui.roles import typed
from klein_ui.states import State
from klein_ui.ui import sizes
from klein_ui.validate import MAX_PROMPT_CHARS, MAX_SEED

PROTOCOL = 1
FULL = "Too many pages are open; try again in a minute."
TYPES = ("request", "clear", "model")
MAX_MESSAGE_CHARS = 32_768
MAX_MESSAGE_BYTES = 2 * 2**20
"""Longest message from a page: a full prompt with every character escaped, and room."""


@dataclass(frozen=True, slots=True)
class Up:
    """A message from the page: its number, and the fields of a request, or the model that is
    wanted; with neither it clears."""

    seq: int
    fields: Mapping[str, object] | None
    wanted: str | None = None


def up(text: object) -> Up:
    """What a message from the page says. Raises `InvalidRequest`."""
    # Events of Gradio bring any JSON.
    if not isinstance(text, str):
        raise InvalidRequest("message", "The message must be text; reload the page.")
    if len(text) > MAX_MESSAGE_CHARS:
        raise InvalidRequest("prompt", "The message is too long; shorten the prompt.")
    try:
        message = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest("message", "The message is not JSON; reload the page.") from error
    if not isinstance(message, dict) or message.get("type") not in TYPES:
        raise InvalidRequest("message", "The message is of no known type; reload the page.")
    seq = message.get("seq")
    if type(seq) is not int or not 0 <= seq < 2**53:
        raise InvalidRequest("seq", "The message has no sequence number; reload the page.")
    if message["type"] == "model":
        return Up(seq, None, str(message.get("name")))
    return Up(seq, message if message["type"] == "request" else None)


def hello(row: ModelRow, sentence: str = "") -> str:
    """The model with its limits, defaults and choices; with a `sentence`, why it is no other."""
    return _text(**greeting(row), sentence=sentence)


def greeting(row: ModelRow) -> dict[str, object]:
    """What a page has to know of a model."""
    return {
        "type": "hello",
        "protocol": PROTOCOL,
        "model": {
            "name": row.name,
            "title": row.title,
            "about": row.about,
            "built_in": row.built_in,
            "licence": row.licence,
            "restriction": row.restriction,
        },
        "limits": {
            "references": row.max_references,
            "prompt_chars": MAX_PROMPT_CHARS,
            "seed": MAX_SEED,
            "steps": row.max_steps,
            "guidance_scale": row.max_guidance_scale,
            "min_side": row.min_side,
            "max_side": row.max_side,
            "max_area": row.max_area,
        },
        "defaults": {
            "side": row.default_side,
            "draft": row.draft_side,
            "steps": row.steps,
            "guidance_scale": row.guidance_scale,
        },
        "choices": {"sides": sizes.picture_sides(row), "drafts": sizes.draft_sides(row)},
    }


def spoken(event: Failed | Progress | Switched | Closing) -> str:
    """What happened, where it is no frame."""
    match event:
        case Failed():
            return failed(event)
        case Switched():
            return hello(event.row, event.sentence)
        case Progress():
            return progress(event)
        case Closing():
            return progress(Progress("restarting", event.sentence))


def progress(event: Progress) -> str:
    """Where the loading of the model stands."""
    return _text(
        type="progress", phase=event.phase, sentence=event.sentence, fraction=event.fraction
    )


def busy(ahead: int) -> str:
    """The picture has to wait for `ahead` others."""
    return _text(type="busy", ahead=ahead)


def busy_sentence(ahead: int) -> str:
    """The same in words, as the page says them."""
    return f"Busy: {ahead} ahead of you."


def failed(event: Failed) -> str:
    """The request made no picture, and what to do."""
    return _text(type="error", seq=event.seq, field=None, sentence=event.sentence)


def no_place(sentence: str) -> str:
    """That there is none for this page, whatever it asks for."""
    return _text(type="error", seq=None, field=None, sentence=sentence)


def invalid(seq: int | None, error: InvalidRequest) -> str:
    """The request was refused, and what to mend."""
    return _text(type="error", seq=seq, field=error.field, sentence=str(error))


@dataclass(frozen=True, slots=True)
class Kept:
    """Where a frame was kept: its typed `state`, None where it was not, and why the last ones were
    not, empty where nobody has to be told."""

    state: State | None = None
    trouble: str = ""


NOT_KEPT = Kept()


def frame(
    event: Shown, name: str, encoded: bytes, mime: str, *, fine: bool, kept: Kept = NOT_KEPT
) -> bytes:
    """A frame as one binary message."""
    header = _text(**_header(event, name, mime, fine), **_kept(kept)).encode()
    return struct.pack(">I", len(header)) + header + encoded


def frame_event(
    event: Shown, name: str, encoded: bytes, mime: str, *, fine: bool, kept: Kept = NOT_KEPT
) -> str:
    """A frame as JSON, for ways that carry no binary."""
    header = _header(event, name, mime, fine) | _kept(kept)
    return _text(**header, data=base64.b64encode(encoded).decode())


def _kept(kept: Kept) -> dict[str, object]:
    state = kept.state
    told: dict[str, object] = {"trouble": kept.trouble} if kept.trouble else {}
    if state is not None:
        told["state"] = {"id": state.id, "parent": state.parent, "at": state.at}
    return told


def _header(event: Shown, name: str, mime: str, fine: bool) -> dict[str, object]:
    timings = event.frame.timings
    return {
        "type": "frame",
        "seq": event.seq,
        "stage": event.frame.stage.value,
        "frame": name,
        "width": event.frame.request.width,
        "height": event.frame.request.height,
        "mime": mime,
        "fine": fine,
        "timings": {
            "encode_ms": round(timings.encode_s * 1000, 2),
            "images_ms": round(timings.images_s * 1000, 2),
            "denoise_ms": round(timings.denoise_s * 1000, 2),
            "decode_ms": round(timings.decode_s * 1000, 2),
            "render_ms": round(timings.render_s * 1000, 2),
            "cached": timings.cached,
        },
        "superseded": event.superseded,
        "notes": list(event.frame.notes),
        "reads": _reads(event.frame.request),
    }


def _reads(request: Request) -> str:
    """What the model read where that is more than what was typed."""
    told = any(looked_at.role for looked_at in request.references)
    return (
        request.prompt
        if told and typed(request.prompt, request.references) != request.prompt
        else ""
    )


def _text(**fields: object) -> str:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
