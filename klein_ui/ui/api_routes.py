"""The routes for programs: a picture, an edit, frames as they come, seeds, exports and pins.

Each is described by :mod:`klein_ui.ui.api_document`, and in words by `docs/api.md`.
"""

import asyncio
from functools import partial

from starlette.requests import Request as HTTPRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from klein_ui import limits, uploads
from klein_ui.contract import Asked, Frame, InvalidRequest
from klein_ui.ui import (
    answers,
    api_calls,
    api_document,
    api_fields,
    api_forms,
    api_stream,
    board_routes,
    bodies,
    export_routes,
    pictures,
    programs,
    wire,
)
from klein_ui.ui.addresses import address_of
from klein_ui.ui.answers import Handler
from klein_ui.ui.api_fields import MOST_VARIATIONS
from klein_ui.ui.services import Services
from klein_ui.validate import MAX_SEED

FRAME = "Klein-Frame"
"""The header with the name under which the picture in the body can be exported or pinned."""
MOST_FORMS = 4
FRAME_PATH = f"{programs.ROOT}/frames/{{name}}"
EDIT_PATH = f"{programs.ROOT}/edit"
IMAGES_PATH = f"{programs.ROOT}/images"
LIMITS = {
    EDIT_PATH: (api_forms.MOST_BYTES + 2**16, api_forms.TOO_LARGE),
    IMAGES_PATH: (uploads.MAX_UPLOAD_BYTES + 2**16, uploads.TOO_LARGE),
}
"""How large a body may be, and what is said of a larger one; of others the door decides."""

NO_SEEDS = f"The field seeds must be a list of 1 to {MOST_VARIATIONS} seeds, 0 to {MAX_SEED:,}."
NO_COUNT = f"The field count must be a whole number from 1 to {MOST_VARIATIONS}."
EXPORTED = ("frame", "request", "as", "sidecar")
OF_PINS = ("pins", "board", "as")
PINNED = ("frame", "request", "board")
NO_SIDECAR = "The field sidecar must be true or false."
NO_BOARD = "The field board must be the id of a board, as /gradio_api/v1/boards lists them."


def routes(services: Services) -> list[BaseRoute]:
    """The routes to hand to `launch`, beside those of the page."""
    # The bodies of many edits must not lie in memory at once.
    room = asyncio.Semaphore(MOST_FORMS)
    turn, waiting = asyncio.Lock(), asyncio.Semaphore(pictures.MOST_UPLOADS)
    sheets = asyncio.Lock()

    def post(name: str, handler: Handler, *rate: limits.Rate) -> BaseRoute:
        return answers.route(f"{programs.ROOT}/{name}", handler, services, "POST", *rate)

    def get(name: str, handler: Handler) -> BaseRoute:
        return answers.route(f"{programs.ROOT}/{name}", handler, services, "GET")

    return [
        post("generate", generate, limits.CALLS),
        post("edit", partial(edit, room), limits.CALLS),
        post("stream", stream, limits.CALLS),
        # It counts its seeds by itself.
        post("variations", variations),
        post("export", partial(export, sheets), limits.EXPORTS),
        post("pin", pin, limits.PINS),
        post("images", partial(pictures.add, turn, waiting), limits.UPLOADS),
        get("frames/{name}", frame),
        get("boards", board_routes.boards),
        get("boards/{id}/pins", board_routes.pins_of),
        get("model", model),
        get("openapi.json", described),
    ]


async def generate(services: Services, request: HTTPRequest) -> Response:
    """The picture of the fields in the body, a file of the format `as`."""
    given = await bodies.fields(request)
    kind = given.pop("as", "png")
    api_calls.format_of(kind)
    asked = api_calls.requested(services, given)
    frame = await _drawn(services, request, asked)
    return await _file(services, frame, kind)


async def edit(room: asyncio.Semaphore, services: Services, request: HTTPRequest) -> Response:
    """The same, of images that come with the fields, as a form."""
    async with room:
        form = await api_forms.read(request)
        kind = form.fields.pop("as", "png")
        api_calls.format_of(kind)
        asked = await api_calls.edited(
            services, address_of(request), form.fields, form.images, form.mask
        )
        del form
    frame = await _drawn(services, request, asked)
    return await _file(services, frame, kind)


async def stream(services: Services, request: HTTPRequest) -> Response:
    """Drafts and the full picture, a line of JSON for each."""
    given, row = await bodies.fields(request), services.row
    asked = api_fields.request_of(given, row, api_fields.of_stream(row).keys())
    address = _check_room(services, request)
    return api_stream.streamed(request, api_stream.typed(services, address, asked))


async def variations(services: Services, request: HTTPRequest) -> Response:
    """The same words with several seeds, a line of JSON for each picture."""
    given, row = await bodies.fields(request), services.row
    known = api_fields.of_variations(row).keys()
    counted, named = given.pop("count", None), given.pop("seeds", None)
    asked = api_fields.request_of(given, row, known)
    seeds = _seeds(asked.request.seed, counted, named)
    address = _check_room(services, request)
    api_calls.admit(services, address, len(seeds))
    return api_stream.streamed(request, api_stream.varied(services, address, asked, seeds))


async def export(sheets: asyncio.Lock, services: Services, request: HTTPRequest) -> Response:
    """The file of a `frame` or a `request`, or of the `pins` or the `board` of who asks."""
    given = await bodies.fields(request)
    if "pins" in given or "board" in given:
        api_fields.check_names(given, OF_PINS)
        return await export_routes.exported(sheets, services, request, given)
    api_fields.check_names(given, EXPORTED)
    kind, sidecar = given.get("as", "png"), given.get("sidecar", False)
    api_calls.format_of(kind)
    if not isinstance(sidecar, bool):
        raise InvalidRequest("sidecar", NO_SIDECAR)
    frame = await _asked(services, request, given)
    if not sidecar:
        return await _file(services, frame, kind)
    made = await api_calls.exported(services, frame, kind)
    return await export_routes.zipped(iter([made.item()]), frame.request.prompt[:80], 1)


async def frame(services: Services, request: HTTPRequest) -> Response:
    """The frame of that name, as `?as=` says; what left the memory is made again."""
    name, kind = request.path_params["name"], request.query_params.get("as", "png")
    api_calls.format_of(kind)
    api_calls.admit(services, address_of(request), 1, limits.EXPORTS)
    return await _file(services, await _asked(services, request, {"frame": name}), kind)


async def pin(services: Services, request: HTTPRequest) -> Response:
    """Keep a `frame`, or what a `request` makes, on a `board` of who asks."""
    given = await bodies.fields(request)
    api_fields.check_names(given, PINNED)
    who, board = board_routes.owner(services, request), given.get("board", "")
    if not isinstance(board, str):
        raise InvalidRequest("board", NO_BOARD)
    frame = await _asked(services, request, given)
    told = await board_routes.of_owner(board_routes.pinned, services, who, frame, board)
    return JSONResponse(told)


async def model(services: Services, request: HTTPRequest) -> Response:
    """The model of the moment with its limits, defaults and sizes."""
    known = wire.greeting(services.row)
    told = {name: known[name] for name in ("model", "limits", "defaults", "choices")}
    return JSONResponse(told, headers=board_routes.NOT_STORED)


async def described(services: Services, request: HTTPRequest) -> Response:
    """The OpenAPI description of these routes, with the limits of the model of the moment."""
    return JSONResponse(api_document.document(services.row), headers=board_routes.NOT_STORED)


async def _drawn(services: Services, request: HTTPRequest, asked: Asked) -> Frame:
    address = address_of(request)
    return await api_calls.while_there(request, lambda: api_calls.drawn(services, address, asked))


async def _asked(services: Services, request: HTTPRequest, given: dict[str, object]) -> Frame:
    address = address_of(request)
    return await api_calls.while_there(
        request, lambda: api_calls.frame_of(services, address, given)
    )


async def _file(services: Services, frame: Frame, kind: object) -> Response:
    made = await api_calls.exported(services, frame, kind)
    answer = export_routes.attachment(made.name, made.mime, made.data)
    answer.headers[FRAME] = services.shelf.put(frame)
    return answer


def _seeds(first: int, counted: object, named: object) -> list[int]:
    if named is None:
        count = api_fields.USUAL_VARIATIONS if counted is None else counted
        if type(count) is not int or not 1 <= count <= MOST_VARIATIONS:
            raise InvalidRequest("count", NO_COUNT)
        return [(first + step) % (MAX_SEED + 1) for step in range(count)]
    are_seeds = isinstance(named, list) and all(
        type(seed) is int and 0 <= seed <= MAX_SEED for seed in named
    )
    if not isinstance(named, list) or not are_seeds or not 1 <= len(named) <= MOST_VARIATIONS:
        raise InvalidRequest("seeds", NO_SEEDS)
    return list(dict.fromkeys(named))


def _check_room(services: Services, request: HTTPRequest) -> str:
    """Who asks. Raises `KleinError` where a stream could only begin with that sentence."""
    address = address_of(request)
    with api_calls.place(services, address):
        return address
