"""A connection of the app to one replica: what it says is heard at once, whoever waits for it."""

import contextlib
import json
import time
from collections.abc import Iterator
from queue import Empty, SimpleQueue
from threading import Event, Thread

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from klein_ui.contract import Held, Origin, Use
from klein_ui.models import ModelRow
from klein_ui.provenance.strict import strict
from klein_ui.serve import wire
from klein_ui.serve.wire import Message

CONNECT_S, LOOK_S, BYE_S = 5.0, 1.0, 1.0
SILENT_S = 8.0
"""A replica that works says so every second; one that is silent for so long is lost."""


class Unreachable(Exception):
    """Nobody answers there."""


class LinkLost(Exception):
    """The connection broke, or the replica fell silent."""


class Link:
    """Connects to one of the replicas behind `url`: of those that are there, as `wish` says."""

    def __init__(self, url: str, wish: str = "") -> None:
        """Raises `Unreachable`."""
        try:
            self._socket = connect(
                url,
                additional_headers={wire.WISH_HEADER: wish} if wish else None,
                open_timeout=CONNECT_S,
                close_timeout=1.0,
                max_size=None,
                compression=None,
                proxy=None,
                legacy=True,
            )
        except (OSError, WebSocketException, ValueError) as error:
            raise Unreachable(str(error)) from error
        try:
            hello = json.loads(self._socket.recv(CONNECT_S))
            self.row: ModelRow = wire.row_from(hello["row"])
            self.origin: Origin = strict(Origin, hello["origin"])
            self.place = str(hello["place"])
        except (OSError, WebSocketException, KeyError, TypeError, ValueError) as error:
            self._socket.close()
            raise Unreachable(str(error)) from error
        self.opened_at = self._alive_at = time.monotonic()
        self.is_open = True
        self.replicas, self.held = 1, Held()
        self._heed(hello)
        self._heard: SimpleQueue[tuple[Message, bytes] | None] = SimpleQueue()
        self._ended = Event()
        Thread(target=self._listen, name="link", daemon=True).start()

    def say(self, message: Message, data: bytes = b"") -> None:
        """Send `message`. Raises `LinkLost`."""
        try:
            for part in wire.texts_of(message, data):
                self._socket.send(part)
        except (OSError, WebSocketException) as error:
            raise LinkLost from error

    def replies(self, run: int) -> Iterator[tuple[Message, bytes]]:
        """What the replica says of `run`, as it comes. Raises `LinkLost`."""
        while True:
            try:
                heard = self._heard.get(timeout=LOOK_S)
            except Empty as error:
                if time.monotonic() - self._alive_at < SILENT_S:
                    continue
                self.leave()
                raise LinkLost from error
            if heard is None:
                # For whoever asks next.
                self._heard.put(None)
                raise LinkLost
            if heard[0].get("run") == run:
                yield heard

    def close(self) -> None:
        """Leave: the replica closes, which Ray's proxy takes for the end that it is, where it would
        log an error if the app did."""
        was_open, self.is_open = self.is_open, False
        self._say_bye(was_open)

    def leave(self) -> None:
        """`close` without waiting for the other side, where somebody waits for a picture."""
        was_open, self.is_open = self.is_open, False
        Thread(target=self._say_bye, args=[was_open], name="bye", daemon=True).start()

    def _say_bye(self, was_open: bool) -> None:
        with contextlib.suppress(OSError, WebSocketException):
            if was_open:
                self._socket.send(json.dumps({"type": "bye"}))
                self._ended.wait(BYE_S)
            self._socket.close()

    def _listen(self) -> None:
        """Runs on a thread of its own, so that an end is known when it comes."""
        try:
            while True:
                message = json.loads(self._socket.recv())
                data = bytearray()
                while len(data) < message.get("bytes", 0):
                    part = self._socket.recv()
                    data += part if isinstance(part, bytes) else part.encode()
                self._alive_at = time.monotonic()
                if message["type"] == "beat":
                    self._heed(message)
                else:
                    self._heard.put((message, bytes(data)))
        except (OSError, WebSocketException, KeyError, TypeError, ValueError):
            self.is_open = False
        finally:
            self._heard.put(None)
            self._ended.set()

    def _heed(self, message: Message) -> None:
        self.replicas = int(message["replicas"])
        caches = {str(name): Use(*map(int, use)) for name, use in message["caches"].items()}
        self.held = Held(caches, message["device"])
