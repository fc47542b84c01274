"""A replica: one engine on one thread, and the lanes of all apps that draw with it."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from klein_ui.contract import (
    DeviceLost,
    Engine,
    Frame,
    Hooks,
    InvalidPicture,
    KleinError,
    Loras,
    Pictures,
    Request,
    Superseded,
)
from klein_ui.loading import Source
from klein_ui.serve import wire
from klein_ui.serve.job import Job, job_from
from klein_ui.serve.kept import Kept
from klein_ui.serve.wire import Message
from klein_ui.uploads import digest_of

log = logging.getLogger(__name__)

BEAT_S = 1.0
"""How often a lane hears that its replica lives, and how many there are."""
HUNG_S = 240.0
"""How long a step may take before nothing is hoped for of this process; the app that waits for it
calls itself unhealthy after 300."""
COUNT_S = 1.0
"""How long the number of replicas is believed."""

MOST_BYTES = 4 * 2**30
"""Of one file or picture."""

Offer = Callable[[Pictures, Loras], Source]
"""A model that can be had, given where its references and LoRAs are kept."""


class Unwell(Exception):
    """The engine of this replica is of no more use; another process is needed. Where that was so
    before the work had `begun`, the work had no part in it."""

    def __init__(self, why: str, *, begun: bool = False) -> None:
        super().__init__(why)
        self.begun = begun


class Worker:
    """Loads the engine of `offer` once, and renders for any number of lanes, one after the other.

    `place` is its name, and `replicas` says how many there are of its kind, now; it may take long
    or raise, and then the last number holds.
    """

    def __init__(
        self, offer: Offer, folder: Path, place: str, replicas: Callable[[], int] = lambda: 1
    ) -> None:
        """Returns once the engine is warm. Raises what the loading raises."""
        self.place = place
        self._replicas, self._known = replicas, 1
        self._counting: asyncio.Task[None] | None = None
        self._kept = Kept(folder)
        self._thread = ThreadPoolExecutor(1, "engine")
        self._lost = ""
        self._lanes: set[_Lane] = set()
        self._busy_s, self._began, self._since = 0.0, 0.0, time.monotonic()
        self._alive_at = 0.0
        self._running: Job | None = None
        self.loads = 0
        source = offer(self._kept.pictures, self._kept.loras)
        self.row = source.row
        self._engine: Engine = self._thread.submit(self._load, source).result()

    def check(self) -> None:
        """Raises `Unwell` where only a new process helps."""
        if self._began and time.monotonic() - self._alive_at > HUNG_S:
            self._lost = f"the engine was not heard of for {HUNG_S:.0f} s"
        if self._lost:
            raise Unwell(self._lost)

    def busy(self) -> float:
        """The part of the time since the last call in which the engine rendered, 0 to 1."""
        now = time.monotonic()
        running_s = now - max(self._began, self._since) if self._began else 0.0
        share = (self._busy_s + running_s) / max(now - self._since, 1e-9)
        self._busy_s, self._since = 0.0, now
        return min(1.0, share)

    def alive(self) -> None:
        """The engine has done a step."""
        self._alive_at = time.monotonic()

    def close(self) -> None:
        """Free the engine."""
        if self._began and self._lost:
            # A thread that hangs is not waited for.
            self._thread.shutdown(wait=False, cancel_futures=True)
            return
        self._thread.submit(self._engine.close).result()
        self._thread.shutdown()

    async def serve(self, socket: WebSocket) -> None:
        """Be the lane of `socket` until it closes. One that can make no picture takes none."""
        if self._lost:
            await socket.close()
            return
        if self._counting is None or self._counting.done():
            self._counting = asyncio.create_task(self._count())
        await socket.accept()
        lane = _Lane(socket, self)
        await lane.say(self.hello())
        beats = asyncio.create_task(self._beats(lane))
        self._lanes.add(lane)
        try:
            # It may have been lost while that was said.
            self.check()
            await lane.listen()
        except Unwell:
            log.info("a lane came too late")
        except (WebSocketDisconnect, KeyError, TypeError, ValueError) as error:
            log.info("a lane ended: %s", type(error).__name__)
        finally:
            beats.cancel()
            self._lanes.discard(lane)
            lane.stop()
            with contextlib.suppress(Exception):
                await socket.close()

    async def dismiss(self) -> None:
        """Have all lanes leave: what they ask for cannot be made here."""
        for lane in tuple(self._lanes):
            await lane.leave()

    def hello(self) -> Message:
        """Who this is, for whoever connects."""
        row, origin = wire.row_fields(self.row), asdict(self._engine.origin)
        return {"type": "hello", "row": row, "origin": origin, **self._news()}

    def _news(self) -> Message:
        held = self._engine.held()
        caches = {name: [use.held_bytes, use.max_bytes] for name, use in held.caches.items()}
        return {
            "place": self.place,
            "replicas": self._known,
            "caches": caches,
            "device": held.device_bytes,
        }

    async def _count(self) -> None:
        """Beats wait for nobody, so that a cluster that does not answer silences no replica."""
        while True:
            try:
                self._known = await asyncio.to_thread(self._replicas)
            except Exception as error:
                log.warning("the replicas were not counted: %s", type(error).__name__)
            await asyncio.sleep(COUNT_S)

    async def _beats(self, lane: "_Lane") -> None:
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):
            while True:
                await asyncio.sleep(BEAT_S)
                try:
                    self.check()
                except Unwell:
                    await lane.leave_running(self._running)
                    return
                await lane.say({"type": "beat", **self._news()})

    def missing(self, job: Job) -> tuple[list[str], list[str]]:
        """See `Kept.missing`."""
        return self._kept.missing(job.request, job.loras.values())

    def keep(self, message: Message, data: bytes) -> None:
        """Keep what was sent. Raises `KleinError` where it is another one than was announced."""
        if message["type"] == "lora":
            self._kept.loras.put(str(message["digest"]), data)
            return
        pixels = wire.pixels_from(message["shape"], data)
        if digest_of(pixels) != message["digest"]:
            raise InvalidPicture("An image came damaged; add it again.")
        self._kept.pictures.put(pixels)

    async def rendered(self, job: Job, hooks: Hooks) -> Frame:
        """The picture of `job`, in turn with those of other lanes."""
        made: Frame = await self._on_thread(lambda: self._render(job, hooks))
        return made

    async def warm_up(self, request: Request) -> None:
        """See `contract.Engine`."""
        await self._on_thread(lambda: self._engine.warm_up(request))

    async def relieve(self) -> None:
        """See `contract.Engine`."""
        await self._on_thread(self._engine.relieve)

    async def _on_thread(self, work: Callable[[], Any]) -> Any:
        self.check()
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._thread, self._counted, work
            )
        except DeviceLost as error:
            self._lost = str(error)
            raise Unwell(self._lost, begun=True) from error

    def _counted(self, work: Callable[[], Any]) -> Any:
        # What was before this in the queue may have ended the engine.
        self.check()
        self.alive()
        self._began = time.monotonic()
        try:
            return work()
        except Exception:
            raise
        except BaseException as error:
            # Whatever ended the thread, nobody knows in which state the engine is.
            self._lost = f"the engine broke off ({type(error).__name__})"
            raise Unwell(self._lost, begun=True) from error
        finally:
            self._busy_s += time.monotonic() - max(self._began, self._since)
            self._began = 0.0
            self._running = None

    def _render(self, job: Job, hooks: Hooks) -> Frame:
        self._running = job
        self._kept.loras.mean(job.loras)
        return self._engine.render(job.request, job.stage, hooks)

    def _load(self, source: Source) -> Engine:
        self.loads += 1
        engine = source.load(lambda progress: log.info("%s", progress.sentence))
        for request in source.warm_up:
            engine.warm_up(request)
        return engine


class _Lane:
    """One WebSocket: what it asks for, one thing at a time, and what it is told."""

    def __init__(self, socket: WebSocket, worker: Worker) -> None:
        self._socket = socket
        self._worker = worker
        self._saying = asyncio.Lock()
        self._loop = asyncio.get_running_loop()
        self._job: Job | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def say(self, message: Message, data: bytes = b"") -> None:
        """Send `message` and the bytes that belong to it."""
        async with self._saying:
            for part in wire.texts_of(message, data):
                if isinstance(part, str):
                    await self._socket.send_text(part)
                else:
                    await self._socket.send_bytes(part)

    def stop(self) -> None:
        """Stop what runs within a step."""
        if self._job is not None:
            self._job.stops.set()

    async def leave(self, refused: int | None = None) -> None:
        """Close; what has not begun, or the run `refused`, is to be made elsewhere."""
        if refused is None and self._job is not None:
            refused = self._job.run
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):
            if refused is not None:
                await self.say({"type": "refused", "run": refused})
            await self._socket.close(1011)

    async def leave_running(self, job: Job | None) -> None:
        """Close; of all jobs only `job` was begun."""
        if job is not None and self._job is job:
            # Its app hears no refusal, and so knows which picture it was.
            self._job = None
        await self.leave()

    async def listen(self) -> None:
        """Do what the app asks for, until it leaves. Raises `ValueError` for what is no message."""
        while True:
            message = await self._socket.receive_json()
            match message["type"]:
                case "render":
                    self._job = job_from(message)
                    await self._begin()
                case "picture" | "lora":
                    await self._keep(message)
                case "cancel" if self._job is not None and message["run"] == self._job.run:
                    self._job.stops.set()
                case "warm_up":
                    request = wire.request_from(message["request"])
                    self._do(message["run"], self._warmed_up(message["run"], request))
                case "bye":
                    return
                case "relieve":
                    self._do(message["run"], self._relieved(message["run"]))

    async def _keep(self, message: Message) -> None:
        data = bytearray()
        if message["bytes"] > MOST_BYTES:
            raise ValueError("too large")
        while len(data) < message["bytes"]:
            data += await self._socket.receive_bytes()
        try:
            await asyncio.to_thread(self._worker.keep, message, bytes(data))
        except KleinError as error:
            if self._job is not None:
                await self.say(wire.failed(self._job.run, error))
                self._job = None
            return
        await self._begin()

    async def _begin(self) -> None:
        """Render once all that the job needs is here; ask for the rest."""
        job = self._job
        if job is None:
            return
        pictures, loras = await asyncio.to_thread(self._worker.missing, job)
        if pictures or loras:
            first = {"pictures": pictures[:1]} if pictures else {"loras": loras[:1]}
            await self.say({"type": "needs", "run": job.run, **first})
            return
        self._do(job.run, self._rendered(job))

    def _do(self, run: int, work: Any) -> None:
        task = asyncio.create_task(self._done(run, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _done(self, run: int, work: Any) -> None:
        """Do `work`; where it fails, say why, and where the engine did, leave."""
        try:
            await work
        except Superseded:
            await self.say({"type": "superseded", "run": run})
        except Unwell as error:
            log.critical("this replica is of no more use: %s", error)
            if error.begun:
                await self.leave_running(self._job)
            else:
                await self.leave(run)
            await self._worker.dismiss()
        except (WebSocketDisconnect, RuntimeError) as error:
            log.info("nobody hears the end of a run: %s", error)
        except Exception as error:
            if not isinstance(error, KleinError):
                log.error("a render failed", exc_info=error)
            await self.say(wire.failed(run, error))

    async def _warmed_up(self, run: int, request: Request) -> None:
        await self._worker.warm_up(request)
        await self.say({"type": "done", "run": run})

    async def _relieved(self, run: int) -> None:
        await self._worker.relieve()
        await self.say({"type": "done", "run": run})

    async def _rendered(self, job: Job) -> None:
        def superseded(steps_done: int) -> bool:
            self._worker.alive()
            # The app asked itself before the first step, and after the last one it is too late.
            if 0 < steps_done < job.request.steps and not job.stops.is_set():
                self._soon({"type": "step", "run": job.run, "steps": steps_done})
            return job.stops.is_set()

        def preview(frame: Frame) -> None:
            self._soon(*wire.frame("preview", job.run, frame))

        hooks = Hooks(superseded, preview if job.preview else None)
        made = await self._worker.rendered(job, hooks)
        await self.say(*wire.frame("frame", job.run, made))

    def _soon(self, message: Message, data: bytes = b"") -> None:
        """Say it from the engine's thread, which does not wait."""
        asyncio.run_coroutine_threadsafe(self.say(message, data), self._loop)
