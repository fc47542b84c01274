"""A lane to a replica: pictures asked of it, stopped between two steps, and lost with it."""

import hashlib
import itertools
import logging
from collections.abc import Callable
from threading import Lock

from klein_ui.contract import (
    Frame,
    Hooks,
    LoraFile,
    Loras,
    Pictures,
    PlaceLost,
    Request,
    Stage,
    Superseded,
)
from klein_ui.provenance.record import request_fields
from klein_ui.serve import wire
from klein_ui.serve.link import Link, LinkLost
from klein_ui.serve.wire import Message

log = logging.getLogger(__name__)


class Digests:
    """The SHA-256 of files of LoRAs, each file read once. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._known: dict[LoraFile, str] = {}

    def of(self, file: LoraFile) -> str:
        """The digest of `file`, in hex. Raises `OSError` where it cannot be read."""
        with self._lock:
            if file not in self._known:
                with file.path.open("rb") as opened:
                    self._known[file] = hashlib.file_digest(opened, "sha256").hexdigest()
            return self._known[file]


class Sources:
    """What a replica may ask for: the pixels of references, and files of LoRAs."""

    def __init__(self, pictures: Pictures, loras: Loras) -> None:
        self.pictures = pictures
        self.loras = loras
        self.digests = Digests()
        self.sent = 0

    def lora_digests(self, request: Request) -> list[str]:
        """Those of the files of the request's LoRAs. Raises `InvalidLora`, `OSError`."""
        return [self.digests.of(self.loras.file(lora.name)) for lora in request.loras]

    def give(self, link: Link, request: Request, needs: Message) -> None:
        """Send what the replica `needs` for `request`: once, since it keeps that by its digest."""
        for digest in needs.get("pictures", ()):
            pixels = self.pictures.get(digest)
            self.sent += 1
            message = {"type": "picture", "digest": digest, "shape": list(pixels.shape)}
            link.say(message, pixels.tobytes())
        for digest in needs.get("loras", ()):
            files = (self.loras.file(lora.name) for lora in request.loras)
            file = next(file for file in files if self.digests.of(file) == digest)
            self.sent += 1
            link.say({"type": "lora", "digest": digest}, file.path.read_bytes())


class RemoteLane:
    """Makes pictures with one replica at a time; see `contract.Lane`. Which one that is decides
    whoever calls `take`."""

    together = None

    def __init__(self, link: Link, sources: Sources, lost: Callable[[], object]) -> None:
        """`lost` is called when the replica went, on the thread that found out."""
        self._link: Link | None = link
        self._next: Link | None = None
        self._sources = sources
        self._lost = lost
        self._leaves = False
        self._lock, self._busy = Lock(), Lock()
        self._runs = itertools.count(1)

    @property
    def link(self) -> Link | None:
        """The connection, while it holds."""
        with self._lock:
            link = self._next or (None if self._leaves else self._link)
        return link if link is not None and link.is_open else None

    @property
    def place(self) -> str | None:
        """The name of the replica."""
        link = self.link
        return None if link is None else link.place

    def take(self, link: Link | None) -> None:
        """Go on with `link` once what runs has ended; with None, with none."""
        with self._lock:
            before, self._next, self._leaves = self._next, link, link is None
        if before is not None:
            before.leave()
        if self._busy.acquire(blocking=False):
            try:
                self._change()
            finally:
                self._busy.release()

    def has(self, request: Request) -> bool:
        """Never known beforehand: the replica keeps frames, and gives them at once."""
        return False

    def render(self, request: Request, stage: Stage, hooks: Hooks) -> Frame:
        """See `contract.Lane`."""
        with self._busy:
            link = self._open_link()
            if hooks.superseded(0):
                raise Superseded
            loras = self._sources.lora_digests(request)
            run, preview = next(self._runs), hooks.preview is not None
            asks = wire.render(run, request, stage, preview=preview, loras=loras)
            try:
                link.say(asks)
            except LinkLost as error:
                raise self._gone(link, begun=False) from error
            try:
                return self._heard(link, run, request, hooks)
            except (LinkLost, KeyError, ValueError) as error:
                raise self._gone(link) from error

    def warm_up(self, request: Request) -> None:
        """See `contract.Engine`."""
        self._do({"type": "warm_up", "request": request_fields(request)})

    def relieve(self) -> None:
        """See `contract.Lane`."""
        self._do({"type": "relieve"})

    def close(self) -> None:
        """Leave."""
        for link in (self._link, self._next):
            if link is not None:
                link.close()

    def _heard(self, link: Link, run: int, request: Request, hooks: Hooks) -> Frame:
        is_stopped = False
        for message, data in link.replies(run):
            match message["type"]:
                case "needs":
                    self._sources.give(link, request, message)
                case "step" if not is_stopped and hooks.superseded(int(message["steps"])):
                    is_stopped = True
                    link.say({"type": "cancel", "run": run})
                case "preview" if not is_stopped and hooks.preview is not None:
                    hooks.preview(wire.frame_from(message, data))
                case "frame" if not is_stopped:
                    return wire.frame_from(message, data)
                case "failed" if not is_stopped:
                    raise wire.error_from(message)
                case "refused":
                    raise self._gone(link, begun=False)
                case "frame" | "failed" | "superseded":
                    raise Superseded
        raise LinkLost

    def _do(self, asks: Message) -> None:
        with self._busy:
            link, run = self._open_link(), next(self._runs)
            try:
                link.say({**asks, "run": run})
                message, _ = next(link.replies(run))
            except LinkLost as error:
                raise self._gone(link) from error
            if message["type"] == "refused":
                raise self._gone(link, begun=False)
            if message["type"] == "failed":
                raise wire.error_from(message)

    def _open_link(self) -> Link:
        self._change()
        if self._link is None or not self._link.is_open:
            self._lost()
            raise PlaceLost(begun=False)
        return self._link

    def _change(self) -> None:
        """Go over to the next link, or to none. Only while nothing runs."""
        with self._lock:
            if self._next is None and not self._leaves:
                return
            before, self._link, self._next, self._leaves = self._link, self._next, None, False
        if before is not None:
            before.leave()

    def _gone(self, link: Link, *, begun: bool = True) -> PlaceLost:
        log.warning("the replica %s is gone", link.place)
        link.leave()
        self._lost()
        return PlaceLost(begun=begun)
