"""The one way in: anything from outside becomes a `Request`, or one clear sentence."""

import math
import re
from collections.abc import Mapping
from dataclasses import replace

from klein_ui.contract import Asked, InvalidRequest, Request
from klein_ui.models import GRID_PX, ModelRow

MAX_PROMPT_CHARS = 2000
MAX_SEED = 2**32 - 1

# Control characters break logs and tokenisers; lone surrogates cannot be encoded as UTF-8.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")

SMALLEST_GRID = 4
"""Tokens on the shorter side of the smallest draft; less shows nothing."""

DRAFT_SCALES = (1.0, 0.75, 0.5)
"""Sides of the drafts as parts of the one the user chose: they get smaller before rarer."""


def asked(raw: Mapping[str, object], row: ModelRow) -> Asked:
    """Check every field of `raw` against the limits of `row`; missing ones get its defaults.

    Known keys: prompt, seed, width, height, steps, draft (the longer side of drafts). Unknown
    keys are ignored, so that an older page may talk to a newer server. Raises `InvalidRequest`.
    """
    width = _side("width", raw.get("width", row.default_side), row)
    height = _side("height", raw.get("height", row.default_side), row)
    if width * height > row.max_area:
        raise InvalidRequest(
            "width",
            f"{width} × {height} is too large for {row.title}; "
            f"choose at most {row.max_area:,} pixels in all.",
        )
    request = Request(
        prompt=prompt(raw.get("prompt", "")),
        seed=_whole("seed", raw.get("seed", 0), 0, MAX_SEED),
        width=width,
        height=height,
        steps=_whole("steps", raw.get("steps", row.steps), 1, row.max_steps),
        guidance_scale=row.guidance_scale,
        model=row.name,
    )
    draft_side = _whole("draft", raw.get("draft", row.draft_side), row.min_side, row.max_side)
    return Asked(request=request, drafts=drafts_of(request, draft_side, row.min_side))


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


def _whole(name: str, value: object, low: int, high: int) -> int:
    sentence = f"The {name} must be a whole number from {low:,} to {high:,}."
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidRequest(name, sentence)
    if isinstance(value, float) and (not math.isfinite(value) or value != int(value)):
        raise InvalidRequest(name, sentence)
    if not low <= value <= high:
        raise InvalidRequest(name, sentence)
    return int(value)


def _side(name: str, value: object, row: ModelRow) -> int:
    side = _whole(name, value, row.min_side, row.max_side)
    if side % GRID_PX:
        raise InvalidRequest(name, f"The {name} must be a multiple of {GRID_PX} pixels.")
    return side
