"""The request of a picture as JSON, there and back.

Schema of the PNG chunk `klein-live`: `{"schema": 1, "request": {the fields of Request},
"origin": {the fields of Origin}, "stage"}`, and `"lineage": [requests, oldest first]` where its
references were made by the app. The chunk `parameters` says the same in the line format that other
image tools read. A record with a schema and a request alone is read as well.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

from klein_ui import __version__
from klein_ui.contract import Frame, KleinError, Origin, Request, Stage
from klein_ui.provenance.strict import parsed, strict

CHUNK = "klein-live"
BOARD_CHUNK = "klein-live-board"
"""In the PNG of a contact sheet: the JSON of an archive's manifest."""
PARAMETERS = "parameters"
SCHEMA = 1
MAX_LINEAGE = 64
SOFTWARE = f"Klein Live {__version__}"

NO_REQUEST = "The picture holds no request of Klein Live; choose another."

# In a line of text they end it, or make a terminal obey.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]+")


class Makers(Protocol):
    """Where it is kept which request made a picture."""

    def made_by(self, digest: str) -> Request | None:
        """The request that made the picture of `digest`; None for one from outside."""
        ...


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of how a picture came to be; `lineage` are earlier requests, oldest first."""

    request: Request
    origin: Origin | None = None
    stage: Stage | None = None
    lineage: tuple[Request, ...] = ()


def record_of(frame: Frame, lineage: Sequence[Request] = ()) -> Record:
    """The record of `frame`; `lineage` are the requests that led to it."""
    return Record(frame.request, frame.origin, frame.stage, tuple(lineage))


def fields_of(record: Record) -> dict[str, object]:
    """`record` as the fields of a JSON object, its schema first."""
    fields: dict[str, object] = {"schema": SCHEMA, "request": request_fields(record.request)}
    if record.origin is not None:
        fields["origin"] = asdict(record.origin)
    if record.stage is not None:
        fields["stage"] = record.stage.value
    if record.lineage:
        fields["lineage"] = [request_fields(request) for request in record.lineage]
    return fields


def request_fields(request: Request) -> dict[str, object]:
    """The fields of `request`. Without a blend they are those of before there were any, so that
    the digests of requests stay what they were."""
    fields = asdict(request)
    if request.blend is None:
        del fields["blend"]
    return fields


def record_json(record: Record) -> str:
    """The text of the chunk `klein-live`."""
    return json.dumps(fields_of(record), ensure_ascii=False)


def record_from(chunk: str | bytes) -> Record:
    """The record of a `klein-live` chunk. Raises `KleinError` where it holds none.

    What comes back is only well-formed; check it with `validate` before it is rendered.
    """
    try:
        return record_of_fields(parsed(chunk))
    except ValueError as error:
        raise KleinError(NO_REQUEST) from error


def record_of_fields(fields: object) -> Record:
    """The record in a JSON object, whatever else is in it.

    Raises `ValueError` where there is none, and `KleinError` where it is a later version's.
    """
    if not isinstance(fields, Mapping) or "schema" not in fields:
        raise ValueError("no record")
    check_schema(fields["schema"])
    origin, stage, earlier = (fields.get(name) for name in ("origin", "stage", "lineage"))
    if not isinstance(earlier, list | None) or len(earlier or ()) > MAX_LINEAGE:
        raise ValueError("no lineage")
    return Record(
        strict(Request, fields.get("request")),
        None if origin is None else strict(Origin, origin),
        None if stage is None else Stage(stage),
        tuple(strict(Request, request) for request in earlier or ()),
    )


def check_schema(schema: object) -> None:
    """Raises `KleinError` for another version's schema, `ValueError` for what is none."""
    if type(schema) is not int:
        raise ValueError("no schema")
    if schema != SCHEMA:
        raise KleinError(
            f"The picture was saved by another version (schema {schema}); "
            "update the app to open it."
        )


def texts(frame: Frame, lineage: Sequence[Request] = ()) -> dict[str, str]:
    """The text chunks for a PNG of `frame`; `lineage` are the requests that led to it."""
    return texts_of(record_of(frame, lineage))


def texts_of(record: Record) -> dict[str, str]:
    """The text chunks for a PNG of `record`."""
    return {
        CHUNK: record_json(record),
        PARAMETERS: parameters(record.request),
        "Software": SOFTWARE,
    }


def request_json(request: Request) -> str:
    """The record of `request` alone, which :func:`request_from` reads; equal requests give equal
    text."""
    return json.dumps({"schema": SCHEMA, "request": request_fields(request)}, sort_keys=True)


def request_digest(request: Request) -> str:
    """The SHA-256, in hex, of the record of `request`."""
    return hashlib.sha256(request_json(request).encode()).hexdigest()


def request_from(chunk: str) -> Request:
    """The request of a `klein-live` chunk. Raises `KleinError` where it holds none.

    What comes back is only well-formed; check it with `validate` before it is rendered.
    """
    return record_from(chunk).request


def lineage(request: Request, makers: Makers) -> tuple[Request, ...]:
    """The requests that made the references of `request`, and theirs, oldest first, at most 64."""
    seen, oldest_first = {request}, list[Request]()
    _walk(request, makers, seen, oldest_first)
    return tuple(oldest_first)


def _walk(request: Request, makers: Makers, seen: set[Request], done: list[Request]) -> None:
    for reference in request.references:
        earlier = makers.made_by(reference.digest)
        # An edit may give back a picture that it came from, so there are circles.
        if earlier is not None and earlier not in seen and len(seen) <= MAX_LINEAGE:
            seen.add(earlier)
            _walk(earlier, makers, seen, done)
            done.append(earlier)


def parameters(request: Request) -> str:
    """`request` in the line format that other image tools read, the prompt on one line."""
    loras = "".join(f" <lora:{lora.name}:{lora.scale:g}>" for lora in request.loras)
    # The other prompt may hold commas, which end a value here; it is in the record.
    blend = request.blend
    blended = f", Blend seed: {blend.seed}, Blend share: {blend.share:g}" if blend else ""
    return (
        f"{_CONTROL.sub(' ', request.prompt)}{loras}\n"
        f"Steps: {request.steps}, Sampler: Euler, CFG scale: {request.guidance_scale:g}, "
        f"Seed: {request.seed}, Size: {request.width}x{request.height}, Model: {request.model}"
        f"{blended}"
    )
