"""A scripted server behind the page's socket, for what the real one does not do on demand."""

import io
import json
import struct

from PIL import Image
from playwright.sync_api import Page, WebSocketRoute

from klein_ui import models
from klein_ui.ui import wire

SOCKET = "**/gradio_api/live"


class Server:
    """A scripted server behind the page's socket: the test says what it answers, and when."""

    def __init__(self, page: Page) -> None:
        self.asked: list[dict[str, object]] = []
        self._route: WebSocketRoute | None = None
        page.route_web_socket(SOCKET, self._connected)

    def _connected(self, route: WebSocketRoute) -> None:
        self._route = route
        route.on_message(lambda text: self.asked.append(json.loads(text)))
        route.send(wire.hello(models.get("postcard")))

    def frame(self, seq: int, stage: str, colour: str) -> None:
        """Send a picture of one colour."""
        assert self._route is not None
        picture = io.BytesIO()
        Image.new("RGB", (64, 64), colour).save(picture, "JPEG")
        header = {"type": "frame", "seq": seq, "stage": stage, "frame": "x", "mime": "image/jpeg"}
        more = {"width": 64, "height": 64, "timings": {}, "superseded": 0, "notes": []}
        text = json.dumps({**header, **more}).encode()
        self._route.send(struct.pack(">I", len(text)) + text + picture.getvalue())

    def say(self, **message: object) -> None:
        """Send a JSON message."""
        assert self._route is not None
        self._route.send(json.dumps(message))
