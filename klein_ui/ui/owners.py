"""Whose typed states they are: a browser's, by a cookie, or a user's where a login is asked for."""

import hashlib
import re
import secrets

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from klein_ui.limits import Limits, Rate
from klein_ui.seal import Seal
from klein_ui.ui.addresses import address_of

COOKIE = "klein-browser"
MAX_AGE_S = 400 * 24 * 3600
"""As long as browsers keep one at most; each visit begins it anew."""

NEW = Rate("browsers", 32, 0.1, "You open new browsers")
"""Of a server that is open to all, so that what one browser may keep is a bound at all."""

_OWNER = "klein.owner"
_VALUE = re.compile(r"([\w-]{32})(?:\.([0-9a-f]{64}))?", re.ASCII)
_PURPOSE = "browser"


def owner_of(connection: HTTPConnection) -> str:
    """An opaque name of who asks; empty for what has no cookie and no login, such as a program."""
    return str(connection.scope.get(_OWNER, ""))


def own(scope: Scope, owner: str) -> None:
    """What asks in `scope` is `owner`, whatever its cookie says."""
    scope[_OWNER] = owner


def user(name: str) -> str:
    """The owner that somebody with a login is."""
    return f"user {name}"


def browser(value: str) -> str:
    """The owner that the browser with the cookie `value` is; empty where that is no such cookie."""
    found = _VALUE.fullmatch(value)
    # Who reads the index must not be able to pass as a browser.
    return f"browser {hashlib.sha256(found[1].encode()).hexdigest()}" if found else ""


class Named:
    """Tells who asks, and gives a browser its cookie along with the page, so that all that follows
    has it.

    The cookie is signed. On a server that is open to all only a signed one counts, or names that
    somebody made up would be as many owners. Elsewhere the signature is mended in place: what a
    browser has made is not to vanish with a key.
    """

    def __init__(self, app: ASGIApp, seal: Seal, limits: Limits, *, is_public: bool) -> None:
        self._app = app
        self._seal = seal
        self._limits = limits
        self._is_public = is_public

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on; only what answers with a page gets a cookie."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        known = self._known(connection.cookies.get(COOKIE, ""))
        scope.setdefault(_OWNER, browser(known))

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if headers.get("content-type", "").startswith("text/html"):
                    name = known or self._fresh(connection)
                    if name:
                        headers.append("Set-Cookie", self._cookie(name, scope))
            await send(message)

        await self._app(scope, receive, named)

    def _known(self, value: str) -> str:
        """The name in a cookie, empty where there is none that counts."""
        found = _VALUE.fullmatch(value)
        if found is None:
            return ""
        name, signature = found[1], found[2] or ""
        is_ours = not self._is_public or self._seal.is_signed(signature, _PURPOSE, name)
        return name if is_ours else ""

    def _fresh(self, connection: HTTPConnection) -> str:
        """A new name; empty where an address has had too many of them."""
        if self._is_public and self._limits.wait_s(NEW, address_of(connection)) > 0:
            return ""
        return secrets.token_urlsafe(24)

    def _cookie(self, name: str, scope: Scope) -> str:
        value = f"{name}.{self._seal.sign(_PURPOSE, name)}"
        return f"{COOKIE}={value}; Max-Age={MAX_AGE_S}; {reach(scope)}"


def reach(scope: Scope) -> str:
    """Where a cookie of ours goes: to no script, and along with requests of our own pages alone."""
    # In a frame of another site, as on Spaces, a browser sends back no Lax cookie. What is
    # partitioned is another one under each outer site, so none of them borrows the app's own.
    where = "SameSite=None; Secure; Partitioned" if is_https(scope) else "SameSite=Lax"
    return f"Path=/; HttpOnly; {where}"


def is_https(scope: Scope) -> bool:
    """Whether the browser speaks TLS, to us or to a proxy: the first of `X-Forwarded-Proto` counts,
    as for Gradio's own addresses. Who forges it spoils a cookie of their own."""
    forwarded = HTTPConnection(scope).headers.get("x-forwarded-proto", "")
    return scope["scheme"] == "https" or forwarded.partition(",")[0].strip() == "https"
