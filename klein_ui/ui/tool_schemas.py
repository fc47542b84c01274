"""What the tools of MCP take, with the limits of the model of the moment."""

from typing import Any

from klein_ui.models import ModelRow
from klein_ui.pins import MAX_TITLE_CHARS
from klein_ui.ui import api_fields
from klein_ui.ui.api_fields import Schema

GENERATE = (
    "Make a picture from a text prompt with FLUX.2 [klein]; the same call gives the same picture "
    "again. The answer is the picture and, as JSON, its “frame”: a name for edit and pin."
)
EDIT = (
    "Change pictures by an instruction: the first image is the one that is edited, others are "
    "references with a role, such as “style”. With a mask, only its white parts change."
)
PIN = (
    "Keep a picture on a board, so that it stays: a “frame” that generate or edit gave, or, "
    "without one, the picture of a prompt, which is made first."
)


def of(row: ModelRow) -> dict[str, tuple[str, dict[str, Any]]]:
    """Each tool's description and the schema of its fields."""
    known = api_fields.of_request(row)
    plain = {name: known[name] for name in ("prompt", "seed", "width", "height", "steps")}
    looked_at = api_fields.reference()
    del looked_at["digest"]
    image: dict[str, Schema] = {
        "frame": {"type": "string", "description": "The name that an earlier call gave."},
        "data": {"type": "string", "description": "A PNG, JPEG or WebP in base64."},
        **looked_at,
    }
    edit: dict[str, Schema] = {
        **plain,
        "images": {
            "type": "array",
            "minItems": 1,
            "maxItems": row.max_references,
            "items": api_fields.object_of(image),
            "description": "The image to edit, then references; each has “frame” or “data”.",
        },
        "mask": {"type": "string", "description": "An image in base64, white where to paint."},
        "keep_background": known["keep_background"],
    }
    pin: dict[str, Schema] = {
        "frame": image["frame"],
        **plain,
        "board": {
            "type": "string",
            "maxLength": MAX_TITLE_CHARS,
            "description": "The name of a board, made if need be; the first one without it.",
        },
    }
    return {
        "generate": (GENERATE, api_fields.object_of(plain, ("prompt",))),
        "edit": (EDIT, api_fields.object_of(edit, ("prompt", "images"))),
        "pin": (PIN, api_fields.object_of(pin)),
    }
