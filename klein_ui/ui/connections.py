"""Connections: how many one address may have, and how long each may keep us waiting.

uvicorn times only what follows a request; whoever sends half of one would stay until the system
has no number left for the next.
"""

import asyncio
import contextlib
from collections import Counter
from functools import partial
from typing import Any

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

from klein_ui import limits

HEAD_S = 10.0
"""How long the head of a request may take in all, also the first one of a new connection."""
BODY_S = 20.0
"""How long nothing may come of a body; a route of ours says that it was cut off before that."""

LEFT_S = 1.0
"""How long who was answered before the end of what they send may read that."""
READ_BYTES = 2**14
MOST_SMALL = 128
"""Pings, pongs and pieces of messages of a socket in a second; our pages send none."""

MOST_OF_ADDRESS = 128
"""A browser opens six, and one for each page; a household has a few of both."""
RESERVED_FILES = 256
"""Open files that are no connections: weights, the ledger, what is being received."""

TOO_MANY = "Too many connections are open from your address; close some pages and reload this."
FULL = "This server is full; reload the page in a minute."


class Connections:
    """How many there are, by address. Lives on the event loop alone."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._of: Counter[str] = Counter()
        # Those that have not asked for anything yet, the oldest first.
        self._silent: dict[Asking, None] = {}

    def enter(self, one: "Asking") -> str | None:
        """Count `one`, which may push out the oldest that has said nothing; if it has to go
        itself, why."""
        name, times = limits.household(_address(one))
        if self._of[name] >= MOST_OF_ADDRESS * times:
            return TOO_MANY
        if self._of.total() >= self._most:
            oldest = next(iter(self._silent), None)
            if oldest is None:
                return FULL
            oldest.give_way()
        self.count(_address(one))
        self._silent[one] = None
        return None

    def count(self, address: str) -> None:
        """One more of `address`, whatever its number."""
        self._of[limits.household(address)[0]] += 1

    def leave(self, address: str) -> None:
        """One of `address` is gone."""
        name, _ = limits.household(address)
        self._of[name] -= 1
        if self._of[name] <= 0:
            del self._of[name]

    def speaks(self, one: "Asking") -> None:
        """`one` has asked for something, or is gone."""
        self._silent.pop(one, None)


class Asking(H11Protocol):
    """A connection that has to get on: to the end of a request's head within `HEAD_S`, and in its
    body at least every `BODY_S`."""

    def __init__(self, every: Connections, **given: Any) -> None:
        super().__init__(**given)
        self._every = every
        self._is_counted = False
        self._is_upgraded = False
        self._timer: asyncio.TimerHandle | None = None
        self._is_head = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count it, and begin to wait for what it wants."""
        super().connection_made(transport)
        with contextlib.suppress(AttributeError):
            # Of asyncio's own loop: a flood of small pieces is looked at in turn with all else.
            transport.max_size = READ_BYTES  # type: ignore[attr-defined]
        refused = self._every.enter(self)
        if refused is not None:
            transport.write(_answer(refused))
            transport.close()
            return
        self._is_counted = True
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Whatever came starts or ends a wait."""
        super().data_received(data)
        self._wait()

    def on_response_complete(self) -> None:
        """What was sent behind a request is looked at now; the rest of one that was answered before
        its end is not waited for."""
        super().on_response_complete()
        if self.conn.their_state is h11.SEND_BODY:
            self.loop.call_later(LEFT_S, self.transport.close)
        self._wait()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """From here on it is a socket, which is pinged."""
        super().handle_websocket_upgrade(event)
        self._is_upgraded = True
        self._gone()

    def connection_lost(self, exc: Exception | None) -> None:
        """It counts no more."""
        super().connection_lost(exc)
        self._gone()

    def give_way(self) -> None:
        """Close at once."""
        self._every.speaks(self)
        self._stop()
        self.transport.abort()

    def _wait(self) -> None:
        state = self.conn.their_state
        if self._is_upgraded or self.transport.is_closing():
            self._stop()
        elif state is h11.IDLE:
            # A head that drips gets no more time by it.
            if self._timer is None or not self._is_head:
                self._start(HEAD_S, is_head=True)
        else:
            self._every.speaks(self)
            self._stop()
            if state is h11.SEND_BODY:
                self._start(BODY_S, is_head=False)

    def _start(self, for_s: float, *, is_head: bool) -> None:
        self._stop()
        self._is_head = is_head
        self._timer = self.loop.call_later(for_s, self._late)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        # Where it is the app that does not read, more may have come.
        if self.flow.read_paused and not self._is_head:
            self._start(BODY_S, is_head=False)
        else:
            self.give_way()

    def _gone(self) -> None:
        self._stop()
        self._every.speaks(self)
        if self._is_counted:
            self._is_counted = False
            self._every.leave(_address(self))


class Talking(WebSocketsSansIOProtocol):
    """The same connection once it is a socket."""

    def __init__(self, every: Connections, **given: Any) -> None:
        super().__init__(**given)
        self._every = every
        self._since, self._small = 0.0, 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count it; as HTTP it was let in."""
        super().connection_made(transport)
        self._every.count(_address(self))

    def handle_ping(self) -> None:
        """Answered, as long as there are not too many of them."""
        if not self._is_flood():
            super().handle_ping()

    def handle_pong(self, event: Frame) -> None:
        """Of ours there are few."""
        if not self._is_flood():
            super().handle_pong(event)

    def handle_cont(self, event: Frame) -> None:
        """A piece of a message, which our pages send whole."""
        if not self._is_flood():
            super().handle_cont(event)

    def _is_flood(self) -> bool:
        """Whether there are more of these than any browser sends; then the socket ends."""
        now = self.loop.time()
        if now - self._since > 1.0:
            self._since, self._small = now, 0
        self._small += 1
        if self._small > MOST_SMALL:
            self.transport.abort()
        return self._small > MOST_SMALL

    def connection_lost(self, exc: Exception | None) -> None:
        """It counts no more."""
        super().connection_lost(exc)
        self._every.leave(_address(self))


def watch(config: Config, open_files: int) -> None:
    """Have the running server of `config` make its next connections like this, as many as the
    `open_files` of the process allow."""
    every = Connections(max(open_files - RESERVED_FILES, open_files // 2))
    # It asks for these at each connection, and calls what it finds.
    config.http_protocol_class = partial(Asking, every)  # type: ignore[assignment]
    config.ws_protocol_class = partial(Talking, every)  # type: ignore[assignment]


def _address(one: Asking | Talking) -> str:
    return one.client[0] if one.client else ""


def _answer(sentence: str) -> bytes:
    head = (
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(sentence.encode())}\r\nRetry-After: 60\r\nConnection: close\r\n\r\n"
    )
    return (head + sentence).encode()
