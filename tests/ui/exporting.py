"""Pins of somebody, and a client that asks for them."""

import io

import numpy as np
from PIL import Image
from starlette.testclient import TestClient

from klein_ui.contract import Frame, Pixels, Request, Stage
from klein_ui.pins import Pin
from klein_ui.ui import export_routes, open_routes, saving, socket
from klein_ui.ui.owners import browser
from klein_ui.ui.services import Services

from ..kept import frame
from .browsing import browser_of

ME, OTHER = "m" * 32, "o" * 32


def client_of(services: Services, cookie: str = ME) -> TestClient:
    """Somebody's browser; without a cookie a program's."""
    routes = [
        *socket.routes(services),
        *saving.routes(services),
        *export_routes.routes(services),
        *open_routes.routes(services),
    ]
    return browser_of(routes, cookie)


def owner(cookie: str = ME) -> str:
    """How the server calls who has that cookie."""
    return browser(cookie)


def made(services: Services, prompt: str, seed: int = 0) -> Frame:
    """The frame that the engine makes of a prompt."""
    area = services.row.reference_area
    request = frame(prompt, seed=seed, width=128, height=160, reference_area=area).request
    found = services.dispatcher.render(request).result(10)
    assert found.stage is Stage.FINAL
    return found


def pinned(services: Services, *prompts: str, board: str = "") -> list[Pin]:
    """A pin of each prompt, with a seed of its own."""
    return [
        services.moodboard.pin(owner(), made(services, prompt, seed), board)
        for seed, prompt in enumerate(prompts, 1)
    ]


def pixels_of(data: bytes) -> Pixels:
    """The pixels of a picture's file."""
    with Image.open(io.BytesIO(data)) as picture:
        return np.array(picture.convert("RGB"))


def requests(pins: list[Pin]) -> list[Request]:
    """What made them."""
    return [pin.request for pin in pins]
