"""Answers of the page's routes: a result, or one sentence as JSON with its status."""

import json
from collections.abc import Awaitable, Callable
from functools import partial

from starlette.requests import ClientDisconnect
from starlette.requests import Request as HTTPRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from klein_ui.contract import Frame, InvalidPicture, InvalidRequest, KleinError, Pixels, Request
from klein_ui.roles import typed
from klein_ui.store import NoRoom, PictureStore
from klein_ui.ui import socket
from klein_ui.ui.owners import owner_of
from klein_ui.ui.services import Services

NOT_JSON = "The message is not JSON; reload the page."
CUT_OFF = "The message was cut off; try again."
TOO_LONG = "The message is too long; reload the page, and ask for less."
NOBODY = "Pins need a cookie; allow them for this page, and reload it."
FOREIGN_PAGE = "Open the app from its own address."

Handler = Callable[[Services, HTTPRequest], Awaitable[Response]]


class Refused(Exception):
    """The answer is `sentence`, with the HTTP `status`."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


def route(path: str, handler: Handler, services: Services, method: str) -> Route:
    """`handler` at `path`; what it refuses or fails to do becomes `{"sentence": ...}`."""
    return Route(path, partial(_answer, handler, services), methods=[method])


async def frame_of(services: Services, name: str) -> Frame:
    """The frame called `name`, made again if need be. Raises `Refused` when it is gone."""
    frame = await socket.frame_named(services, name)
    if frame is None:
        raise Refused(404, socket.GONE)
    return frame


def stored(store: PictureStore, digest: str) -> Pixels:
    """The pixels of `digest`. Raises `Refused` when they are gone."""
    try:
        return store.get(digest)
    except InvalidPicture as error:
        raise Refused(404, str(error)) from error


def owner(request: HTTPRequest) -> str:
    """Who asks. Raises `Refused` where nobody can tell."""
    found = owner_of(request)
    if not found:
        raise Refused(403, NOBODY)
    return found


def settings_of(asked: Request) -> dict[str, object]:
    """What was typed and chosen, under the names that the page's fields have."""
    return {
        "prompt": typed(asked.prompt, asked.references),
        "seed": asked.seed,
        "width": asked.width,
        "height": asked.height,
        "steps": asked.steps,
        "guidance_scale": asked.guidance_scale,
        "model": asked.model,
        "loras": [{"name": lora.name, "scale": lora.scale} for lora in asked.loras],
    }


async def json_of(request: HTTPRequest, max_bytes: int) -> dict[str, object]:
    """The JSON object in the body, which is read only as far as `max_bytes`.

    Raises `Refused` where there is none, or more.
    """
    body = bytearray()
    try:
        async for part in request.stream():
            body += part
            if len(body) > max_bytes:
                raise Refused(413, TOO_LONG)
        found = json.loads(bytes(body))
    except ClientDisconnect as error:
        raise Refused(400, CUT_OFF) from error
    except (ValueError, RecursionError) as error:
        raise Refused(422, NOT_JSON) from error
    if not isinstance(found, dict):
        raise Refused(422, NOT_JSON)
    return found


async def _answer(handler: Handler, services: Services, request: HTTPRequest) -> Response:
    """What `handler` says; whatever it raises as a sentence with its status."""
    # Whatever the method: Gradio lets any page read what it gets, and the cookie may come along.
    if not socket.same_origin(request.headers):
        return _refusal(403, FOREIGN_PAGE)
    try:
        return await handler(services, request)
    except Refused as refused:
        return _refusal(refused.status, str(refused))
    except NoRoom as error:
        return _refusal(507, str(error))
    except (InvalidPicture, InvalidRequest) as error:
        return _refusal(422, str(error))
    except KleinError as error:
        return _refusal(503, str(error))


def _refusal(status: int, sentence: str) -> Response:
    return JSONResponse({"sentence": sentence}, status)
