"""What a program may say in a call, as JSON Schemas with the limits of the model of the moment.

The description of the routes and the tools of MCP are made of these; `validate` decides.
"""

from collections.abc import Collection, Mapping

from klein_ui.contract import Asked, InvalidRequest
from klein_ui.models import GRID_PX, ModelRow
from klein_ui.validate import (
    MAX_LORA_NAME_CHARS,
    MAX_LORA_SCALE,
    MAX_LORAS,
    MAX_PROMPT_CHARS,
    MAX_ROLE_CHARS,
    MAX_SEED,
    asked,
)

Schema = dict[str, object]

MOST_VARIATIONS = 8
USUAL_VARIATIONS = 4
FORMATS = ("png", "webp", "jpeg")

NO_PROMPT = "The call has no field “prompt”; say in it what the picture shows."
UNKNOWN = "There is no field “{name}” here; give some of {known}."
NO_OBJECT = "The field {field} must be an object of fields; see {where}/openapi.json."


def of_request(row: ModelRow) -> dict[str, Schema]:
    """The fields of one picture; all but `prompt` may be left out."""
    return {
        "prompt": {
            "type": "string",
            "maxLength": MAX_PROMPT_CHARS,
            "description": "What the picture shows; with references, what shall change.",
        },
        "seed": _whole(0, MAX_SEED, 0, "The composition."),
        "width": _side(row, "Pixels, a multiple of 16."),
        "height": _side(row, f"The same; at most {row.max_area:,} pixels in all."),
        "steps": _whole(1, row.max_steps, row.steps, "Denoising steps."),
        "guidance_scale": {
            "type": "number",
            "minimum": 1,
            "maximum": row.max_guidance_scale,
            "default": row.guidance_scale,
            "description": "How strictly the prompt is followed; distilled weights ignore it.",
        },
        "references": {
            "type": "array",
            "maxItems": row.max_references,
            "items": object_of(reference(), ("digest",)),
            "description": "Images that the model looks at, in their order.",
        },
        "roles": {
            "type": "boolean",
            "default": True,
            "description": "Whether the prompt speaks of the roles of the references.",
        },
        "mask": {
            "type": "string",
            "description": "The digest of an image whose white parts of the first reference may "
            "change; nothing outside of them does.",
        },
        "keep_background": {
            "type": "boolean",
            "default": False,
            "description": "What hardly changes stays the first reference's own pixels.",
        },
        "loras": {
            "type": "array",
            "maxItems": MAX_LORAS,
            "items": object_of(
                {
                    "name": {"type": "string", "maxLength": MAX_LORA_NAME_CHARS},
                    "scale": {
                        "type": "number",
                        "minimum": -MAX_LORA_SCALE,
                        "maximum": MAX_LORA_SCALE,
                        "default": 1,
                    },
                },
                ("name",),
            ),
            "description": "LoRAs of the app's folder, by name.",
        },
        "blend": {
            **object_of(
                {
                    "prompt": {"type": "string", "maxLength": MAX_PROMPT_CHARS},
                    "seed": _whole(0, MAX_SEED, None, "That of the request, if left out."),
                    "share": {**_share("How much of it."), "default": 0.5},
                },
                ("prompt",),
            ),
            "description": "A second prompt and seed, and how far the picture is on the way there.",
        },
    }


def of_stream(row: ModelRow) -> dict[str, Schema]:
    """The same, with what is about drafts."""
    return {
        **of_request(row),
        "draft": _whole(row.min_side, row.max_side, row.draft_side, "The longer side of drafts."),
        "small_references": {
            "type": "boolean",
            "default": True,
            "description": "Whether drafts see the references small.",
        },
    }


def of_variations(row: ModelRow) -> dict[str, Schema]:
    """The same, with the seeds in place of one; `seed` is the first where they are counted."""
    return {
        **of_request(row),
        "count": _whole(1, MOST_VARIATIONS, USUAL_VARIATIONS, "How many seeds, from `seed` on."),
        "seeds": {
            "type": "array",
            "minItems": 1,
            "maxItems": MOST_VARIATIONS,
            "items": {"type": "integer", "minimum": 0, "maximum": MAX_SEED},
            "description": "The seeds themselves; `seed` and `count` mean nothing then.",
        },
    }


def of_edit(row: ModelRow) -> dict[str, Schema]:
    """The fields of an edit, whose images come beside them."""
    fields = of_request(row)
    del fields["references"], fields["mask"]
    looked_at = reference()
    del looked_at["digest"]
    fields["images"] = {
        "type": "array",
        "maxItems": row.max_references,
        "items": object_of(looked_at),
        "description": "What is said of each image, in their order; may be shorter.",
    }
    return fields


def reference() -> dict[str, Schema]:
    """An image that the model looks at."""
    return {
        "digest": {
            "type": "string",
            "pattern": "^[0-9a-f]{64}$",
            "description": "The name under which the image is kept.",
        },
        "role": {
            "type": "string",
            "maxLength": MAX_ROLE_CHARS,
            "description": "What the prompt says of it, such as “style”.",
        },
        "strength": {**_share("How much of its attention it gets."), "default": 1},
    }


def object_of(fields: Mapping[str, Schema], required: Collection[str] = ()) -> Schema:
    """An object of `fields` and no others."""
    shape: Schema = {"type": "object", "properties": dict(fields), "additionalProperties": False}
    return {**shape, "required": list(required)} if required else shape


def request_of(given: Mapping[str, object], row: ModelRow, known: Collection[str]) -> Asked:
    """What a call asks for. Raises `InvalidRequest`, for a name that is not `known` as well: a
    program cannot see that what it misspelt was ignored."""
    check_names(given, known)
    if "prompt" not in given:
        raise InvalidRequest("prompt", NO_PROMPT)
    return asked(given, row)


def check_names(given: Mapping[str, object], known: Collection[str]) -> None:
    """Raises `InvalidRequest` for a field that is not one of `known`."""
    for name in given:
        if name not in known:
            raise InvalidRequest(name[:40], UNKNOWN.format(name=name[:40], known=", ".join(known)))


def _whole(low: int, high: int, default: int | None, about: str) -> Schema:
    schema: Schema = {"type": "integer", "minimum": low, "maximum": high, "description": about}
    return schema if default is None else {**schema, "default": default}


def _side(row: ModelRow, about: str) -> Schema:
    schema = _whole(row.min_side, row.max_side, row.default_side, about)
    return {**schema, "multipleOf": GRID_PX}


def _share(about: str) -> Schema:
    return {"type": "number", "minimum": 0, "maximum": 1, "description": about}
