"""Whose typed states they are: a browser's, by a cookie, or a user's where a login is asked for."""

import hashlib
import re
import secrets

from gradio.routes import App
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "klein-browser"
MAX_AGE_S = 400 * 24 * 3600
"""As long as browsers keep one at most; each visit begins it anew."""

_VALUE = re.compile(r"[\w-]{32}", re.ASCII)


def owner_of(connection: HTTPConnection) -> str:
    """An opaque name of who asks; empty for what has no cookie and no login, such as a program."""
    app = connection.scope.get("app")
    if isinstance(app, App) and app.auth is not None:
        names = (f"access-token-{app.cookie_id}", f"access-token-unsecure-{app.cookie_id}")
        tokens = (connection.cookies.get(name, "") for name in names)
        user = next((app.tokens[token] for token in tokens if token in app.tokens), "")
        return f"user {user}" if user else ""
    value = connection.cookies.get(COOKIE, "")
    # Who reads the index must not be able to pass as a browser.
    return (
        f"browser {hashlib.sha256(value.encode()).hexdigest()}" if _VALUE.fullmatch(value) else ""
    )


class Named:
    """Gives a browser its cookie along with the page, so that all that follows has it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on; only what answers with a page gets a cookie."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        value = HTTPConnection(scope).cookies.get(COOKIE, "")
        known = value if _VALUE.fullmatch(value) else secrets.token_urlsafe(24)

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if headers.get("content-type", "").startswith("text/html"):
                    headers.append("Set-Cookie", _cookie(known, scope))
            await send(message)

        await self._app(scope, receive, named)


def _cookie(value: str, scope: Scope) -> str:
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
