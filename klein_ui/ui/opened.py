"""A request from a file or link as this app can make it, and in words what is different here."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from klein_ui import validate
from klein_ui.contract import Blend, InvalidRequest, Reference, Request
from klein_ui.provenance.entries import NO_CARD, Card
from klein_ui.roles import typed
from klein_ui.ui.services import Services

OTHER_MODEL = (
    "This was made with “{theirs}” and is drawn with {ours} here; choose that model above."
)
NO_LORA = "The LoRA “{name}” is not in the folder here; the picture is drawn without it."
NO_IMAGE = "Image {number} of it is not kept here any more; add it again for the same picture."
TOO_MANY = "{title} looks at {most} images at once; the others are left out."
NO_REGION = "The region of it is not kept here any more; paint it again for the same picture."
OTHERWISE = "Something of it is set in another way here, so the picture may differ."

# What may be left to its default where the model here cannot do it.
_YIELDING = ("width", "height", "steps", "guidance_scale", "seed")


@dataclass(frozen=True, slots=True)
class Opened:
    """The fields of a request for the page and for `validate.asked`; `notes` say what is
    different, and are empty where the picture will be the same."""

    fields: dict[str, Any]
    notes: tuple[str, ...]


def opened(request: Request, services: Services) -> Opened:
    """`request`, which is only well-formed, with what there is here. Raises `InvalidRequest` for a
    prompt that cannot be."""
    words = typed(request.prompt, request.references)
    references, mask, notes = _looked_at(request, services)
    fields: dict[str, Any] = {
        "prompt": words,
        "seed": request.seed,
        "width": request.width,
        "height": request.height,
        "steps": request.steps,
        "guidance_scale": request.guidance_scale,
        "loras": [asdict(lora) for lora in request.loras],
        "references": [asdict(reference) for reference in references],
        "roles": words != request.prompt or not any(one.role for one in request.references),
        "mask": mask,
        "keep_background": request.keep_background,
    }
    if request.blend is not None:
        fields["blend"] = _blend(request.blend, references)
    return _as_here(fields, request.model, request, notes, services)


def opened_link(fields: Mapping[str, object], services: Services) -> Opened:
    """The same of a link's fields, as `permalink.fields` gives them."""
    return _as_here(dict(fields), str(fields.get("model", services.row.name)), None, [], services)


def told(found: Opened, services: Services, card: Card = NO_CARD) -> dict[str, object]:
    """The request as the page takes it over: each reference with its size, the card beside it."""
    asked = validate.asked(found.fields, services.row).request
    sizes = [services.pictures.size(one.digest) or (1, 1) for one in asked.references]
    references = [
        {**asdict(one), "width": width, "height": height}
        for one, (width, height) in zip(asked.references, sizes, strict=True)
    ]
    return {
        "prompt": found.fields.get("prompt", ""),
        "seed": asked.seed,
        "width": asked.width,
        "height": asked.height,
        "steps": asked.steps,
        "guidance_scale": asked.guidance_scale,
        "model": asked.model,
        "loras": [asdict(lora) for lora in asked.loras],
        "references": references,
        "roles": found.fields.get("roles", True),
        "mask": asked.mask,
        "keep_background": asked.keep_background,
        "blend": asked.blend and _blend(asked.blend, asked.references),
        **asdict(card),
        "notes": list(found.notes),
    }


def _blend(blend: Blend, references: Sequence[Reference]) -> dict[str, object]:
    return {**asdict(blend), "prompt": typed(blend.prompt, references)}


def _looked_at(request: Request, services: Services) -> tuple[list[Reference], str, list[str]]:
    """The references and the mask that are kept here, and what is missing."""
    kept, notes = list[Reference](), list[str]()
    for number, reference in enumerate(request.references, 1):
        if services.pictures.size(reference.digest) is None:
            notes.append(NO_IMAGE.format(number=number))
        else:
            kept.append(reference)
    row = services.row
    if len(kept) > row.max_references:
        notes.append(TOO_MANY.format(title=row.title, most=row.max_references))
        kept = kept[: row.max_references]
    mask = request.mask
    if mask and services.pictures.size(mask) is None:
        notes.append(NO_REGION)
        mask = ""
    return kept, mask if kept[:1] == list(request.references[:1]) else "", notes


def _as_here(
    fields: dict[str, Any],
    model: str,
    wanted: Request | None,
    notes: list[str],
    services: Services,
) -> Opened:
    row = services.row
    if model != row.name:
        notes.append(OTHER_MODEL.format(theirs=model[:80], ours=row.title))
    there = services.loras.names()
    for lora in fields.get("loras", []):
        if lora["name"] not in there:
            notes.append(NO_LORA.format(name=lora["name"][:80]))
    fields["loras"] = [lora for lora in fields.get("loras", []) if lora["name"] in there]
    while True:
        try:
            request = validate.asked(fields, row).request
            break
        except InvalidRequest as error:
            if error.field not in _YIELDING or error.field not in fields:
                raise
            notes.append(str(error))
            sizes = ("width", "height")
            for name in sizes if error.field in sizes else (error.field,):
                fields.pop(name, None)
    if not notes and wanted is not None and request != _seen(wanted, request):
        notes.append(OTHERWISE)
    return Opened(fields, tuple(notes))


def _seen(wanted: Request, request: Request) -> Request:
    """`wanted`; how large it shows its references says nothing where it has none."""
    area = wanted.reference_area if wanted.references else request.reference_area
    return replace(wanted, reference_area=area)
