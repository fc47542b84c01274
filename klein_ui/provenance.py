"""The request inside the picture: PNG text chunks there and back.

Schema of the chunk `klein-live`, JSON: `{"schema": 1, "request": {the fields of Request},
"origin": {the fields of Origin}, "stage"}`. The chunk `parameters` says the same in the line
format that other image tools read.
"""

import json
from dataclasses import asdict

from klein_ui.contract import Frame, KleinError, Reference, Request

CHUNK = "klein-live"
SCHEMA = 1


def texts(frame: Frame) -> dict[str, str]:
    """The text chunks for a PNG of `frame`."""
    record = {
        "schema": SCHEMA,
        "request": asdict(frame.request),
        "origin": asdict(frame.origin),
        "stage": frame.stage.value,
    }
    return {
        CHUNK: json.dumps(record, ensure_ascii=False),
        "parameters": _parameters(frame),
        "Software": "Klein Live",
    }


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
        return Request(**fields, references=references)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise KleinError("The picture holds no request of Klein Live; choose another.") from error


def _parameters(frame: Frame) -> str:
    request = frame.request
    return (
        f"{request.prompt}\n"
        f"Steps: {request.steps}, Sampler: Euler, CFG scale: {request.guidance_scale:g}, "
        f"Seed: {request.seed}, Size: {request.width}x{request.height}, Model: {request.model}"
    )
