"""What comes over Gradio's own routes is checked before Gradio's components see it."""

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs

import gradio as gr
from fastapi.exceptions import RequestValidationError
from gradio.block_function import BlockFunction
from gradio.routes import App
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.requests import Request as HTTPRequest
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from klein_ui.contract import KleinError
from klein_ui.limits import JOINS, Limits
from klein_ui.ui.addresses import address_of

log = logging.getLogger(__name__)

Check = Callable[[Sequence[object]], object]
"""Raises `KleinError` for values that are refused."""

API = "/gradio_api/"
CALLS = tuple(API + name for name in ("run/", "api/", "call/", "queue/join"))
CLOSED = (
    "upload",
    "upload_progress",
    "component_server",
    "process_recording",
    "stream",
    "proxy=",
    "vibe-",
    "undo-vibe-edit",
    "deep_link",
    "dev/",
)
"""Routes of Gradio that no part of the app uses: each is a way to write files, or answers 500."""

NOT_HERE = "This way in is closed here; use the page, or call /generate."
NOBODY = "There is no such call, or it has ended; make it again."
NO_FUNCTION = "There is no such function here; call /generate."
NOT_TAKEN = "The call cannot be read; send {“data”: [prompt, seed, width, height, steps]}."
MISSHAPEN = "The field {field} of the call is missing or of the wrong kind; see /gradio_api/info."
NO_PAGE = "There is no such page; open the app from its own address."
PLAIN = "The message of the page must be text; reload the page."


class Page(gr.Blocks):
    """Blocks that check what a call brings before any component does."""

    def __init__(self, **options: Any) -> None:
        self._checks: dict[str, Check] = {}
        super().__init__(**options)

    def check(self, api_name: str, check: Check) -> None:
        """Let `check` see the values of each call of `api_name` first."""
        self._checks[api_name] = check

    def validate_inputs(self, block_fn: BlockFunction, inputs: list[Any]) -> None:
        """Refuse in one sentence what is not to be looked at any further."""
        check = self._checks.get(str(block_fn.api_name), _texts(len(block_fn.inputs)))
        try:
            check(inputs)
        except KleinError as error:
            raise gr.Error(str(error), print_exception=False) from error


def _texts(count: int) -> Check:
    """What the page's own parts send."""

    def check(values: Sequence[object]) -> None:
        if len(values) < count or not all(isinstance(value, str) for value in values):
            raise KleinError(PLAIN)

    return check


class Guard:
    """Closes what the app does not use, and turns what Gradio fails at into one sentence."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app, self._limits = app, limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what is Gradio's to answer."""
        path = str(scope.get("path", ""))
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refused = _refused(scope, path) or self._hurried(scope, path)
        if refused is not None:
            await refused(scope, receive, send)
            return
        has_begun, is_call = False, path.startswith(CALLS)

        async def watched(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            if message["type"] == "http.response.start" and message["status"] == 500 and is_call:
                # It carries our own sentence about the values.
                message["status"] = 422
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as error:
            if has_begun or not (is_call or _is_fragile(scope, path)):
                raise
            log.info("a call was refused: %s", type(error).__name__)
            await said(422, NO_FUNCTION if is_call else NO_PAGE)(scope, receive, send)

    def _hurried(self, scope: Scope, path: str) -> Response | None:
        if scope.get("method") != "POST" or not path.startswith(CALLS):
            return None
        wait_s = self._limits.wait_s(JOINS, address_of(HTTPConnection(scope)))
        if wait_s == 0:
            return None
        return said(429, JOINS.sentence(wait_s), {"Retry-After": str(math.ceil(wait_s))})


def said(status: int, sentence: str, headers: Mapping[str, str] | None = None) -> Response:
    """One sentence, under the names that Gradio's clients look for."""
    return JSONResponse({"detail": sentence, "error": sentence}, status, headers)


def _refused(scope: Scope, path: str) -> Response | None:
    if not path.startswith(API):
        return None
    if path[len(API) :].startswith(CLOSED):
        return said(404, NOT_HERE)
    session = _followed(scope, path)
    if session is None:
        return None
    app = scope.get("app")
    known = isinstance(app, App) and session in app.get_blocks()._queue.pending_messages_per_session
    # Gradio answers, and then raises into the log.
    return None if known else said(404, NOBODY)


def _is_fragile(scope: Scope, path: str) -> bool:
    """Whether Gradio is known to raise here for what was asked, and not for what we do."""
    query = scope.get("query_string", b"")
    return path.startswith("/pwa_icon") or (path == "/" and query != b"")


def _followed(scope: Scope, path: str) -> str | None:
    """The session whose messages are asked for; None where it is something else."""
    if scope.get("method") != "GET":
        return None
    if path.rstrip("/") == API + "queue/data":
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
        return str(query.get("session_hash", [""])[0])
    if path.startswith(API + "call/"):
        return path.rstrip("/").rpartition("/")[2]
    return None


async def _misshapen(request: HTTPRequest, error: Exception) -> Response:
    places = error.errors() if isinstance(error, RequestValidationError) else []
    named = [str(part) for place in places[:1] for part in place.get("loc", ()) if part != "body"]
    # What is no JSON has a position, not a field.
    is_field = bool(named) and not named[0].isdecimal()
    return said(422, MISSHAPEN.format(field=named[0][:40]) if is_field else NOT_TAKEN)


async def _unread(request: HTTPRequest, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 400
    detail = error.detail if isinstance(error, HTTPException) else ""
    unread = status == 400 and "parsing the body" in str(detail)
    headers = error.headers if isinstance(error, HTTPException) else None
    if unread:
        return said(status, NOT_TAKEN)
    return JSONResponse({"detail": detail}, status, headers)


HANDLERS = {RequestValidationError: _misshapen, HTTPException: _unread}
"""To hand to `launch(app_kwargs={"exception_handlers": ...})`."""
