"""The door: what every request and every socket passes before anything else sees it."""

import base64
import binascii
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.requests import HTTPConnection
from starlette.requests import Request as HTTPRequest
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from klein_ui import access, uploads
from klein_ui.access import Attempts, Cookie, Demand
from klein_ui.settings import Settings
from klein_ui.ui import (
    api_routes,
    bodies,
    doorstep,
    health_routes,
    metrics,
    open_routes,
    pictures,
    programs,
    tools,
)
from klein_ui.ui.answers import FOREIGN_PAGE, Refused
from klein_ui.ui.headers import Headers
from klein_ui.ui.owners import owner_of, reach
from klein_ui.ui.socket import POLICY_VIOLATION

COOKIE_AGE_S = 30 * 24 * 3600
MAX_FORM_BYTES = 4096
ROOM = 2**16
"""What a request's other parts may have beside a file that is as large as it may be."""
MAX_BODY_BYTES = 2 * 2**20
TOO_MUCH = f"That is more than {MAX_BODY_BYTES // 2**20} MB; send less."
LIMITS = {
    pictures.PICTURES_PATH: (uploads.MAX_UPLOAD_BYTES + ROOM, uploads.TOO_LARGE),
    open_routes.OPEN_PATH: (open_routes.MAX_ARCHIVE_BYTES + ROOM, open_routes.TOO_LARGE_ARCHIVE),
    **api_routes.LIMITS,
    **tools.LIMITS,
}
CALLS = tuple(f"/gradio_api/{name}" for name in ("queue/", "call/", "run/", "cancel", "reset"))
MAX_CALL_BYTES = 192 * 2**10
"""Gradio keeps what a call brings until its event has run; the longest prompt takes 12 kB."""
LONG_CALL = f"That is more than {MAX_CALL_BYTES // 2**10} kB; shorten the prompt."
SHUT = tuple(f"/gradio_api/{name}" for name in ("upload", "process_recording", "proxy=", "vibe-"))
"""Ways of Gradio's that nothing of this app goes, with bodies and addresses of anybody's."""
NO_WAY = "This way is shut; images come in through the Edit tab, everything else as text."
UNKNOWN_HOST = (
    "This server does not know itself by that name; open it by its address, or start it with "
    "--allow-host NAME."
)

WATCHED = frozenset({health_routes.ALIVE_PATH, health_routes.READY_PATH})
SELF_CHECK = "/gradio_api/startup-events"
LOGIN_PATHS = ("/login", "/login/")
# What Gradio's page of the login is made of; what it is to hide, Gradio hides by itself.
LOGIN_PARTS = frozenset(
    {"/", "/config", "/theme.css", "/favicon.ico", "/manifest.json", "/robots.txt"}
    | {f"/gradio_api/{name}" for name in ("login_check", "user", "app_id", "theme.css")}
    | set(LOGIN_PATHS)
)
LOGIN_FOLDERS = ("/assets/", "/static/", "/svelte/")


def hung(settings: Settings, machine: str, logins: Mapping[str, str]) -> "Hung":
    """The lifespan that puts the door in front of an app, outside of all that Gradio adds.

    Raises `ValueError` where a token is demanded and there is none.
    """
    if access.demand(settings) is Demand.TOKEN and not settings.token:
        raise ValueError("nobody could come in; give the settings a token")

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        # Built for the lifespan itself; nothing else is served before this has run.
        assert app.middleware_stack is not None  # noqa: S101
        app.middleware_stack = Door(app.middleware_stack, settings, machine, logins)
        yield

    return lifespan


Hung = Callable[[Starlette], AbstractAsyncContextManager[None]]


class Door:
    """Host, origin, token or login, size of the body; and the headers of every answer."""

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        machine: str,
        logins: Mapping[str, str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._bounded = bodies.Bounded(app)
        self._names = access.names(settings, machine)
        self._demand = access.demand(settings)
        self._token = settings.token or ""
        self._cookie = Cookie.of(self._token) if self._token else None
        self._logins = dict(logins)
        self._attempts = Attempts()
        self._clock = clock
        self._headers = Headers(settings.is_space, settings.embed_on)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what may come in."""
        if scope["type"] == "websocket":
            await self._socket(scope, receive, send)
        elif scope["type"] == "http":
            host = _hosts(HTTPConnection(scope))[-1]
            send = self._headers.on(send, scope, access.host_name(host) or "")
            answer = await self._answer(HTTPRequest(scope, receive))
            if answer is None:
                await self._pass(scope, receive, send)
            else:
                await answer(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection = HTTPConnection(scope)
        try:
            self._check_origin(connection)
            if not self._is_known(connection):
                raise Refused(401, doorstep.WANTED)
        except Refused as refused:
            reason = str(refused).encode()[:120].decode(errors="ignore")
            await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": reason})
            return
        await self._app(scope, receive, send)

    async def _answer(self, request: HTTPRequest) -> Response | None:
        """What is said to `request` in the app's place; None where it is let in."""
        try:
            self._check_origin(request)
            if self._demand is Demand.TOKEN:
                return await self._by_token(request)
            if self._demand is Demand.LOGIN:
                return self._by_login(request)
        except Refused as refused:
            return doorstep.said(request, refused.status, str(refused))
        return None

    def _check_origin(self, connection: HTTPConnection) -> None:
        """Raises `Refused` for a name that is not ours, and for the page of another."""
        if len(connection.headers.getlist("host")) != 1:
            raise Refused(421, UNKNOWN_HOST)
        hosts = _hosts(connection)
        if not all(access.may_be_asked(host, self._names) for host in hosts):
            raise Refused(421, UNKNOWN_HOST)
        headers = connection.headers
        origin = headers.get("origin")
        if origin is not None and not access.is_own_origin(origin, hosts):
            raise Refused(403, FOREIGN_PAGE)
        # Of what a foreign page embeds the browser tells no Origin.
        is_foreign = headers.get("sec-fetch-site") in ("cross-site", "same-site")
        if is_foreign and headers.get("sec-fetch-mode", "navigate") != "navigate":
            raise Refused(403, FOREIGN_PAGE)

    def _is_known(self, connection: HTTPConnection) -> bool:
        """Whether who asks has shown before what is demanded, or a program shows it now."""
        if self._demand is Demand.LOGIN:
            return owner_of(connection) != ""
        if self._demand is Demand.TOKEN:
            token = access.bearer(connection.headers.get("authorization", ""))
            return self._has_cookie(connection) or (
                token is not None and self._is_right(connection, token)
            )
        return True

    async def _by_token(self, request: HTTPRequest) -> Response | None:
        is_read = request.method in ("GET", "HEAD")
        if is_read and request.url.path in (*WATCHED, SELF_CHECK):
            return None
        in_query, rest = access.in_query(request.url.query, doorstep.FIELD)
        if self._has_cookie(request):
            return None if in_query is None or not is_read else self._clean(request, rest)
        given = access.bearer(request.headers.get("authorization", ""))
        if given is None and is_read:
            given = in_query
        elif given is None and request.method == "POST" and doorstep.wants_page(request):
            given = await _typed(request)
        if given is None:
            return doorstep.token_asked(request, was_wrong=False)
        if not self._is_right(request, given):
            return doorstep.token_asked(request, was_wrong=True)
        is_program = "authorization" in request.headers
        return None if is_program else self._clean(request, rest)

    def _by_login(self, request: HTTPRequest) -> Response | None:
        path = request.url.path
        if request.method == "POST" and path in LOGIN_PATHS:
            self._count(request)
            return None
        is_part = path in LOGIN_PARTS or path.startswith(LOGIN_FOLDERS)
        is_read = request.method in ("GET", "HEAD")
        if is_read and (is_part or path in WATCHED or path == SELF_CHECK):
            return None
        knows_no_pages = path == metrics.PATH or programs.is_program(path)
        if self._is_known(request) or (knows_no_pages and self._is_scraper(request)):
            return None
        sentence = doorstep.LOGIN_BY_PROGRAM if programs.is_program(path) else doorstep.LOGIN
        answer = doorstep.said(request, 401, sentence)
        if path == metrics.PATH:
            answer.headers["WWW-Authenticate"] = 'Basic realm="metrics"'
        return answer

    def _is_scraper(self, request: HTTPRequest) -> bool:
        """Whether a program that knows no pages sends a login along, such as Prometheus."""
        kind, _, encoded = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "basic":
            return False
        self._count(request)
        try:
            name, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        wanted = self._logins.get(name)
        if wanted is None or not access.is_same(password, wanted):
            return False
        self._attempts.give_back(_address(request))
        return True

    def _has_cookie(self, connection: HTTPConnection) -> bool:
        if self._cookie is None:
            return False
        return access.is_same(connection.cookies.get(self._cookie.name, ""), self._cookie.value)

    def _is_right(self, connection: HTTPConnection, token: str) -> bool:
        self._count(connection)
        if not access.is_same(token, self._token):
            return False
        self._attempts.give_back(_address(connection))
        return True

    def _count(self, connection: HTTPConnection) -> None:
        """Raises `Refused` where an address tried too often."""
        if not self._attempts.take(_address(connection), self._clock()):
            raise Refused(429, doorstep.SLOWER)

    def _clean(self, request: HTTPRequest, rest: str) -> Response:
        """The same address without the token, which the browser has as a cookie from now on."""
        assert self._cookie is not None  # noqa: S101
        # Relative, so that it is right behind any proxy and leads to no other host.
        last = request.scope.get("raw_path", b"/").decode("latin-1").rpartition("/")[2]
        where = f"./{last}" + (f"?{rest}" if rest else "")
        kept = f"{self._cookie.name}={self._cookie.value}; Max-Age={COOKIE_AGE_S}"
        return Response(
            status_code=303,
            headers={
                "Location": where,
                "Set-Cookie": f"{kept}; {reach(request.scope)}",
                "Cache-Control": "no-store",
            },
        )

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        """On to the app, with no more of a body than its path may have."""
        request = HTTPRequest(scope)
        if request.url.path.startswith(SHUT):
            await doorstep.said(request, 403, NO_WAY)(scope, receive, send)
            return
        is_call = scope["path"].startswith(CALLS)
        usual = (MAX_CALL_BYTES, LONG_CALL) if is_call else (MAX_BODY_BYTES, TOO_MUCH)
        most_bytes, sentence = LIMITS.get(scope["path"], usual)

        async def refuse() -> None:
            answer = doorstep.said(request, 413, sentence)
            # What is still to come of the body is not read.
            answer.headers["Connection"] = "close"
            await answer(scope, receive, send)

        announced = request.headers.get("content-length", "")
        if announced.isdecimal() and int(announced[:18]) > most_bytes:
            await refuse()
        else:
            await self._bounded(scope, receive, send, most_bytes, refuse)


def _hosts(connection: HTTPConnection) -> tuple[str, ...]:
    """What was asked for, then the outer name that a proxy tells, where one does."""
    outer = connection.headers.get("x-forwarded-host")
    asked = connection.headers.get("host", "")
    return (asked,) if outer is None else (asked, outer.partition(",")[0].strip())


def _address(connection: HTTPConnection) -> str:
    return connection.client.host if connection.client else ""


async def _typed(request: HTTPRequest) -> str | None:
    """The token of the page with the one field."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if kind != "application/x-www-form-urlencoded":
        return None
    body = await bodies.raw(request, MAX_FORM_BYTES, TOO_MUCH)
    return parse_qs(body.decode("utf-8", "replace")).get(doorstep.FIELD, [None])[0]
