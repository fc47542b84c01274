"""Answers of the page's routes: a result, or one sentence as JSON with its status."""

import math
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from starlette.requests import Request as HTTPRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from klein_ui.contract import Frame, InvalidPicture, InvalidRequest, KleinError, Pixels, Request
from klein_ui.limits import REQUESTS, Rate
from klein_ui.roles import typed
from klein_ui.store import NoRoom, PictureStore
from klein_ui.ui import socket
from klein_ui.ui.addresses import address_of
from klein_ui.ui.services import Services

FOREIGN_PAGE = "Open the app from its own address."

Handler = Callable[[Services, HTTPRequest], Awaitable[Response]]


class Refused(Exception):
    """The answer is `sentence`, with the HTTP `status`."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class TooOften(KleinError):
    """An address asks faster than it may; what it asks in `wait_s` seconds is done."""

    def __init__(self, sentence: str, wait_s: float) -> None:
        super().__init__(sentence)
        self.wait_s = wait_s


def route(
    path: str, handler: Handler, services: Services, method: str, rate: Rate = REQUESTS
) -> Route:
    """`handler` at `path`, which each address may ask as often as `rate` says; what it refuses or
    fails to do becomes `{"sentence": ...}`."""
    return Route(path, partial(_answer, handler, services, rate), methods=[method])


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


async def _answer(
    handler: Handler, services: Services, rate: Rate, request: HTTPRequest
) -> Response:
    """What `handler` says; whatever it raises as a sentence with its status."""
    # Whatever the method: Gradio lets any page read what it gets, and the cookie may come along.
    if not socket.same_origin(request.headers):
        return _refusal(403, FOREIGN_PAGE)
    wait_s = services.limits.wait_s(rate, address_of(request))
    if wait_s > 0:
        return _hurried(rate.sentence(wait_s), wait_s)
    try:
        return await handler(services, request)
    except Refused as refused:
        return _refusal(refused.status, str(refused))
    except TooOften as error:
        return _hurried(str(error), error.wait_s)
    except NoRoom as error:
        return _refusal(507, str(error))
    except InvalidRequest as error:
        return JSONResponse({"sentence": str(error), "field": error.field}, 422)
    except InvalidPicture as error:
        return _refusal(422, str(error))
    except KleinError as error:
        return _refusal(503, str(error))


def _hurried(sentence: str, wait_s: float) -> Response:
    return _refusal(429, sentence, {"Retry-After": str(math.ceil(wait_s))})


def _refusal(status: int, sentence: str, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse({"sentence": sentence}, status, headers)
