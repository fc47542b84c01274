"""What a pin looks like, its colours, and its picture on the way into the other tabs."""

import asyncio
import io
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import numpy as np
from PIL import Image
from starlette.requests import Request as HTTPRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from klein_ui import compare, images, limits, uploads
from klein_ui.contract import Frame, Origin, Pixels, Request, Stage, Timings
from klein_ui.palette import palette
from klein_ui.provenance import reading
from klein_ui.ui import answers, pictures
from klein_ui.ui.board_routes import PIN_PATH, of_owner, owner
from klein_ui.ui.services import Services

# The picture of a pin stays the same for ever, and is its owner's alone.
FOR_EVER = {**pictures.FOR_EVER, "Vary": "Cookie"}
NOWHERE = Origin("", "", "", "")

Found = TypeVar("Found")


def routes(services: Services) -> list[BaseRoute]:
    """The routes to hand to `launch`, beside those of :mod:`klein_ui.ui.board_routes`."""
    # Decoding takes long; a board of large pictures must not keep all threads.
    turn = asyncio.Lock()
    return [
        answers.route(f"{PIN_PATH}/thumbnail.webp", thumbnail, services, "GET"),
        answers.route(
            f"{PIN_PATH}/picture.jpg", partial(picture, turn), services, "GET", limits.VIEWS
        ),
        answers.route(f"{PIN_PATH}/palette", partial(colours, turn), services, "GET", limits.VIEWS),
        answers.route(f"{PIN_PATH}/frame", partial(frame, turn), services, "POST", limits.VIEWS),
        answers.route(
            f"{PIN_PATH}/reference", partial(reference, turn), services, "POST", limits.VIEWS
        ),
    ]


async def thumbnail(services: Services, request: HTTPRequest) -> Response:
    """The pin as a WebP, at most 320 pixels a side."""
    name = request.path_params["id"]
    body = await of_owner(services.moodboard.thumbnail, owner(services, request), name)
    return Response(body, media_type=images.WEBP, headers=FOR_EVER)


async def picture(turn: asyncio.Lock, services: Services, request: HTTPRequest) -> Response:
    """The pin for the screen, as a JPEG of full colour; within `?side=` pixels if asked."""
    side = pictures.side(request.query_params, "side")

    def encoded(pixels: Pixels) -> bytes:
        small = compare.within(pixels, side) if side else pixels
        return images.jpeg(small, images.FINE_QUALITY)

    body = await _of_pin(turn, services, request, lambda png: encoded(_pixels(png)))
    return Response(body, media_type=images.JPEG, headers=FOR_EVER)


async def colours(turn: asyncio.Lock, services: Services, request: HTTPRequest) -> Response:
    """`{"colours": [{"hex", "share"}]}`, five of them, the largest share first."""
    found = await _of_pin(turn, services, request, lambda png: palette(_pixels(png)))
    swatches = [{"hex": one.hex, "share": round(one.share, 4)} for one in found]
    return JSONResponse({"colours": swatches}, headers=FOR_EVER)


async def frame(turn: asyncio.Lock, services: Services, request: HTTPRequest) -> Response:
    """`{"frame": name}`, under which the pin's PNG can be fetched; its pixels are those kept."""
    who, name = owner(services, request), request.path_params["id"]
    made = (await of_owner(services.moodboard.get, who, name)).request
    found = await _of_pin(turn, services, request, lambda png: _frame(png, made))
    return JSONResponse({"frame": services.shelf.put(found)})


async def reference(turn: asyncio.Lock, services: Services, request: HTTPRequest) -> Response:
    """The pin's picture as an image of the gallery: what `POST /pictures` answers."""
    who, name = owner(services, request), request.path_params["id"]
    made = (await of_owner(services.moodboard.get, who, name)).request
    uploads.check_sides(made.width, made.height)

    def kept(png: bytes) -> dict[str, object]:
        return pictures.keep(services.pictures, uploads.Upload(_pixels(png)), made)

    return JSONResponse(await _of_pin(turn, services, request, kept))


async def _of_pin(
    turn: asyncio.Lock, services: Services, request: HTTPRequest, work: Callable[[bytes], Found]
) -> Found:
    """What `work` makes of the PNG of the pin in the path, one at a time."""
    who, name = owner(services, request), request.path_params["id"]
    async with turn:
        return await of_owner(lambda: work(services.moodboard.picture(who, name)))


def _frame(png: bytes, made: Request) -> Frame:
    record = reading.read(png).entries[0].record
    origin = record.origin or NOWHERE
    return Frame(made, record.stage or Stage.FINAL, _pixels(png), Timings(), origin)


def _pixels(png: bytes) -> Pixels:
    with Image.open(io.BytesIO(png)) as opened:
        return np.array(opened.convert("RGB"))
