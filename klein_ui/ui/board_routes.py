"""The boards of who asks: which there are, what they are called, and what lies on them."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from starlette.requests import Request as HTTPRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from klein_ui.pins import Board
from klein_ui.ui import answers, pin_routes
from klein_ui.ui.owners import owner_of
from klein_ui.ui.services import Services

BOARDS_PATH = "/gradio_api/live/boards"
BOARD_PATH = "/gradio_api/live/boards/{id}"
RESTORE_PATH = "/gradio_api/live/boards/{id}/restore"
PINS_PATH = "/gradio_api/live/boards/{id}/pins"

MAX_BODY_BYTES = 4096

T = TypeVar("T")


def routes(services: Services) -> list[BaseRoute]:
    """The routes to hand to `launch`, beside those of :mod:`klein_ui.ui.socket`."""
    return [
        answers.route(BOARDS_PATH, listed, services, "GET"),
        answers.route(BOARDS_PATH, create, services, "POST"),
        answers.route(BOARD_PATH, rename, services, "PATCH"),
        answers.route(BOARD_PATH, delete, services, "DELETE"),
        answers.route(RESTORE_PATH, restore, services, "POST"),
        answers.route(PINS_PATH, pins, services, "GET"),
    ]


async def listed(services: Services, request: HTTPRequest) -> Response:
    """`{"boards": [...]}`, oldest first; none for who has no name."""
    owner = owner_of(request)
    found = await asyncio.to_thread(services.moodboard.boards, owner) if owner else ()
    return _fresh({"boards": [told(board) for board in found]})


async def create(services: Services, request: HTTPRequest) -> Response:
    """A new, empty board with the `title` of the body."""
    fields = await answers.json_of(request, MAX_BODY_BYTES)
    title = str(fields.get("title", ""))
    return _fresh(told(await _done(services.moodboard.create_board, request, title)))


async def rename(services: Services, request: HTTPRequest) -> Response:
    """The board of the path under another `title`."""
    fields = await answers.json_of(request, MAX_BODY_BYTES)
    name, title = request.path_params["id"], str(fields.get("title", ""))
    return _fresh(told(await _done(services.moodboard.rename_board, request, name, title)))


async def delete(services: Services, request: HTTPRequest) -> Response:
    """Delete the board of the path with its pins; both can be had back for a day."""
    await _done(services.moodboard.delete_board, request, request.path_params["id"])
    return _fresh({})


async def restore(services: Services, request: HTTPRequest) -> Response:
    """Bring the board of the path back, with its pins."""
    name = request.path_params["id"]
    return _fresh(told(await _done(services.moodboard.restore_board, request, name)))


async def pins(services: Services, request: HTTPRequest) -> Response:
    """`{"pins": [...]}`, all pins of the board of the path, in their order."""
    found = await _done(services.moodboard.pins, request, request.path_params["id"])
    return _fresh({"pins": [pin_routes.told(pin) for pin in found]})


def told(board: Board) -> dict[str, object]:
    """A board as the page knows it."""
    return {"id": board.id, "title": board.title, "made_at": board.made_at, "pins": board.pins}


async def _done(call: Callable[..., T], request: HTTPRequest, *rest: object) -> T:
    return await asyncio.to_thread(call, answers.owner(request), *rest)


def _fresh(content: dict[str, object]) -> Response:
    return JSONResponse(content, headers={"Cache-Control": "no-store"})
