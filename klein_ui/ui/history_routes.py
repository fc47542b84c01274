"""The typed states of who asks: which there are, what they look like, and their full pictures."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from starlette.requests import Request as HTTPRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from klein_ui import images
from klein_ui.contract import InvalidPicture
from klein_ui.states import State
from klein_ui.ui import answers
from klein_ui.ui.owners import owner_of
from klein_ui.ui.services import Services

HISTORY_PATH = "/gradio_api/live/history"
THUMBNAIL_PATH = "/gradio_api/live/history/{id}/thumbnail.webp"
PICTURE_PATH = "/gradio_api/live/history/{id}/picture.jpg"
FRAME_PATH = "/gradio_api/live/history/{id}/frame"

MOST = 300
# A draft's picture gives way to the full one, at an address of its own.
FOR_AN_HOUR = {"Cache-Control": "private, max-age=3600", "Vary": "Cookie"}


Found = TypeVar("Found")


def routes(services: Services) -> list[BaseRoute]:
    """The routes to hand to `launch`, beside those of :mod:`klein_ui.ui.socket`."""
    return [
        answers.route(HISTORY_PATH, listed, services, "GET"),
        answers.route(THUMBNAIL_PATH, thumbnail, services, "GET"),
        answers.route(PICTURE_PATH, picture, services, "GET"),
        answers.route(FRAME_PATH, frame, services, "POST"),
    ]


async def listed(services: Services, request: HTTPRequest) -> Response:
    """`{"states": [...]}`, the newest 300, oldest first; with `?before=ID` those before that."""
    owner, before = owner_of(request), request.query_params.get("before", "")
    found = (
        await asyncio.to_thread(services.history.states, owner, MOST, None, before) if owner else ()
    )
    headers = {"Cache-Control": "no-store"}
    return JSONResponse({"states": [told(state) for state in found]}, headers=headers)


async def thumbnail(services: Services, request: HTTPRequest) -> Response:
    """The state's picture as a WebP, at most 160 pixels a side."""
    body = await _of_state(services.history.thumbnail, request)
    return Response(body, media_type=images.WEBP, headers=FOR_AN_HOUR)


async def picture(services: Services, request: HTTPRequest) -> Response:
    """The state's picture as a JPEG."""
    body = await _of_state(services.history.picture, request)
    return Response(body, media_type=images.JPEG, headers=FOR_AN_HOUR)


async def frame(services: Services, request: HTTPRequest) -> Response:
    """`{"frame": name}`, under which the state's PNG can be fetched; it is made again for that."""
    state = await _of_state(services.history.state, request)
    return JSONResponse({"frame": services.shelf.promise(state.request)})


def told(state: State) -> dict[str, object]:
    """A state as the page knows it: what was typed, and the settings of the moment."""
    return {
        "id": state.id,
        "session": state.session,
        "parent": state.parent,
        "at": state.at,
        "stage": state.stage.value,
        **answers.settings_of(state.asked),
    }


async def _of_state(found: Callable[[str, str], Found], request: HTTPRequest) -> Found:
    """What `found` gives for the state of the path; 404 where it is gone or somebody else's."""
    try:
        return await asyncio.to_thread(found, owner_of(request), request.path_params["id"])
    except InvalidPicture as error:
        raise answers.Refused(404, str(error)) from error
