"""The pins of who asks: kept, changed, arranged, deleted and brought back, and their pictures."""

import asyncio
import io
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from PIL import Image
from starlette.requests import Request as HTTPRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from klein_ui import images, palette, provenance, uploads
from klein_ui.contract import InvalidPicture, InvalidRequest, Pixels
from klein_ui.moodboard import NO_PICTURE
from klein_ui.pins import Pin
from klein_ui.ui import answers, pictures
from klein_ui.ui.services import Services

PINS_PATH = "/gradio_api/live/pins"
PIN_PATH = "/gradio_api/live/pins/{id}"
PLACE_PATH = "/gradio_api/live/pins/place"
DELETE_PATH = "/gradio_api/live/pins/delete"
RESTORE_PATH = "/gradio_api/live/pins/restore"
THUMBNAIL_PATH = "/gradio_api/live/pins/{id}/thumbnail.webp"
PICTURE_PATH = "/gradio_api/live/pins/{id}/picture.jpg"
PALETTE_PATH = "/gradio_api/live/pins/{id}/palette"
FRAME_PATH = "/gradio_api/live/pins/{id}/frame"
REFERENCE_PATH = "/gradio_api/live/pins/{id}/reference"

MOST_AT_ONCE = 5000
MAX_BODY_BYTES = 256 * 2**10
# What a pin shows never changes.
FOR_EVER = {"Cache-Control": "private, max-age=31536000, immutable", "Vary": "Cookie"}
NO_LIST = "The pins must be a list of their names; reload the page."
NO_STAR = "The star must be true or false."

T = TypeVar("T")


def routes(services: Services) -> list[BaseRoute]:
    """The routes to hand to `launch`, beside those of :mod:`klein_ui.ui.socket`."""
    return [
        answers.route(PINS_PATH, pin, services, "POST"),
        answers.route(PLACE_PATH, place, services, "POST"),
        answers.route(DELETE_PATH, delete, services, "POST"),
        answers.route(RESTORE_PATH, restore, services, "POST"),
        answers.route(PIN_PATH, edit, services, "PATCH"),
        answers.route(THUMBNAIL_PATH, thumbnail, services, "GET"),
        answers.route(PICTURE_PATH, picture, services, "GET"),
        answers.route(PALETTE_PATH, colours, services, "GET"),
        answers.route(FRAME_PATH, frame, services, "POST"),
        answers.route(REFERENCE_PATH, reference, services, "POST"),
    ]


async def pin(services: Services, request: HTTPRequest) -> Response:
    """Keep the frame that `frame` names on `board`; without one on the first. The pin."""
    owner = answers.owner(request)
    fields = await answers.json_of(request, MAX_BODY_BYTES)
    shown = await answers.frame_of(services, str(fields.get("frame", "")))
    board = str(fields.get("board", ""))

    def kept() -> Pin:
        lineage = provenance.lineage(shown.request, services.pictures)
        return services.moodboard.pin(owner, shown, board, lineage)

    return _fresh(told(await asyncio.to_thread(kept)))


async def edit(services: Services, request: HTTPRequest) -> Response:
    """Change `title`, `note`, `tags`, `star` or `role` of the pin of the path. The pin."""
    fields = await answers.json_of(request, MAX_BODY_BYTES)
    star, tags = fields.get("star"), fields.get("tags")
    if star is not None and not isinstance(star, bool):
        raise InvalidRequest("star", NO_STAR)
    if tags is not None and not isinstance(tags, list):
        raise InvalidRequest("tags", "The tags must be a list of words.")
    texts = {name: _text(fields, name) for name in ("title", "note", "role")}

    def edited() -> Pin:
        return services.moodboard.edit(
            answers.owner(request), request.path_params["id"], star=star, tags=tags, **texts
        )

    return _fresh(told(await asyncio.to_thread(edited)))


async def place(services: Services, request: HTTPRequest) -> Response:
    """Put `pins`, in this order, onto `board`: before the pin `before`, or at the end."""
    fields = await answers.json_of(request, MAX_BODY_BYTES)
    board, before = str(fields.get("board", "")), str(fields.get("before") or "")
    await _done(services.moodboard.place, request, names_in(fields), board, before)
    return _fresh({})


async def delete(services: Services, request: HTTPRequest) -> Response:
    """Take `pins` off their boards; they can be had back for a day."""
    fields = await answers.json_of(request, MAX_BODY_BYTES)
    await _done(services.moodboard.delete, request, names_in(fields))
    return _fresh({})


async def restore(services: Services, request: HTTPRequest) -> Response:
    """Bring `pins` back to where they were."""
    fields = await answers.json_of(request, MAX_BODY_BYTES)
    await _done(services.moodboard.restore, request, names_in(fields))
    return _fresh({})


async def thumbnail(services: Services, request: HTTPRequest) -> Response:
    """The pin's picture as a WebP, at most 320 pixels a side."""
    body = await _done(services.moodboard.thumbnail, request, request.path_params["id"])
    return Response(body, media_type=images.WEBP, headers=FOR_EVER)


async def picture(services: Services, request: HTTPRequest) -> Response:
    """The pin's picture as a JPEG for the screen."""

    def encoded() -> bytes:
        return images.jpeg(pixels_of(services, request), images.FINE_QUALITY)

    return Response(await asyncio.to_thread(encoded), media_type=images.JPEG, headers=FOR_EVER)


async def colours(services: Services, request: HTTPRequest) -> Response:
    """`{"colours": [{"hex", "share"}]}`, a few that stand for all of the pin's picture."""

    def found() -> list[dict[str, object]]:
        swatches = palette.palette(pixels_of(services, request))
        return [{"hex": swatch.hex, "share": swatch.share} for swatch in swatches]

    return JSONResponse({"colours": await asyncio.to_thread(found)}, headers=FOR_EVER)


async def frame(services: Services, request: HTTPRequest) -> Response:
    """`{"frame": name}`, under which the pin's picture can be fetched as any frame."""
    kept = await _done(services.moodboard.get, request, request.path_params["id"])
    return _fresh({"frame": services.shelf.promise(kept.request)})


async def reference(services: Services, request: HTTPRequest) -> Response:
    """The pin's picture as an image for the gallery: what adding an image answers, and `role`."""

    def kept() -> dict[str, object]:
        found = services.moodboard.get(answers.owner(request), request.path_params["id"])
        pixels = pixels_of(services, request)
        uploads.check_sides(pixels.shape[1], pixels.shape[0])
        added = pictures.keep(services.pictures, uploads.Upload(pixels), found.request)
        return {**added, "role": found.role}

    return _fresh(await asyncio.to_thread(kept))


def told(pin: Pin) -> dict[str, object]:
    """A pin as the page knows it."""
    asked = pin.request
    blend = asked.blend
    return {
        "id": pin.id,
        "board": pin.board,
        "pinned_at": pin.pinned_at,
        "stage": pin.stage.value,
        "title": pin.title,
        "note": pin.note,
        "tags": list(pin.tags),
        "star": pin.star,
        "role": pin.role,
        **answers.settings_of(asked),
        "references": [
            {"digest": each.digest, "role": each.role, "strength": each.strength}
            for each in asked.references
        ],
        "blend": blend and {"prompt": blend.prompt, "seed": blend.seed, "share": blend.share},
    }


def names_in(fields: dict[str, object]) -> list[str]:
    """The `pins` of a message. Raises `InvalidRequest`."""
    names = fields.get("pins")
    if not isinstance(names, list) or not 0 < len(names) <= MOST_AT_ONCE:
        raise InvalidRequest("pins", NO_LIST)
    return [str(name) for name in names]


def pixels_of(services: Services, request: HTTPRequest) -> Pixels:
    """The pixels of the pin of the path. Raises `InvalidPicture` where they are damaged."""
    png = services.moodboard.picture(answers.owner(request), request.path_params["id"])
    try:
        with Image.open(io.BytesIO(png), formats=["PNG"]) as opened:
            return np.array(opened.convert("RGB"))
    except (OSError, ValueError, SyntaxError) as error:
        raise InvalidPicture(NO_PICTURE) from error


def _text(fields: dict[str, object], name: str) -> str | None:
    value = fields.get(name)
    return None if value is None else str(value)


async def _done(call: Callable[..., T], request: HTTPRequest, *rest: object) -> T:
    return await asyncio.to_thread(call, answers.owner(request), *rest)


def _fresh(content: dict[str, object]) -> Response:
    return JSONResponse(content, headers={"Cache-Control": "no-store"})
