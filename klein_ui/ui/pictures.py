"""Images of the gallery on their way in and out."""

import asyncio
from collections.abc import Mapping
from functools import partial

from starlette.requests import Request as HTTPRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from klein_ui import compare, images, limits, provenance, uploads
from klein_ui.contract import Request
from klein_ui.store import PictureStore
from klein_ui.ui import answers, bodies, changes
from klein_ui.ui.services import Services

PICTURES_PATH = "/gradio_api/live/pictures"
PICTURE_PATH = "/gradio_api/live/pictures/{digest}.jpg"

LEAST_SIDE, MOST_SIDE = 16, 2048
MOST_UPLOADS = 8
# A digest names the same pixels for ever.
FOR_EVER = {"Cache-Control": "private, max-age=31536000, immutable"}

WRONG_SIDE = f"A side of an image is a whole number from {LEAST_SIDE} to {MOST_SIDE:,} pixels."
CUT_OFF = "The upload was cut off; add the image again."


def routes(services: Services) -> list[BaseRoute]:
    """The routes to hand to `launch`, beside those of :mod:`klein_ui.ui.socket`."""
    # Decoding takes long; a heap of images must not keep all threads from encoding frames, nor
    # all bodies of many uploads lie in memory at once.
    turn, room = asyncio.Lock(), asyncio.Semaphore(MOST_UPLOADS)
    return [
        answers.route(PICTURES_PATH, partial(add, turn, room), services, "POST", limits.UPLOADS),
        answers.route(PICTURE_PATH, partial(picture_jpeg, turn), services, "GET", limits.VIEWS),
        answers.route(changes.CHANGES_PATH, changes.changes_png, services, "GET", limits.SAVES),
        answers.route(changes.SOURCES_PATH, changes.sources, services, "POST", limits.EXPORTS),
    ]


async def add(
    turn: asyncio.Lock, room: asyncio.Semaphore, services: Services, request: HTTPRequest
) -> Response:
    """Keep the image in the body, or the frame that `?frame=` names, with what made it."""
    name = request.query_params.get("frame")
    made_by: Request | None = None
    if name is None:
        async with room:
            body = await bodies.raw(request, uploads.MAX_UPLOAD_BYTES, uploads.TOO_LARGE, CUT_OFF)
            async with turn:
                upload = await asyncio.to_thread(uploads.decoded, body)
    else:
        frame = await answers.frame_of(services, name)
        uploads.check_sides(frame.request.width, frame.request.height)
        upload, made_by = uploads.Upload(frame.pixels), frame.request
    return JSONResponse(await asyncio.to_thread(keep, services.pictures, upload, made_by))


async def picture_jpeg(turn: asyncio.Lock, services: Services, request: HTTPRequest) -> Response:
    """A kept picture within `?side=`, or filling exactly `?width=` and `?height=`, in pixels."""
    digest, query = request.path_params["digest"], request.query_params
    within, width, height = (side(query, name) for name in ("side", "width", "height"))
    if (width is None) != (height is None):
        raise answers.Refused(422, WRONG_SIDE)

    def encoded() -> bytes:
        pixels = answers.stored(services.pictures, digest)
        if width and height:
            pixels = compare.fitted(pixels, width, height)
        return images.jpeg(
            compare.within(pixels, within) if within else pixels, images.FINE_QUALITY
        )

    async with turn:
        body = await asyncio.to_thread(encoded)
    return Response(body, media_type=images.JPEG, headers=FOR_EVER)


def keep(store: PictureStore, upload: uploads.Upload, made_by: Request | None) -> dict[str, object]:
    """What the page knows of `upload` once it is in the store, with what made it."""
    digest = store.put(upload.pixels, made_by)
    maker = store.made_by(digest)
    height, width = upload.pixels.shape[:2]
    return {
        "digest": digest,
        "width": width,
        "height": height,
        "notes": upload.notes,
        "made_by": "" if maker is None else provenance.request_digest(maker),
    }


def side(query: Mapping[str, str], name: str) -> int | None:
    """The pixels that the query gives as `name`, None without. Raises `Refused`."""
    text = query.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 4):
        raise answers.Refused(422, WRONG_SIDE)
    if not LEAST_SIDE <= int(text) <= MOST_SIDE:
        raise answers.Refused(422, WRONG_SIDE)
    return int(text)
