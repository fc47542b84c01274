"""A live prompt box for other pages, in a frame: on those alone that the settings name."""

from starlette.requests import Request as HTTPRequest
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from klein_ui.ui import client

PATH = "/embed"
ABSENT = (
    "On ZeroGPU there is no prompt box for other pages, since nobody's quota could be asked; "
    "open the Space itself."
)
SCRIPTS = ("wire", "socket", "embed/box")
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Klein Live</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>{style}</style></head>
<body><img alt=""><input type="text" aria-label="Prompt" placeholder="Type what you want to see"
autocomplete="off"><footer><output role="status"></output>
<a href="./" target="_blank" rel="noopener">Klein Live</a></footer>
<script>(() => {{
"use strict";
{script}
}})();</script></body></html>
"""


def routes() -> list[BaseRoute]:
    """The route to hand to `launch`; in whose frames it may be, the door's headers tell."""
    return [Route(PATH, embed, methods=["GET"])]


def absent() -> list[BaseRoute]:
    """The route where the box could reach no engine: its socket is not there."""

    async def told(request: HTTPRequest) -> Response:
        return PlainTextResponse(ABSENT, 404)

    return [Route(PATH, told, methods=["GET"])]


async def embed(request: HTTPRequest) -> Response:
    """A box and a picture; `?prompt=` and `?seed=` are what it begins with."""
    script = "\n".join(client.asset(f"{name}.js") for name in SCRIPTS)
    page = PAGE.format(style=client.asset("embed/box.css"), script=script)
    return HTMLResponse(page, headers={"Cache-Control": "no-store"})
