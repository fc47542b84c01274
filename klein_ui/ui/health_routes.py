"""How the app is, for those who watch over it: without a login, and with nothing about anybody."""

from functools import partial

from starlette.requests import Request as HTTPRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from klein_ui.health import Health
from klein_ui.ui.services import Services

ALIVE_PATH, READY_PATH = "/healthz", "/readyz"


def routes(services: Services) -> list[BaseRoute]:
    """`/healthz`, 503 where only a restart helps, `/readyz`, 503 while no picture can be had."""
    return [
        Route(ALIVE_PATH, partial(alive, services), methods=["GET"]),
        Route(READY_PATH, partial(ready, services), methods=["GET"]),
    ]


async def alive(services: Services, request: HTTPRequest) -> Response:
    """Whether the engine's thread lives and gets on, and its device answers."""
    health = services.dispatcher.health()
    return _answer(health.is_alive, health)


async def ready(services: Services, request: HTTPRequest) -> Response:
    """Whether a model is there and requests are taken."""
    health = services.dispatcher.health()
    return _answer(health.is_ready, health)


def _answer(is_well: bool, health: Health) -> Response:
    content: dict[str, object] = {"ok": is_well}
    if health.reason:
        content["reason"] = health.reason
    return JSONResponse(content, 200 if is_well else 503, {"Cache-Control": "no-store"})
