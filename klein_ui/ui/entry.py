"""What is shown to come in, a token or a login, and the ticket that a browser has in its place."""

import base64
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qs

from starlette.requests import HTTPConnection
from starlette.requests import Request as HTTPRequest
from starlette.responses import Response

from klein_ui import access, tickets
from klein_ui.access import Attempts, Demand
from klein_ui.seal import Seal
from klein_ui.settings import Settings
from klein_ui.tickets import Tickets
from klein_ui.ui import bodies, doorstep, metrics, owners, programs
from klein_ui.ui.addresses import address_of
from klein_ui.ui.answers import Refused

MAX_FORM_BYTES = 4096
TOO_LONG = f"That is more than {MAX_FORM_BYTES // 2**10} kB; send less."
LOGIN_PATHS = ("/login", "/login/")
"""Where Gradio's clients log in."""
MARKS = "logouts"


class Entry(Protocol):
    """What is demanded of whoever comes. Both raise `Refused` where an address tried too often."""

    def owner(self, connection: HTTPConnection) -> str | None:
        """Who asks, where that has been shown, or is shown now by a program; empty for somebody
        whom only their browser knows. None where it has not."""

    async def answer(self, request: HTTPRequest) -> Response | None:
        """What is said to `request` in the app's place; None where it is let in."""


class Tries:
    """Counts the wrong ones of each address."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._attempts = Attempts()
        self._clock = clock

    def one(self, connection: HTTPConnection, is_right: Callable[[], bool]) -> bool:
        """Whether what is shown is right. Raises `Refused` where an address tried too often: then
        right ones wait as well, or the answer would tell a guesser which they are. A ticket, which
        nobody can guess, never does."""
        address = address_of(connection)
        if not self._attempts.take(address, self._clock()):
            raise Refused(429, doorstep.SLOWER)
        right = is_right()
        if right:
            self._attempts.give_back(address)
        return right


class Pass:
    """The cookie with the ticket; `name` tells apart the apps of one machine, whose cookies know no
    ports."""

    def __init__(self, tickets: Tickets, name: str) -> None:
        self._tickets = tickets
        self._name = f"klein-door-{name[:8]}"

    def holder(self, connection: HTTPConnection) -> str | None:
        """Whose ticket comes along; None without a good one."""
        return self._tickets.holder(connection.cookies.get(self._name, ""))

    def given(self, connection: HTTPConnection, name: str) -> str:
        """The header that gives `name` a ticket."""
        return self._header(connection, self._tickets.issue(name), tickets.AGE_S)

    def ended(self, connection: HTTPConnection) -> str:
        """The header that takes the ticket away; it, and all others of its holder, are void."""
        name = self.holder(connection)
        if name is not None:
            self._tickets.end(name)
        return self._header(connection, "", 0)

    def _header(self, connection: HTTPConnection, value: str, age_s: int) -> str:
        return f"{self._name}={value}; Max-Age={age_s}; {owners.reach(connection.scope)}"


class ByToken:
    """Everybody who has the one token comes in."""

    def __init__(self, token: str, seal: Seal, tries: Tries) -> None:
        self._token = token
        self._tries = tries
        self._pass = Pass(Tickets(seal, {"": token}), seal.sign("cookie", token))

    def owner(self, connection: HTTPConnection) -> str | None:
        """As `Entry` says."""
        token = access.bearer(connection.headers.get("authorization", ""))
        has_ticket = self._pass.holder(connection) is not None
        is_known = has_ticket or (token is not None and self._is_right(connection, token))
        return "" if is_known else None

    async def answer(self, request: HTTPRequest) -> Response | None:
        """As `Entry` says. The token of an address or a form becomes a ticket."""
        is_read = request.method in ("GET", "HEAD")
        in_query, rest = access.in_query(request.url.query, doorstep.FIELD)
        if self._pass.holder(request) is not None:
            return None if in_query is None or not is_read else self._clean(request, rest)
        given = access.bearer(request.headers.get("authorization", ""))
        if given is None and is_read:
            given = in_query
        elif given is None and request.method == "POST" and doorstep.wants_page(request):
            given = (await _form(request)).get(doorstep.FIELD)
        if given is None:
            return doorstep.token_asked(request, was_wrong=False)
        if not self._is_right(request, given):
            return doorstep.token_asked(request, was_wrong=True)
        is_program = "authorization" in request.headers
        return None if is_program else self._clean(request, rest)

    def _is_right(self, connection: HTTPConnection, token: str) -> bool:
        return self._tries.one(connection, lambda: access.is_same(token, self._token))

    def _clean(self, request: HTTPRequest, rest: str) -> Response:
        """The same address without the token, for which the browser has a ticket from now on."""
        return doorstep.elsewhere(_same(request, rest), self._pass.given(request, ""))


class ByLogin:
    """Each has a name and a password. After a logout, which `folder` remembers, tickets of before
    are void."""

    def __init__(self, logins: Mapping[str, str], seal: Seal, tries: Tries, folder: Path) -> None:
        self._logins = dict(logins)
        self._tries = tries
        self._pass = Pass(Tickets(seal, logins, folder / MARKS), seal.sign("cookie", "logins"))

    def owner(self, connection: HTTPConnection) -> str | None:
        """As `Entry` says."""
        name = self._pass.holder(connection)
        if name is None and _knows_no_pages(connection):
            name = self._named(connection)
        return None if name is None else owners.user(name)

    async def answer(self, request: HTTPRequest) -> Response | None:
        """As `Entry` says."""
        if _knows_no_pages(request):
            return None if self.owner(request) is not None else self._told(request)
        path, name = request.url.path, self._pass.holder(request)
        if path == doorstep.LOGOUT:
            return self._leaving(request, name)
        if request.method == "POST" and doorstep.wants_page(request):
            return await self._logged_in(request)
        return None if name is not None else doorstep.login_asked(request, was_wrong=False)

    def _told(self, request: HTTPRequest) -> Response:
        answer = doorstep.said(request, 401, doorstep.LOGIN_BY_PROGRAM)
        if request.url.path == metrics.PATH:
            answer.headers["WWW-Authenticate"] = 'Basic realm="metrics"'
        return answer

    async def _logged_in(self, request: HTTPRequest) -> Response:
        """What our form and Gradio's clients send; nothing else is sent to a page."""
        form = await _form(request)
        path, name = request.url.path, form.get(doorstep.NAME, "").strip()
        is_program = path in LOGIN_PATHS and "text/html" not in request.headers.get("accept", "")
        right = self._is_right(request, name, form.get(doorstep.PASSWORD, ""))
        if is_program:
            answer = doorstep.program_told("" if right else doorstep.WRONG_LOGIN)
            if right:
                answer.headers["Set-Cookie"] = self._pass.given(request, name)
            return answer
        if not right:
            return doorstep.login_asked(request, was_wrong=True)
        home = {LOGIN_PATHS[0]: "./", LOGIN_PATHS[1]: "../"}
        where = home.get(path) or _same(request, request.url.query)
        return doorstep.elsewhere(where, self._pass.given(request, name))

    def _leaving(self, request: HTTPRequest, name: str | None) -> Response:
        # Nothing but our own page can send a POST: the origin was looked at before.
        if request.method == "POST":
            return doorstep.elsewhere("./", self._pass.ended(request))
        if name is None:
            return doorstep.login_asked(request, was_wrong=False)
        return doorstep.leave_asked(name)

    def _is_right(self, connection: HTTPConnection, name: str, password: str) -> bool:
        wanted = self._logins.get(name)

        def is_right() -> bool:
            return access.is_same(password, wanted or "") and wanted is not None

        return self._tries.one(connection, is_right)

    def _named(self, connection: HTTPConnection) -> str | None:
        """Whose login a program sends along; None where that is none."""
        kind, _, encoded = connection.headers.get("authorization", "").partition(" ")
        if kind.lower() != "basic":
            return None
        try:
            name, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except ValueError:
            return None
        return name if self._is_right(connection, name, password) else None


def demanded(settings: Settings, logins: Mapping[str, str], seal: Seal) -> Entry | None:
    """What these settings demand of whoever comes; None for nothing.

    Raises `ValueError` where it is a token and there is none.
    """
    match access.demand(settings):
        case Demand.TOKEN:
            if not settings.token:
                raise ValueError("nobody could come in; give the settings a token")
            return ByToken(settings.token, seal, Tries())
        case Demand.LOGIN:
            return ByLogin(logins, seal, Tries(), settings.data_dir)
        case Demand.NOTHING:
            return None


def _knows_no_pages(connection: HTTPConnection) -> bool:
    """Whether nothing but programs, such as Prometheus, asks there."""
    path = connection.scope["path"]
    return path == metrics.PATH or programs.is_program(path)


def _same(request: HTTPRequest, query: str) -> str:
    """The address that was asked for, with `query`, relative to itself."""
    last = request.scope.get("raw_path", b"/").decode("latin-1").rpartition("/")[2]
    return f"./{last}" + (f"?{query}" if query else "")


async def _form(request: HTTPRequest) -> dict[str, str]:
    """The fields of a form in the body; none where that is none."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if kind != "application/x-www-form-urlencoded":
        return {}
    body = await bodies.raw(request, MAX_FORM_BYTES, TOO_LONG)
    found = parse_qs(body.decode("utf-8", "replace"))
    return {name: values[0] for name, values in found.items()}
