"""The tools of MCP: generate, edit and pin, called in this process with the caller's own rights.

Gradio's server of tools calls its own HTTP endpoint back, where nobody knows the caller any more:
behind a token or a login that is refused, and boards have no owner.
"""

import asyncio
import base64
import binascii
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

from mcp import types
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.applications import Starlette
from starlette.requests import Request as HTTPRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Message, Receive, Scope, Send

from klein_ui import limits
from klein_ui.contract import Frame, InvalidRequest, KleinError
from klein_ui.store import NoRoom
from klein_ui.ui import (
    answers,
    api_calls,
    api_fields,
    board_routes,
    bodies,
    programs,
    tool_schemas,
)
from klein_ui.ui.addresses import address_of
from klein_ui.ui.answers import Refused
from klein_ui.ui.api_calls import Image
from klein_ui.ui.api_routes import FRAME_PATH
from klein_ui.ui.owners import is_https
from klein_ui.ui.services import Services
from klein_ui.ui.socket import same_origin

NAME = "klein-live"
PATHS = (programs.MCP_PATH, f"{programs.MCP_PATH}/")
MOST_BYTES = 16 * 2**20
TOO_LARGE = (
    f"The call is more than {MOST_BYTES // 2**20} MB; scale the images down, or name frames that "
    "other calls gave."
)
LIMITS = dict.fromkeys(PATHS, (MOST_BYTES, TOO_LARGE))
"""How large a body may be, and what is said of a larger one."""

MOST_PARTS = 20_000
TOO_MANY_PARTS = f"The message has more than {MOST_PARTS:,} parts; send a shorter one."
BUSY = "Too many messages are worked on at this moment; send it again."

POSTED = "Clients of MCP send POST here; see docs/api.md for how to tell one of this address."
OFF = "The tools of MCP are off; start the app with --mcp."
NO_TOOL = "There is no tool {name}; there are generate, edit and pin."
NO_DATA = "The data of an image must be base64, or a data: URL of base64; send it so."
ONE_SOURCE = "An image is either the “frame” of an earlier call or “data” in base64; send one."
NO_IMAGES = "The field images must be a list of objects with “frame” or “data”."
NO_BOARD = "The field board must be text, the name of a board."

Content = list[types.TextContent | types.ImageContent]
Tool = Callable[[HTTPRequest, dict[str, object]], Awaitable[Content]]


class Tools:
    """The server of tools; its routes answer while its lifespan runs."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._tools: dict[str, Tool] = {
            "generate": self._generate,
            "edit": self._edit,
            "pin": self._pin,
        }
        self._server: Server[object, HTTPRequest] = Server(NAME)
        self._server.list_tools()(self._listed)  # type: ignore[no-untyped-call]
        # The limits are those of the model of the moment, and the sentences our own.
        self._server.call_tool(validate_input=False)(self._called)
        self._manager: StreamableHTTPSessionManager | None = None
        self._places = limits.Places(8, 64)

    def routes(self) -> list[BaseRoute]:
        """Where clients find it, with and without a slash."""
        return [Route(path, self) for path in PATHS]

    @asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        """Answer as long as this runs."""
        self._manager = StreamableHTTPSessionManager(
            self._server, stateless=True, max_request_body_size=MOST_BYTES
        )
        async with self._manager.run():
            yield

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One message of a client; nothing is remembered of it."""
        request = HTTPRequest(scope, receive)
        if self._manager is None or request.method != "POST":
            headers = {"Allow": "POST", "Cache-Control": "no-store"}
            await JSONResponse({"sentence": POSTED}, 405, headers)(scope, receive, send)
        elif not same_origin(request.headers):
            refusal = JSONResponse({"sentence": answers.FOREIGN_PAGE}, 403)
            await refusal(scope, receive, send)
        elif (wait_s := self._services.limits.wait_s(limits.REQUESTS, address_of(request))) > 0:
            refusal = JSONResponse({"sentence": limits.REQUESTS.sentence(wait_s)}, 429)
            await refusal(scope, receive, send)
        else:
            with self._places.taken(address_of(request)) as has_one:
                if not has_one:
                    await JSONResponse({"sentence": BUSY}, 503)(scope, receive, send)
                    return
                await self._handle(self._manager, request, scope, send)

    async def _handle(
        self,
        manager: StreamableHTTPSessionManager,
        request: HTTPRequest,
        scope: Scope,
        send: Send,
    ) -> None:
        """Images are long texts; what has very many parts would take much more room once read."""
        try:
            body = await bodies.raw(request, MOST_BYTES, TOO_LARGE)
        except answers.Refused as refused:
            answer = JSONResponse({"sentence": str(refused)}, refused.status)
            await answer(scope, request.receive, send)
            return
        if sum(map(body.count, (b"[", b"{", b","))) > MOST_PARTS:
            answer = JSONResponse({"sentence": TOO_MANY_PARTS}, 413)
            await answer(scope, request.receive, send)
            return
        first: Message | None = {"type": "http.request", "body": body, "more_body": False}

        async def receive() -> Message:
            nonlocal first
            message, first = first, None
            return message or await request.receive()

        await manager.handle_request(scope, receive, send)

    async def _listed(self) -> list[types.Tool]:
        return [
            types.Tool(name=name, description=about, inputSchema=schema)
            for name, (about, schema) in tool_schemas.of(self._services.row).items()
        ]

    async def _called(self, name: str, given: dict[str, object]) -> types.CallToolResult:
        request = self._server.request_context.request
        tool = self._tools.get(name)
        try:
            if tool is None or request is None:
                raise InvalidRequest("name", NO_TOOL.format(name=name[:40]))
            _, schema = tool_schemas.of(self._services.row)[name]
            api_fields.check_names(given, schema["properties"])
            return types.CallToolResult(content=[*await tool(request, given)])
        except (KleinError, NoRoom, Refused) as error:
            said = types.TextContent(type="text", text=str(error))
            return types.CallToolResult(content=[said], isError=True)

    async def _generate(self, request: HTTPRequest, given: dict[str, object]) -> Content:
        return await self._shown(request, await self._made(request, given))

    async def _edit(self, request: HTTPRequest, given: dict[str, object]) -> Content:
        services, address = self._services, address_of(request)
        api_calls.admit(services, address)
        sent, mask = given.pop("images", None), given.pop("mask", None)
        if not isinstance(sent, list) or not all(isinstance(one, dict) for one in sent):
            raise InvalidRequest("images", NO_IMAGES)
        if len(sent) > services.row.max_references:
            raise InvalidRequest("images", api_calls.too_many_images(services.row))
        images = [await self._image(address, one) for one in sent]
        cover = None if mask is None else await asyncio.to_thread(_bytes, mask)
        asked = await api_calls.edited(services, address, given, images, cover)
        return await self._shown(request, await api_calls.drawn(services, address, asked))

    async def _pin(self, request: HTTPRequest, given: dict[str, object]) -> Content:
        services = self._services
        who, board = board_routes.owner(services, request), given.pop("board", "")
        api_calls.admit(services, address_of(request), 1, limits.PINS)
        if not isinstance(board, str):
            raise InvalidRequest("board", NO_BOARD)
        name = given.get("frame")
        if name is None:
            frame = await self._made(request, given)
        else:
            frame = await api_calls.frame_of(services, address_of(request), {"frame": name})

        def kept() -> dict[str, object]:
            return board_routes.pinned(services, who, frame, self._board(who, board))

        told = await board_routes.of_owner(kept)
        words = {"pin": told["id"], "board": told["board_title"], "board_id": told["board"]}
        return [*await self._shown(request, frame), _text(words)]

    async def _made(self, request: HTTPRequest, given: Mapping[str, object]) -> Frame:
        return await api_calls.frame_of(self._services, address_of(request), {"request": given})

    async def _shown(self, request: HTTPRequest, frame: Frame) -> Content:
        """The picture, small enough for a conversation, and where all of it is to be had."""
        made = await api_calls.exported(self._services, frame, "jpeg")
        name = self._services.shelf.put(frame)
        words = {
            "frame": name,
            "seed": frame.request.seed,
            "width": frame.request.width,
            "height": frame.request.height,
            "png": _outside(request) + FRAME_PATH.format(name=name),
            "notes": [*frame.notes, *made.notes],
        }
        picture = base64.b64encode(made.data).decode()
        shown = types.ImageContent(type="image", data=picture, mimeType=made.mime)
        return [shown, _text(words)]

    def _board(self, who: str, title: str) -> str:
        """The id of the board called `title`, which is made where there is none."""
        if not title:
            return ""
        boards = self._services.moodboard.boards(who)
        there = [one.id for one in boards if title in (one.id, one.title)]
        return there[0] if there else self._services.moodboard.create_board(who, title).id

    async def _image(self, address: str, sent: dict[str, object]) -> Image:
        said = {key: value for key, value in sent.items() if key not in ("frame", "data")}
        if ("frame" in sent) == ("data" in sent):
            raise InvalidRequest("images", ONE_SOURCE)
        if "data" in sent:
            return Image(await asyncio.to_thread(_bytes, sent["data"]), said)
        named = {"frame": sent["frame"]}
        return Image(await api_calls.frame_of(self._services, address, named), said)


def absent() -> list[BaseRoute]:
    """The routes where there are no tools."""

    async def told(request: HTTPRequest) -> Response:
        return JSONResponse({"sentence": OFF}, 404)

    return [Route(path, told, methods=["GET", "POST", "DELETE"]) for path in PATHS]


def _outside(request: HTTPRequest) -> str:
    """The app's own address, as who asks knows it."""
    outer = request.headers.get("x-forwarded-host", "").partition(",")[0].strip()
    host = outer or request.headers.get("host", "")
    return f"{'https' if is_https(request.scope) else 'http'}://{host}"


def _bytes(value: object) -> bytes:
    """What base64 stands for. Raises `InvalidRequest`."""
    if not isinstance(value, str):
        raise InvalidRequest("data", NO_DATA)
    text = value.partition(",")[2] if value.startswith("data:") else value
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidRequest("data", NO_DATA) from error


def _text(words: Mapping[str, object]) -> types.TextContent:
    return types.TextContent(type="text", text=json.dumps(words, ensure_ascii=False))
