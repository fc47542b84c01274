"""Replicas without a cluster: workers behind a server of their own, which can be ended."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from klein_ui.contract import (
    DeviceLost,
    Engine,
    Frame,
    Hooks,
    Loras,
    OutOfMemory,
    Pictures,
    Request,
    Stage,
)
from klein_ui.engine.fake import FakeEngine
from klein_ui.loading import Source
from klein_ui.models import POSTCARD
from klein_ui.serve.wire import WISH_HEADER
from klein_ui.serve.worker import Worker

from ..started import free_port
from ..stepping import Steps


@dataclass(slots=True)
class Looking(FakeEngine):
    """Looks at its references and reads its LoRAs, as an engine does, and keeps the pixels."""

    pictures: Pictures | None = None
    loras: Loras | None = None
    seen: list[str] = field(default_factory=list)
    steps: Steps = field(default_factory=Steps)

    def render(self, request: Request, stage: Stage, hooks: Hooks) -> Frame:
        assert self.pictures
        assert self.loras
        for reference in request.references:
            self.pictures.get(reference.digest)
            self.seen.append(reference.digest)
        for lora in request.loras:
            self.seen.append(self.loras.file(lora.name).path.read_text())
        for kind in (OutOfMemory, DeviceLost, SystemExit):
            if kind.__name__ in request.prompt:
                raise kind("The scripted engine failed.")
        return FakeEngine.render(self, request, stage, hooks)


Make = Callable[[Pictures, Loras], Engine]


class House:
    """Workers by name behind one address, which gives lanes as `Homing` does."""

    def __init__(self, folder: Path, make: Make) -> None:
        self.folder = folder
        self.make = make
        self.workers: dict[str, Worker] = {}
        self.sockets: dict[str, list[WebSocket]] = {}
        self.closed: set[str] = set()
        self.port = free_port()
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/postcard/lane"

    def add(self, *names: str) -> None:
        """A replica of each name."""
        for name in names:
            self.sockets[name] = []
            self.workers[name] = Worker(
                lambda pictures, loras: Source(POSTCARD, lambda _: self.make(pictures, loras)),
                self.folder / name,
                name,
                lambda: len(set(self.workers) - self.closed),
            )

    def begin(self) -> None:
        """Listen."""
        route = WebSocketRoute("/postcard/lane", self._lane)
        config = uvicorn.Config(
            Starlette(routes=[route]),
            port=self.port,
            log_level="error",
            ws="websockets-sansio",
            lifespan="off",
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        while not self._server.started:
            threading.Event().wait(0.01)

    def end(self) -> None:
        """Break all connections, as a machine that falls over."""
        if self._server is not None and self._thread is not None:
            self._server.force_exit = self._server.should_exit = True
            self._thread.join()
            self._server = None

    def kill(self, name: str) -> None:
        """The replica `name` is gone in this moment; all that it had breaks."""
        self.closed.add(name)
        for socket in self.sockets[name]:
            asyncio.run_coroutine_threadsafe(socket.close(1011), self.loop)

    async def _lane(self, socket: WebSocket) -> None:
        self.loop = asyncio.get_running_loop()
        wish = socket.headers.get(WISH_HEADER, "")
        open_names = [name for name in self.workers if name not in self.closed]
        named = [name for name in open_names if name in wish[1:].split(",")]
        rest = sorted(set(open_names) - set(named), key=lambda name: len(self.sockets[name]))
        ranked = named + rest if wish.startswith("+") else rest + named
        if not ranked:
            await socket.close()
            return
        self.sockets[ranked[0]].append(socket)
        await self.workers[ranked[0]].serve(socket)


@contextmanager
def house(folder: Path, make: Make, *names: str) -> Iterator[House]:
    """A house that is open, with replicas of these names."""
    made = House(folder, make)
    made.add(*names)
    made.begin()
    try:
        yield made
    finally:
        made.end()
        for worker in made.workers.values():
            worker.close()
