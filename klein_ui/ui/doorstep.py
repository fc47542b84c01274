"""What is said to those who are not let in: a page with a field or two, or one sentence."""

from html import escape

from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from klein_ui.ui import embed

FIELD = "token"
NAME, PASSWORD = "username", "password"
"""As Gradio's clients call them."""
API = "/gradio_api"
ADMITTED = "/gradio_api/live/admitted"
"""Where an open page asks whether it would still be let in: 204, or 401."""
LOGOUT = "/logout"

WANTED = "This server asks for a token; it stands in the address that the server printed."
WRONG = "That is not the token of this server; look at the address that it printed."
WANTED_BY_PROGRAM = "This server asks for a token; send it as “Authorization: Bearer …”."
WRONG_BY_PROGRAM = "That is not the token of this server; send the one that it printed."
LOGIN = "This server asks for a login; open its page and log in."
LOGIN_BY_PROGRAM = (
    "This server asks for a login; send name and password as “Authorization: Basic …”."
)
WANTED_LOGIN = "This server asks for a login."
WRONG_LOGIN = "There is no such login; check the name and the password."
LOGIN_IN_FRAME = (
    "This server asks for a login; log in to its page in a tab of its own, then load this again."
)
LEAVE = "You are logged in as {name}. Logging out ends that in all of your browsers."
SLOWER = "Too many wrong tries came from this address; wait a minute and try again."

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Klein Live</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 26rem; margin: 20vh auto 0; }}
main {{ padding: 0 1rem; }}
form {{ display: flex; flex-wrap: wrap; gap: 0.5rem; }}
input {{ flex: 1; min-width: 8rem; }}
input, button {{ font: inherit; padding: 0.4rem 0.7rem; }}
</style></head>
<body><main><h1>Klein Live</h1>
<p role="{role}">{sentence}</p>
<form method="post">{fields}<button>{button}</button></form></main></body></html>
"""
TOKEN_FIELDS = f"""<input name="{FIELD}" type="password" aria-label="Token" required autofocus
autocomplete="current-password">"""
LOGIN_FIELDS = f"""<input name="{NAME}" aria-label="Name" placeholder="Name" required autofocus
autocomplete="username" autocapitalize="none"><input name="{PASSWORD}" type="password"
aria-label="Password" placeholder="Password" required autocomplete="current-password">"""
NOT_STORED = {"Cache-Control": "no-store"}


def said(connection: HTTPConnection, status: int, sentence: str) -> Response:
    """`sentence` as JSON to the page's scripts and to programs, else as text."""
    kept = dict(NOT_STORED)
    if status == 429:
        kept["Retry-After"] = "60"
    if connection.url.path.startswith(API):
        return JSONResponse({"sentence": sentence}, status, kept)
    return PlainTextResponse(sentence, status, kept)


def token_asked(connection: HTTPConnection, *, was_wrong: bool) -> Response:
    """401: a page with a field for the token, or a sentence that says how to send it."""
    if wants_page(connection):
        return _page(WRONG if was_wrong else WANTED, TOKEN_FIELDS, "Open", is_alarm=was_wrong)
    answer = said(connection, 401, WRONG_BY_PROGRAM if was_wrong else WANTED_BY_PROGRAM)
    answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


def login_asked(connection: HTTPConnection, *, was_wrong: bool) -> Response:
    """401: a page with fields for name and password, or a sentence that says where to log in.

    No page of others gets to show fields for a password."""
    if connection.scope["path"] == embed.PATH:
        return said(connection, 401, LOGIN_IN_FRAME)
    if wants_page(connection):
        sentence = WRONG_LOGIN if was_wrong else WANTED_LOGIN
        return _page(sentence, LOGIN_FIELDS, "Log in", is_alarm=was_wrong)
    return said(connection, 401, LOGIN)


def leave_asked(name: str) -> Response:
    """A page with the one button that logs `name` out: a mere address, which others may link to,
    does nothing."""
    page = _page(LEAVE.format(name=name), "", "Log out", is_alarm=False)
    page.status_code = 200
    return page


def program_told(sentence: str = "") -> Response:
    """What Gradio's clients want to hear of a login: that it worked, or 401 and why not."""
    if sentence:
        return JSONResponse({"detail": sentence, "sentence": sentence}, 401, NOT_STORED)
    return JSONResponse({"success": True}, headers=NOT_STORED)


def elsewhere(where: str, cookie: str) -> Response:
    """303 to `where`, which should be relative, so that it is right behind any proxy and leads to
    no other host. The browser keeps `cookie` from now on."""
    return Response(
        status_code=303, headers={"Location": where, "Set-Cookie": cookie, **NOT_STORED}
    )


def _page(sentence: str, fields: str, button: str, *, is_alarm: bool) -> Response:
    role = "alert" if is_alarm else "status"
    page = PAGE.format(sentence=escape(sentence), role=role, fields=fields, button=button)
    return HTMLResponse(page, 401, NOT_STORED)


def wants_page(connection: HTTPConnection) -> bool:
    """Whether a page can be shown where this is asked for."""
    return not connection.url.path.startswith(API) and connection.url.path != "/metrics"
