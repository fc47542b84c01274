"""The request inside the picture: PNG text chunks there and back.

Schema of the chunk `klein-live`, JSON: `{"schema": 1, "request": {the fields of Request},
"origin": {the fields of Origin}, "stage"}`, and `"lineage": [requests, oldest first]` where its
references were made by the app. The chunk `parameters` says the same in the line format that other
image tools read. A record with a schema and a request alone is read as well.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Protocol

from klein_ui.contract import Blend, Frame, KleinError, Lora, Reference, Request

CHUNK = "klein-live"
SCHEMA = 1
MAX_LINEAGE = 64


class Makers(Protocol):
    """Where it is kept which request made a picture."""

    def made_by(self, digest: str) -> Request | None:
        """The request that made the picture of `digest`; None for one from outside."""
        ...


def texts(frame: Frame, lineage: Sequence[Request] = ()) -> dict[str, str]:
    """The text chunks for a PNG of `frame`; `lineage` are the requests that led to it."""
    record: dict[str, object] = {
        "schema": SCHEMA,
        "request": _fields(frame.request),
        "origin": asdict(frame.origin),
        "stage": frame.stage.value,
    }
    if lineage:
        record["lineage"] = [_fields(request) for request in lineage]
    return {
        CHUNK: json.dumps(record, ensure_ascii=False),
        "parameters": _parameters(frame),
        "Software": "Klein Live",
    }


def request_json(request: Request) -> str:
    """The record of `request` alone, which :func:`request_from` reads; equal requests give equal
    text."""
    return json.dumps({"schema": SCHEMA, "request": _fields(request)}, sort_keys=True)


def request_digest(request: Request) -> str:
    """The SHA-256, in hex, of the record of `request`."""
    return hashlib.sha256(request_json(request).encode()).hexdigest()


def request_from(chunk: str) -> Request:
    """The request of a `klein-live` chunk. Raises `KleinError` where it holds none.

    What comes back is only well-formed; check it with `validate` before it is rendered.
    """
    try:
        record = json.loads(chunk)
        if record["schema"] != SCHEMA:
            raise KleinError(
                f"The picture was saved by another version (schema {record['schema']}); "
                "update the app to open it."
            )
        fields = dict(record["request"])
        references = tuple(Reference(**reference) for reference in fields.pop("references"))
        # Pictures of before there were LoRAs have none.
        loras = tuple(Lora(**lora) for lora in fields.pop("loras", ()))
        other = fields.pop("blend", None)
        blend = None if other is None else Blend(**other)
        return Request(**fields, references=references, loras=loras, blend=blend)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise KleinError("The picture holds no request of Klein Live; choose another.") from error


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


def _fields(request: Request) -> dict[str, object]:
    """The fields of `request`. Without a blend they are those of before there were any, so that
    the digests of requests stay what they were."""
    fields = asdict(request)
    if request.blend is None:
        del fields["blend"]
    return fields


def _parameters(frame: Frame) -> str:
    request = frame.request
    loras = "".join(f" <lora:{lora.name}:{lora.scale:g}>" for lora in request.loras)
    # The other prompt may hold commas, which end a value here; it is in the record.
    blend = request.blend
    blended = f", Blend seed: {blend.seed}, Blend share: {blend.share:g}" if blend else ""
    return (
        f"{request.prompt}{loras}\n"
        f"Steps: {request.steps}, Sampler: Euler, CFG scale: {request.guidance_scale:g}, "
        f"Seed: {request.seed}, Size: {request.width}x{request.height}, Model: {request.model}"
        f"{blended}"
    )
