"""What is said to those who are not let in: a page with one field, or one sentence."""

from html import escape

from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

FIELD = "token"
API = "/gradio_api"

WANTED = "This server asks for a token; it stands in the address that the server printed."
WRONG = "That is not the token of this server; look at the address that it printed."
WANTED_BY_PROGRAM = "This server asks for a token; send it as “Authorization: Bearer …”."
WRONG_BY_PROGRAM = "That is not the token of this server; send the one that it printed."
LOGIN = "This server asks for a login; open its page and log in first."
LOGIN_BY_PROGRAM = (
    "This server asks for a login; send name and password as “Authorization: Basic …”."
)
SLOWER = "Too many wrong tries came from this address; wait a minute and try again."

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Klein Live</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 26rem; margin: 20vh auto 0; }}
main {{ padding: 0 1rem; }}
form {{ display: flex; gap: 0.5rem; }}
input {{ flex: 1; min-width: 0; }}
input, button {{ font: inherit; padding: 0.4rem 0.7rem; }}
</style></head>
<body><main><h1>Klein Live</h1>
<p role="{role}">{sentence}</p>
<form method="post"><input name="{field}" type="password" aria-label="Token" required autofocus
autocomplete="current-password"><button>Open</button></form></main></body></html>
"""


def said(connection: HTTPConnection, status: int, sentence: str) -> Response:
    """`sentence` as JSON to the page's scripts and to programs, else as text."""
    kept = {"Cache-Control": "no-store"}
    if status == 429:
        kept["Retry-After"] = "60"
    if connection.url.path.startswith(API):
        return JSONResponse({"sentence": sentence}, status, kept)
    return PlainTextResponse(sentence, status, kept)


def token_asked(connection: HTTPConnection, *, was_wrong: bool) -> Response:
    """401: a page with a field for the token, or a sentence that says how to send it."""
    if wants_page(connection):
        sentence, role = (WRONG, "alert") if was_wrong else (WANTED, "status")
        page = PAGE.format(sentence=escape(sentence), role=role, field=FIELD)
        return HTMLResponse(page, 401, {"Cache-Control": "no-store"})
    answer = said(connection, 401, WRONG_BY_PROGRAM if was_wrong else WANTED_BY_PROGRAM)
    answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


def wants_page(connection: HTTPConnection) -> bool:
    """Whether a page can be shown where this is asked for."""
    return not connection.url.path.startswith(API) and connection.url.path != "/metrics"
