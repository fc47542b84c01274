"""The OpenAPI description of the routes for programs, by the model of the moment."""

import re
from typing import Any

from klein_ui import limits, uploads
from klein_ui.limits import Rate
from klein_ui.models import ModelRow
from klein_ui.ui import api_fields, api_forms, board_routes, bodies, export_routes, programs
from klein_ui.ui.api_fields import FORMATS, Schema, object_of

VERSION = "1"
SENTENCE = object_of(
    {
        "sentence": {"type": "string", "description": "What is wrong, and what to do."},
        "field": {"type": "string", "description": "The field to mend, where it is one."},
    },
    ("sentence",),
)
REFUSALS = {
    "401": "A token or a login is asked for.",
    "403": "Another page asks, or boards whose owner nobody knows.",
    "404": "A frame, pin or board that is not there.",
    "413": "The body is too large.",
    "415": "An edit that is no form.",
    "422": "A field is missing or wrong.",
    "429": "Too often; `Retry-After` says how many seconds to wait.",
    "503": "The engine cannot make it now.",
    "507": "There is no room on the disk of the server.",
}
AS: Schema = {"type": "string", "enum": list(FORMATS), "default": "png"}
FRAME: Schema = {"type": "string", "description": "A name that a call gave: `Klein-Frame`."}
BOARD: Schema = {"type": "string", "description": "The id of a board."}
PINS: Schema = {
    "type": "array",
    "items": {"type": "string"},
    "maxItems": board_routes.MOST_AT_ONCE,
    "description": "Ids of pins, exported in this order.",
}
NDJSON = "application/x-ndjson"


def document(row: ModelRow) -> dict[str, Any]:
    """All of the routes, as OpenAPI 3.1."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Klein Live",
            "version": VERSION,
            "description": f"Pictures by {row.title}. Limits are those of this model.",
        },
        "servers": [{"url": "/"}],
        "security": [{}, {"token": []}, {"login": []}],
        "paths": {f"{programs.ROOT}/{name}": {way: told} for name, way, told in _routes(row)},
        "components": {
            "schemas": {"Sentence": SENTENCE, "Frame": _frame(), "Line": _line()},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "login": {"type": "http", "scheme": "basic"},
            },
        },
    }


def _routes(row: ModelRow) -> list[tuple[str, str, dict[str, Any]]]:
    plain = api_fields.of_request(row)
    request = object_of(plain, ("prompt",))
    one_of_both = {"frame": FRAME, "request": request}
    exported = object_of({**one_of_both, "as": AS, "sidecar": {"type": "boolean"}})
    kinds: Schema = {"type": "string", "enum": list(export_routes.KINDS)}
    of_pins = object_of({"pins": PINS, "board": BOARD, "as": kinds}, ("as",))
    pinned = object_of({**one_of_both, "board": BOARD})
    return [
        _post(
            "generate",
            "A picture of a prompt.",
            limits.CALLS,
            _json(object_of({**plain, "as": AS}, ("prompt",))),
            _picture(),
        ),
        _post(
            "edit",
            "A picture made of others: the first image is edited, the rest are looked at.",
            limits.CALLS,
            _form(row),
            _picture(),
        ),
        _post(
            "stream",
            "Frames as they come: drafts, then the full picture, which is the last line.",
            limits.CALLS,
            _json(object_of(api_fields.of_stream(row), ("prompt",))),
            _lines(),
        ),
        _post(
            "variations",
            "Several seeds of one prompt; each counts as a call.",
            limits.CALLS,
            _json(object_of(api_fields.of_variations(row), ("prompt",))),
            _lines(),
        ),
        _post(
            "export",
            "A file of a frame or request with its request inside, or of pins.",
            limits.EXPORTS,
            _json({"oneOf": [exported, of_pins]}),
            _picture(),
        ),
        _post(
            "pin",
            "Keep a frame, or what a request makes, on a board.",
            limits.PINS,
            _json(pinned),
            _object("The pin, and the name of its board as `board_title`."),
        ),
        _post(
            "images",
            f"Keep an image, at most {uploads.MAX_UPLOAD_BYTES // 2**20} MB: the body, or `frame`.",
            limits.UPLOADS,
            {
                "content": {
                    kind: {"schema": {}} for kind in ("image/png", "image/jpeg", "image/webp")
                }
            },
            _object("Its digest and size, for `references` and `mask`."),
            [{"name": "frame", "in": "query", "schema": FRAME}],
        ),
        _get(
            "frames/{name}",
            "The file of a frame that a call named; what left the memory is made again.",
            "",
            [
                {"name": "name", "in": "path", "required": True, "schema": FRAME},
                {"name": "as", "in": "query", "schema": AS},
            ],
        ),
        _get("boards", "The boards of who asks.", "`boards`, the oldest first."),
        _get(
            "boards/{id}/pins",
            "The pins of a board.",
            "`pins`, in their order, and how many there are in all as `total`.",
            [
                {"name": "id", "in": "path", "required": True, "schema": BOARD},
                {"name": "start", "in": "query", "schema": {"type": "integer", "minimum": 0}},
                {
                    "name": "limit",
                    "in": "query",
                    "schema": {
                        "type": "integer",
                        "minimum": 0,
                        "maximum": board_routes.MOST_LISTED,
                    },
                },
            ],
        ),
        _get("model", "The model of the moment.", "`model`, `limits`, `defaults`, `choices`."),
        _get("openapi.json", "This description.", "OpenAPI 3.1."),
    ]


def _post(
    name: str,
    about: str,
    rate: Rate,
    body: dict[str, Any],
    answer: dict[str, Any],
    parameters: list[dict[str, Any]] | None = None,
) -> tuple[str, str, dict[str, Any]]:
    told = {
        "operationId": name,
        "summary": about,
        "requestBody": {"required": not parameters, **body},
        "responses": {"200": answer, **_refusals()},
        "x-rate-limit": {"burst": rate.burst, "per_second": rate.per_s, "for": "an address"},
    }
    return name, "post", {**told, "parameters": parameters} if parameters else told


def _get(
    name: str, about: str, answer: str, parameters: list[dict[str, Any]] | None = None
) -> tuple[str, str, dict[str, Any]]:
    operation = re.sub(r"\W+", "_", name).strip("_")
    told = {
        "operationId": operation,
        "summary": about,
        "responses": {"200": _object(answer) if answer else _picture(), **_refusals()},
    }
    return name, "get", {**told, "parameters": parameters} if parameters else told


def _json(schema: Schema) -> dict[str, Any]:
    most = f"At most {bodies.MAX_FIELDS_BYTES // 2**10} kB."
    return {"description": most, "content": {"application/json": {"schema": schema}}}


def _form(row: ModelRow) -> dict[str, Any]:
    file: Schema = {"type": "string", "format": "binary"}
    images = {"type": "array", "minItems": 1, "maxItems": row.max_references, "items": file}
    request = object_of({**api_fields.of_edit(row), "as": AS}, ("prompt",))
    parts = object_of({"request": request, "image": images, "mask": file}, ("request", "image"))
    return {
        "description": f"At most {api_forms.MOST_BYTES // 2**20} MB.",
        "content": {
            "multipart/form-data": {
                "schema": parts,
                "encoding": {"request": {"contentType": "application/json"}},
            }
        },
    }


def _picture() -> dict[str, Any]:
    kinds = ("image/png", "image/webp", "image/jpeg", "application/zip", "application/pdf")
    return {
        "description": "The file; for one picture, `Klein-Frame` is its name.",
        "headers": {"Klein-Frame": {"schema": FRAME}},
        "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in kinds},
    }


def _lines() -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Line"}
    return {"description": "A line of JSON for each.", "content": {NDJSON: {"schema": schema}}}


def _object(about: str) -> dict[str, Any]:
    return {"description": about, "content": {"application/json": {"schema": {"type": "object"}}}}


def _refusals() -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Sentence"}}}
    return {status: {"description": why, "content": content} for status, why in REFUSALS.items()}


def _frame() -> Schema:
    """What a line of a stream says of a picture."""
    return object_of(
        {
            "type": {"const": "frame"},
            "stage": {"enum": ["preview", "draft", "final"]},
            "frame": {"type": "string", "description": "Empty for a preview."},
            "seed": {"type": "integer"},
            "width": {"type": "integer"},
            "height": {"type": "integer"},
            "render_ms": {"type": "integer"},
            "notes": {"type": "array", "items": {"type": "string"}},
            "mime": {"type": "string"},
            "data": {"type": "string", "contentEncoding": "base64"},
        },
        ("type", "stage", "frame", "seed", "width", "height", "render_ms", "notes", "mime", "data"),
    )


def _line() -> Schema:
    busy = object_of({"type": {"const": "busy"}, "ahead": {"type": "integer"}}, ("type", "ahead"))
    progress = object_of(
        {
            "type": {"const": "progress"},
            "sentence": {"type": "string"},
            "fraction": {"type": ["number", "null"]},
        },
        ("type", "sentence", "fraction"),
    )
    error = object_of(
        {
            "type": {"const": "error"},
            "sentence": {"type": "string"},
            "seed": {"type": "integer", "description": "Of variations: which one failed."},
        },
        ("type", "sentence"),
    )
    return {"oneOf": [{"$ref": "#/components/schemas/Frame"}, busy, progress, error]}
