"""The boards of who asks, and the pins on them: made, named, arranged, deleted and brought back."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import ParamSpec, TypeVar

from starlette.requests import Request as HTTPRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from klein_ui import limits, moodboard, provenance
from klein_ui.contract import Frame, InvalidRequest
from klein_ui.pins import Board, Pin
from klein_ui.roles import typed
from klein_ui.ui import answers, bodies, programs
from klein_ui.ui.services import Services

BOARDS_PATH = "/gradio_api/live/boards"
BOARD_PATH = "/gradio_api/live/boards/{id}"
RESTORE_BOARD_PATH = "/gradio_api/live/boards/{id}/restore"
BOARD_PINS_PATH = "/gradio_api/live/boards/{id}/pins"
PINS_PATH = "/gradio_api/live/pins"
PLACE_PATH = "/gradio_api/live/pins/place"
DELETE_PATH = "/gradio_api/live/pins/delete"
RESTORE_PATH = "/gradio_api/live/pins/restore"
PIN_PATH = "/gradio_api/live/pins/{id}"

MOST_LISTED = 1000
MOST_AT_ONCE = 5000
NOBODY = "Boards belong to a browser; open the app's page, and let it keep its cookie."
NO_RANGE = f"Pins are listed from a whole number on, {MOST_LISTED:,} at a time."
NO_PINS = f"Name the pins: a list of 1 to {MOST_AT_ONCE:,} ids."
NO_STAR = "A star is either true or false."
NO_NAME = "The {field} must be text; reload the page."
# Who may see it is known by the cookie alone.
NOT_STORED = {"Cache-Control": "no-store"}

Args = ParamSpec("Args")
Found = TypeVar("Found")


def routes(services: Services) -> list[BaseRoute]:
    """The routes to hand to `launch`, beside those of :mod:`klein_ui.ui.pin_routes`."""
    return [
        answers.route(BOARDS_PATH, boards, services, "GET"),
        answers.route(BOARDS_PATH, create, services, "POST", limits.PINS),
        answers.route(BOARD_PATH, rename, services, "PATCH", limits.PINS),
        answers.route(BOARD_PATH, delete_board, services, "DELETE"),
        answers.route(RESTORE_BOARD_PATH, restore_board, services, "POST", limits.PINS),
        answers.route(BOARD_PINS_PATH, pins_of, services, "GET"),
        answers.route(PINS_PATH, pin, services, "POST", limits.PINS),
        answers.route(PLACE_PATH, place, services, "POST"),
        answers.route(DELETE_PATH, delete, services, "POST"),
        answers.route(RESTORE_PATH, restore, services, "POST", limits.PINS),
        answers.route(PIN_PATH, edit, services, "PATCH"),
    ]


async def boards(services: Services, request: HTTPRequest) -> Response:
    """`{"boards": [...]}`, oldest first."""
    found = await of_owner(services.moodboard.boards, owner(services, request))
    return JSONResponse({"boards": [asdict(board) for board in found]}, headers=NOT_STORED)


async def create(services: Services, request: HTTPRequest) -> Response:
    """A new board with the `title` of the body."""
    who = owner(services, request)
    title = _text(await bodies.fields(request), "title")
    return _board(await of_owner(services.moodboard.create_board, who, title))


async def rename(services: Services, request: HTTPRequest) -> Response:
    """The board with the `title` of the body."""
    who = owner(services, request)
    title = _text(await bodies.fields(request), "title")
    name = request.path_params["id"]
    return _board(await of_owner(services.moodboard.rename_board, who, name, title))


async def delete_board(services: Services, request: HTTPRequest) -> Response:
    """The board goes with its pins; for a day it can be restored."""
    await of_owner(
        services.moodboard.delete_board, owner(services, request), request.path_params["id"]
    )
    return JSONResponse({})


async def restore_board(services: Services, request: HTTPRequest) -> Response:
    """The board comes back with the pins that went with it."""
    name = request.path_params["id"]
    return _board(await of_owner(services.moodboard.restore_board, owner(services, request), name))


async def pins_of(services: Services, request: HTTPRequest) -> Response:
    """`{"pins": [...], "total"}`: those from `?start=` on, at most `?limit=`, in their order."""
    who, name, query = owner(services, request), request.path_params["id"], request.query_params
    start, limit = _number(query, "start", 0), _number(query, "limit", MOST_LISTED)

    def listed() -> tuple[tuple[Pin, ...], int]:
        board = next((one for one in services.moodboard.boards(who) if one.id == name), None)
        if board is None:
            raise InvalidRequest("board", moodboard.NO_BOARD)
        return services.moodboard.pins(who, name, start, min(limit, MOST_LISTED)), board.pins

    found, total = await of_owner(listed)
    answer = {"pins": [told(one) for one in found], "total": total}
    return JSONResponse(answer, headers=NOT_STORED)


async def pin(services: Services, request: HTTPRequest) -> Response:
    """Keep the `frame` of that name on the `board` of that id, or on the first one.

    The answer is the pin and, as `board_title`, the name of the board.
    """
    who = owner(services, request)
    given = await bodies.fields(request)
    name, board = _text(given, "frame"), _text(given, "board")
    frame = await answers.frame_of(services, name)
    return JSONResponse(await of_owner(pinned, services, who, frame, board))


def pinned(services: Services, who: str, frame: Frame, board: str) -> dict[str, object]:
    """The pin of `frame`, on the board of that id or the first one of `who`, as it is told."""
    lineage = provenance.lineage(frame.request, services.pictures)
    made = services.moodboard.pin(who, frame, board, lineage)
    titles = {one.id: one.title for one in services.moodboard.boards(who)}
    return {**told(made), "board_title": titles.get(made.board, moodboard.FIRST_BOARD)}


async def edit(services: Services, request: HTTPRequest) -> Response:
    """The pin with what the body has of title, note, tags, star and role."""
    who, name = owner(services, request), request.path_params["id"]
    given = await bodies.fields(request)
    star = given.get("star")
    if star is not None and not isinstance(star, bool):
        raise answers.Refused(422, NO_STAR)

    def edited() -> Pin:
        # The floor refuses what is of another type.
        wanted = {key: given.get(key) for key in ("title", "note", "tags", "role")}
        return services.moodboard.edit(who, name, star=star, **wanted)  # type: ignore[arg-type]

    return JSONResponse(told(await of_owner(edited)))


async def place(services: Services, request: HTTPRequest) -> Response:
    """Put the `pins` of the body onto its `board`, before the pin `before` or at the end."""
    who = owner(services, request)
    given = await bodies.fields(request)
    names, board, before = _names(given), _text(given, "board"), _text(given, "before")
    await of_owner(services.moodboard.place, who, names, board, before)
    return JSONResponse({})


async def delete(services: Services, request: HTTPRequest) -> Response:
    """Take the `pins` of the body off their boards."""
    who = owner(services, request)
    await of_owner(services.moodboard.delete, who, _names(await bodies.fields(request)))
    return JSONResponse({})


async def restore(services: Services, request: HTTPRequest) -> Response:
    """Bring the deleted `pins` of the body back."""
    who = owner(services, request)
    await of_owner(services.moodboard.restore, who, _names(await bodies.fields(request)))
    return JSONResponse({})


def owner(services: Services, request: HTTPRequest) -> str:
    """Whose boards they are. Raises `Refused` for what has no cookie and no login."""
    who = programs.owner_for(services.settings, request)
    if not who:
        is_program = programs.is_program(request.url.path)
        raise answers.Refused(403, programs.NOBODY if is_program else NOBODY)
    return who


async def of_owner(
    work: Callable[Args, Found], /, *args: Args.args, **kwargs: Args.kwargs
) -> Found:
    """What `work` gives, done in a thread; 404 for a pin or board that is not the owner's."""
    try:
        return await asyncio.to_thread(work, *args, **kwargs)
    except InvalidRequest as error:
        is_missing = str(error) in (moodboard.NO_PIN, moodboard.NO_BOARD)
        raise answers.Refused(404 if is_missing else 422, str(error)) from error


def told(one: Pin) -> dict[str, object]:
    """A pin as the page knows it: what somebody said of it, and what made it."""
    made = one.request
    return {
        "id": one.id,
        "board": one.board,
        "pinned_at": one.pinned_at,
        "stage": one.stage.value,
        "title": one.title,
        "note": one.note,
        "tags": list(one.tags),
        "star": one.star,
        "role": one.role,
        "prompt": typed(made.prompt, made.references),
        "seed": made.seed,
        "width": made.width,
        "height": made.height,
        "steps": made.steps,
        "guidance_scale": made.guidance_scale,
        "model": made.model,
        "loras": [{"name": lora.name, "scale": lora.scale} for lora in made.loras],
        "references": [
            {"digest": looked_at.digest, "role": looked_at.role, "strength": looked_at.strength}
            for looked_at in made.references
        ],
        "blend": None if made.blend is None else asdict(made.blend),
    }


def _board(board: Board) -> Response:
    return JSONResponse(asdict(board))


def _text(given: Mapping[str, object], field: str) -> str:
    value = given.get(field, "")
    if not isinstance(value, str):
        raise answers.Refused(422, NO_NAME.format(field=field))
    return value


def _names(given: Mapping[str, object]) -> list[str]:
    names = given.get("pins")
    if not isinstance(names, list) or not 1 <= len(names) <= MOST_AT_ONCE:
        raise answers.Refused(422, NO_PINS)
    if not all(isinstance(name, str) for name in names):
        raise answers.Refused(422, NO_PINS)
    return names


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) <= 9):
        raise answers.Refused(422, NO_RANGE)
    return int(text)
