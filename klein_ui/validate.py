"""The one way in: anything from outside becomes a `Request`, or one clear sentence."""

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise

from klein_ui.contract import Asked, Blend, InvalidRequest, Lora, Reference, Request
from klein_ui.models import GRID_PX, ModelRow
from klein_ui.roles import compiled

MAX_PROMPT_CHARS = 2000
MAX_SEED = 2**32 - 1
MAX_ROLE_CHARS = 80
MAX_LORAS = 3
MAX_LORA_SCALE = 2.0
MAX_LORA_NAME_CHARS = 100

# Control characters break logs and tokenisers; lone surrogates cannot be encoded as UTF-8.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")

_DIGEST = re.compile("[0-9a-f]{64}")

SMALLEST_GRID = 4
"""Tokens on the shorter side of the smallest draft; less shows nothing."""

DRAFT_SCALES = (1.0, 0.75, 0.5)
"""Sides of the drafts as parts of the one the user chose: they get smaller before rarer."""


def asked(raw: Mapping[str, object], row: ModelRow) -> Asked:
    """Check every field of `raw` against the limits of `row`; missing ones get its defaults.

    Known keys: prompt, seed, width, height, steps, guidance_scale, draft (the longer side of
    drafts); references (a list of digest, role, strength, made_by), roles (whether the prompt
    speaks of them), small_references (whether drafts see them small), mask, keep_background;
    loras (a list of name, scale); blend (prompt, seed, share). Unknown keys are ignored, so that
    an older page may talk to a newer server. Raises `InvalidRequest`.
    """
    width = _side("width", raw.get("width", row.default_side), row)
    height = _side("height", raw.get("height", row.default_side), row)
    if width * height > row.max_area:
        raise InvalidRequest(
            "width",
            f"{width} × {height} is too large for {row.title}; "
            f"choose at most {row.max_area:,} pixels in all.",
        )
    looked_at = references(raw.get("references", []), row)
    spoken_for = looked_at if _flag("roles", raw, default=True) else ()
    request = Request(
        prompt=compiled(prompt(raw.get("prompt", "")), spoken_for),
        seed=_whole("seed", raw.get("seed", 0), 0, MAX_SEED),
        width=width,
        height=height,
        steps=_whole("steps", raw.get("steps", row.steps), 1, row.max_steps),
        guidance_scale=_guidance(raw.get("guidance_scale", row.guidance_scale), row),
        model=row.name,
        references=looked_at,
        reference_area=row.reference_area,
        # Both are about the first reference; without one they mean nothing.
        mask=_digest("mask", raw.get("mask", ""), optional=True) if looked_at else "",
        keep_background=_flag("keep_background", raw, default=False) and bool(looked_at),
        loras=loras(raw.get("loras", [])),
    )
    request = _blended(request, raw.get("blend"), spoken_for)
    small = _flag("small_references", raw, default=True)
    draft_area = row.draft_reference_area if small else row.reference_area
    draft_side = _whole("draft", raw.get("draft", row.draft_side), row.min_side, row.max_side)
    quick = replace(request, reference_area=draft_area, steps=min(request.steps, row.draft_steps))
    drafts = drafts_of(quick, draft_side, row.min_side)
    if not drafts and quick.steps < request.steps:
        drafts = (quick,)
    return Asked(request=request, drafts=drafts)


def drafts_of(request: Request, draft_side: int, min_side: int) -> tuple[Request, ...]:
    """`request` at smaller sizes of the same shape, largest first.

    The longer side is `draft_side` or a part of it, at least `min_side` pixels; sizes at or above
    the request's own are left out, so a request as small as its drafts has none.
    """
    longer = max(request.width, request.height)
    if draft_side >= longer:
        return ()
    drafts: list[Request] = []
    for part in DRAFT_SCALES:
        scale = draft_side * part / longer
        width, height = (_on_grid(side * scale) for side in (request.width, request.height))
        small = replace(request, width=width, height=height)
        if max(width, height) >= min_side and small not in drafts:
            drafts.append(small)
    return tuple(drafts)


def references(value: object, row: ModelRow) -> tuple[Reference, ...]:
    """References in their order, at most as many as `row` takes. Raises `InvalidRequest`."""
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise InvalidRequest(
            "references", "The references must be a list of images; reload the page."
        )
    if len(value) > row.max_references:
        raise InvalidRequest(
            "references",
            f"{row.title} looks at {row.max_references} images at once; "
            f"switch off or remove {len(value) - row.max_references}.",
        )
    return tuple(
        Reference(
            digest=_digest("references", item.get("digest")),
            role=role(item.get("role", "")),
            strength=_share("strength", item.get("strength", 1.0)),
            made_by=_digest("made_by", item.get("made_by", ""), optional=True),
        )
        for item in value
    )


def role(value: object) -> str:
    """A role of at most 80 characters on one line. Raises `InvalidRequest`."""
    if not isinstance(value, str) or len(value) > MAX_ROLE_CHARS:
        raise InvalidRequest("role", f"A role is at most {MAX_ROLE_CHARS} characters of text.")
    return " ".join(prompt(value).split())


def loras(value: object) -> tuple[Lora, ...]:
    """The LoRAs that change anything, by name, so that there is one request for one picture.

    Which names there are, only the engine knows. Raises `InvalidRequest`.
    """
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise InvalidRequest("loras", "The LoRAs must be a list of names; reload the page.")
    named = [
        Lora(_lora_name(item.get("name")), _lora_scale(item.get("scale", 1.0))) for item in value
    ]
    active = sorted((lora for lora in named if lora.scale != 0), key=lambda lora: lora.name)
    for lora, following in pairwise(active):
        if lora.name == following.name:
            raise InvalidRequest("loras", f"“{lora.name}” is chosen twice; remove it once.")
    if len(active) > MAX_LORAS:
        raise InvalidRequest(
            "loras",
            f"{MAX_LORAS} LoRAs work together at most; switch off {len(active) - MAX_LORAS}.",
        )
    return tuple(active)


def _blended(request: Request, value: object, spoken_for: tuple[Reference, ...]) -> Request:
    """`request` with the blend `value`; at its ends it is one of the two requests, so that there
    is one request for one picture."""
    if value is None:
        return request
    if not isinstance(value, dict):
        raise InvalidRequest("blend", "The blend must be a prompt, a seed and a share; try again.")
    text = compiled(prompt(value.get("prompt", "")), spoken_for)
    seed = _whole("seed of the blend", value.get("seed", request.seed), 0, MAX_SEED, "blend")
    share = _share("blend", value.get("share", 0.5))
    if share == 0 or (text, seed) == (request.prompt, request.seed):
        return request
    if share == 1:
        return replace(request, prompt=text, seed=seed)
    return replace(request, blend=Blend(text, seed, share))


def is_lora_name(name: str) -> bool:
    """Whether `name` can be that of a LoRA: a file's name without its suffix."""
    short = 0 < len(name) <= MAX_LORA_NAME_CHARS and not name.startswith(".")
    return short and not _UNPRINTABLE.search(name) and not set(name) & set("/\\\t\n")


def _lora_name(value: object) -> str:
    if not isinstance(value, str) or not is_lora_name(value):
        raise InvalidRequest("loras", "A LoRA is named wrongly; choose it again from the list.")
    return value


def _lora_scale(value: object) -> float:
    most = MAX_LORA_SCALE
    if isinstance(value, bool) or not isinstance(value, int | float) or not -most <= value <= most:
        raise InvalidRequest(
            "loras", f"The strength of a LoRA must be a number from -{most:g} to {most:g}."
        )
    return float(value)


def _digest(name: str, value: object, *, optional: bool = False) -> str:
    if optional and value in ("", None):
        return ""
    if not isinstance(value, str) or not _DIGEST.fullmatch(value):
        raise InvalidRequest(name, "An image is named wrongly; remove it and add it again.")
    return value


def _share(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise InvalidRequest(name, f"The {name} must be a number from 0 to 1.")
    return float(value)


def _flag(name: str, raw: Mapping[str, object], *, default: bool) -> bool:
    value = raw.get(name, default)
    if not isinstance(value, bool):
        raise InvalidRequest(name, f"The field {name} must be true or false.")
    return value


def _guidance(value: object, row: ModelRow) -> float:
    """Distilled weights ignore any scale, so that there is one request for one picture."""
    if not row.is_guided:
        return row.guidance_scale
    high = row.max_guidance_scale
    if isinstance(value, bool) or not isinstance(value, int | float) or not 1 <= value <= high:
        raise InvalidRequest("guidance_scale", f"The guidance must be a number from 1 to {high:g}.")
    return float(value)


def _on_grid(side: float) -> int:
    return max(round(side / GRID_PX), SMALLEST_GRID) * GRID_PX


def prompt(value: object) -> str:
    """A prompt of at most 2,000 characters without control characters. Raises `InvalidRequest`."""
    if not isinstance(value, str):
        raise InvalidRequest("prompt", "The prompt must be text; type what you want to see.")
    if len(value) > MAX_PROMPT_CHARS:
        raise InvalidRequest(
            "prompt",
            f"The prompt has {len(value):,} characters; "
            f"shorten it to at most {MAX_PROMPT_CHARS:,}.",
        )
    return _UNPRINTABLE.sub("", value)


def words(field: str, value: object, most: int, *, lines: bool = False) -> str:
    """Text of at most `most` characters without control characters, on one line unless `lines`.

    Raises `InvalidRequest` for the `field`.
    """
    if not isinstance(value, str) or len(value) > most:
        raise InvalidRequest(field, f"The {field} must be text of at most {most:,} characters.")
    clean = _UNPRINTABLE.sub("", value)
    return clean.strip() if lines else " ".join(clean.split())


def _whole(name: str, value: object, low: int, high: int, field: str = "") -> int:
    """`field` is the one to mend, where that is not `name`."""
    sentence = f"The {name} must be a whole number from {low:,} to {high:,}."
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidRequest(field or name, sentence)
    if isinstance(value, float) and (not math.isfinite(value) or value != int(value)):
        raise InvalidRequest(field or name, sentence)
    if not low <= value <= high:
        raise InvalidRequest(field or name, sentence)
    return int(value)


def _side(name: str, value: object, row: ModelRow) -> int:
    side = _whole(name, value, row.min_side, row.max_side)
    if side % GRID_PX:
        raise InvalidRequest(name, f"The {name} must be a multiple of {GRID_PX} pixels.")
    return side
