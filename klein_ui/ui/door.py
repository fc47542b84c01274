"""The door: what every request and every socket passes before anything else sees it."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import HTTPConnection
from starlette.requests import Request as HTTPRequest
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from klein_ui import access, limits, uploads
from klein_ui.seal import Seal
from klein_ui.settings import Settings
from klein_ui.ui import (
    api_routes,
    bodies,
    doorstep,
    health_routes,
    open_routes,
    owners,
    pictures,
    tools,
)
from klein_ui.ui.addresses import address_of, visitor
from klein_ui.ui.answers import FOREIGN_PAGE, Refused
from klein_ui.ui.entry import Entry, demanded
from klein_ui.ui.headers import Headers
from klein_ui.ui.socket import POLICY_VIOLATION

ROOM = 2**16
"""What a request's other parts may have beside a file that is as large as it may be."""
MOST_UNDER_WAY, MOST_OF_ALL = 96, 2**16
"""Requests of an address at once: each page keeps one open to be found alive, and loads by six."""
CROWD = "Too many pages of yours are open; close some and reload this one."
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

SELF_CHECK = "/gradio_api/startup-events"
OUTSIDE = frozenset({health_routes.ALIVE_PATH, health_routes.READY_PATH, SELF_CHECK})
"""What is answered without a token or a login."""


def hung(settings: Settings, machine: str, logins: Mapping[str, str], seal: Seal) -> "Hung":
    """The lifespan that puts the door in front of an app, outside of all that Gradio adds.

    Raises `ValueError` where a token is demanded and there is none.
    """
    entry = demanded(settings, logins, seal)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        # Built for the lifespan itself; nothing else is served before this has run.
        assert app.middleware_stack is not None  # noqa: S101
        app.middleware_stack = Door(app.middleware_stack, settings, machine, entry)
        yield

    return lifespan


Hung = Callable[[Starlette], AbstractAsyncContextManager[None]]


class Door:
    """Host, origin, token or login, size of the body; and the headers of every answer."""

    def __init__(self, app: ASGIApp, settings: Settings, machine: str, entry: Entry | None) -> None:
        self._app = app
        self._bounded = bodies.Bounded(app)
        self._names = access.names(settings, machine)
        self._entry = entry
        self._under_way = limits.Places(MOST_UNDER_WAY, MOST_OF_ALL)
        self._is_space = settings.is_space
        self._headers = Headers(settings.is_space, settings.embed_on)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what may come in."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        self._find_visitor(scope)
        if scope["type"] == "websocket":
            await self._socket(scope, receive, send)
            return
        host = _hosts(HTTPConnection(scope))[-1]
        send = self._headers.on(send, scope, access.host_name(host) or "")
        request = HTTPRequest(scope, receive)
        # Behind a proxy the connections are the proxy's: what is under way is counted by visitor.
        with self._under_way.taken(address_of(request)) as has_one:
            answer = await self._answer(request) if has_one else doorstep.said(request, 503, CROWD)
            if answer is None:
                await self._pass(scope, receive, send)
            else:
                await answer(scope, receive, send)

    def _find_visitor(self, scope: Scope) -> None:
        """Behind a Space's proxies, who asks is none of these."""
        if self._is_space:
            connection = HTTPConnection(scope)
            forwarded = connection.headers.getlist("x-forwarded-for")
            scope["client"] = (visitor(address_of(connection), forwarded), 0)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection = HTTPConnection(scope)
        try:
            self._check_origin(connection)
            if not self._lets_in(connection):
                raise Refused(401, doorstep.WANTED)
        except Refused as refused:
            reason = str(refused).encode()[:120].decode(errors="ignore")
            await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": reason})
            return
        await self._app(scope, receive, send)

    def _lets_in(self, connection: HTTPConnection) -> bool:
        """Whether who asks has shown what is demanded; then whose rights they have is known."""
        owner = "" if self._entry is None else self._entry.owner(connection)
        if owner:
            owners.own(connection.scope, owner)
        return owner is not None

    async def _answer(self, request: HTTPRequest) -> Response | None:
        """What is said to `request` in the app's place; None where it is let in."""
        try:
            self._check_origin(request)
            if request.method in ("GET", "HEAD") and request.url.path in OUTSIDE:
                return None
            answer = None if self._entry is None else await self._entry.answer(request)
            if answer is not None:
                return answer
            self._lets_in(request)
        except Refused as refused:
            return doorstep.said(request, refused.status, str(refused))
        return Response(status_code=204) if request.url.path == doorstep.ADMITTED else None

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
