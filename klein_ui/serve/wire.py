"""What an app and a replica say to each other: JSON, and after it the bytes that it announces.

Texts are objects with a `type`. One that has `bytes` is followed by so many, in binary messages of
at most `CHUNK_BYTES`, since servers refuse larger ones.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Protocol

import numpy as np

from klein_ui.contract import (
    EngineFailed,
    Frame,
    InvalidLora,
    InvalidPicture,
    KleinError,
    Origin,
    OutOfMemory,
    Pixels,
    Request,
    Stage,
    Timings,
    sentence_of,
)
from klein_ui.models import ModelRow
from klein_ui.provenance.record import request_fields
from klein_ui.provenance.strict import strict

CHUNK_BYTES = 2**20
WISH_HEADER = "x-session-id"
"""By this header of Ray Serve a lane says which replica it would like: see `Homing`."""

Message = dict[str, Any]

ERRORS: Mapping[str, type[KleinError]] = {
    kind.__name__: kind
    for kind in (KleinError, EngineFailed, OutOfMemory, InvalidPicture, InvalidLora)
}


class Connection(Protocol):
    """A WebSocket of either side."""

    def send(self, message: str | bytes) -> None:
        """Send one message. Raises what the connection raises."""
        ...


def texts_of(message: Mapping[str, object], data: bytes = b"") -> Iterator[str | bytes]:
    """The messages that carry `message` and the `data` that belongs to it."""
    yield json.dumps({**message, "bytes": len(data)} if data else message)
    view = memoryview(data)
    for start in range(0, len(data), CHUNK_BYTES):
        yield bytes(view[start : start + CHUNK_BYTES])


def request_from(fields: object) -> Request:
    """The request of `request_fields`. Raises `ValueError`."""
    return strict(Request, fields)


def render(
    run: int, request: Request, stage: Stage, *, preview: bool, loras: Sequence[str]
) -> Message:
    """Asks for a picture, as the run numbered `run`; `loras` are the digests of the files of the
    request's LoRAs, in their order."""
    fields = request_fields(request)
    rest = {"stage": stage.value, "preview": preview, "loras": list(loras)}
    return {"type": "render", "run": run, "request": fields, **rest}


def frame(kind: str, run: int, made: Frame) -> tuple[Message, bytes]:
    """A `kind` of frame and its pixels."""
    message = {
        "type": kind,
        "run": run,
        "request": request_fields(made.request),
        "stage": made.stage.value,
        "timings": asdict(made.timings),
        "origin": asdict(made.origin),
        "notes": list(made.notes),
        "shape": list(made.pixels.shape),
    }
    return message, made.pixels.tobytes()


def frame_from(message: Message, data: bytes) -> Frame:
    """The frame that `frame` told of. Raises `ValueError`."""
    return Frame(
        request_from(message["request"]),
        Stage(message["stage"]),
        pixels_from(message["shape"], data),
        strict(Timings, message["timings"]),
        strict(Origin, message["origin"]),
        tuple(str(note) for note in message["notes"]),
    )


def pixels_from(shape: Sequence[int], data: bytes) -> Pixels:
    """Pixels of `shape`, (height, width, 3). Raises `ValueError` where they have another."""
    height, width, channels = shape
    if channels != 3:
        raise ValueError("no pixels")
    return np.frombuffer(data, np.uint8).reshape(height, width, 3)


def failed(run: int, error: Exception) -> Message:
    """Why there is no picture."""
    kind = type(error).__name__
    sentence = sentence_of(error, "The picture could not be made")
    known = kind if kind in ERRORS else KleinError.__name__
    return {"type": "failed", "run": run, "kind": known, "sentence": sentence}


def error_from(message: Message) -> KleinError:
    """The error that `failed` told of."""
    return ERRORS.get(str(message["kind"]), KleinError)(str(message["sentence"]))


def row_fields(row: ModelRow) -> Message:
    """`row` as the fields of a JSON object."""
    return asdict(row)


def row_from(fields: object) -> ModelRow:
    """The row of `row_fields`. Raises `ValueError`."""
    return strict(ModelRow, fields)
