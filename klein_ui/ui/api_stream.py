"""Frames as they come, for programs: a line of JSON for each, until the last one."""

import asyncio
import base64
import json
import math
import secrets
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import replace

import anyio
from starlette.requests import Request as HTTPRequest
from starlette.responses import StreamingResponse

from klein_ui import mailboxes
from klein_ui.contract import Asked, Frame, KleinError, Progress, Stage
from klein_ui.events import Closing, Event, Failed, Shown
from klein_ui.ui import api_calls, watch
from klein_ui.ui.outbox import Outbox
from klein_ui.ui.services import Services
from klein_ui.ui.socket import encode

NDJSON = "application/x-ndjson"

Line = dict[str, object]
Lines = AsyncGenerator[Line, None]


def streamed(request: HTTPRequest, lines: Lines) -> StreamingResponse:
    """`lines` as an answer that ends, and they with it, once the client is gone."""
    # A proxy that buffers would hold back what is to be seen at once.
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_while_there(request, lines), media_type=NDJSON, headers=headers)


async def typed(services: Services, address: str, asked: Asked) -> Lines:
    """Drafts and the full picture of `asked`, as a page gets them that typed it in one go."""
    try:
        with api_calls.place(services, address):
            # Else the session would end when somebody collects it.
            async with aclosing(_typed(services, asked)) as lines:
                async for line in lines:
                    yield line
    except KleinError as error:
        yield _error(str(error))


async def _typed(services: Services, asked: Asked) -> Lines:
    """The same. Raises `KleinError`."""
    patience = api_calls.Patience(services)
    name = f"stream-{secrets.token_hex(8)}"
    outbox = Outbox(asyncio.get_running_loop())
    services.dispatcher.open(name, outbox.put)
    services.dispatcher.submit(name, asked, seq=0)
    try:
        while True:
            with anyio.move_on_after(mailboxes.BUSY_S) as waiting:
                await outbox.wait()
            if waiting.cancelled_caught:
                patience.check()
            ahead = services.dispatcher.ahead(name) if waiting.cancelled_caught else None
            if ahead is not None:
                yield {"type": "busy", "ahead": ahead}
            for event in outbox.take():
                line = await _told(services, event, name)
                if line is not None:
                    yield line
                if isinstance(event, Failed | Closing) or _is_last(line):
                    return
    finally:
        services.dispatcher.close(name)
        services.shelf.leave(name)


async def varied(services: Services, address: str, asked: Asked, seeds: list[int]) -> Lines:
    """The full pictures of `asked` with each of `seeds`, as soon as each is there."""

    async def one(seed: int) -> Line:
        try:
            of_seed = Asked(replace(asked.request, seed=seed))
            frame = await api_calls.drawn(services, address, of_seed)
            shown = await watch.allowed(services, Shown(0, frame, 0))
            if isinstance(shown, Failed):
                return {**_error(shown.sentence), "seed": seed}
            return await _frame(frame, services.shelf.put(frame))
        except KleinError as error:
            return {**_error(str(error)), "seed": seed}

    working = [asyncio.ensure_future(one(seed)) for seed in seeds]
    try:
        for finished in asyncio.as_completed(working):
            yield await finished
    finally:
        for work in working:
            work.cancel()


async def _told(services: Services, event: Event, name: str) -> Line | None:
    match event:
        case Shown():
            seen = await watch.allowed(services, event)
            if isinstance(seen, Failed):
                # A draft that is held back says nothing of the picture that follows.
                return _error(seen.sentence) if event.frame.stage is Stage.FINAL else None
            return await _frame(event.frame, services.shelf.put(event.frame, name))
        case Failed(sentence=sentence) | Closing(sentence=sentence):
            return _error(sentence)
        case Progress(phase="ready"):
            return None
        case Progress():
            return {"type": "progress", "sentence": event.sentence, "fraction": event.fraction}
        case _:
            return None


def _is_last(line: Line | None) -> bool:
    is_final = line is not None and line.get("stage") == Stage.FINAL.value
    return is_final or (line is not None and line["type"] == "error")


def _error(sentence: str) -> Line:
    return {"type": "error", "sentence": sentence}


async def _frame(frame: Frame, name: str) -> Line:
    encoded, mime = await asyncio.to_thread(encode, frame, fine=frame.stage is Stage.FINAL)
    request = frame.request
    return {
        "type": "frame",
        "stage": frame.stage.value,
        "frame": name,
        "seed": request.seed,
        "width": request.width,
        "height": request.height,
        "render_ms": math.ceil(frame.timings.render_s * 1000),
        "notes": list(frame.notes),
        "mime": mime,
        "data": base64.b64encode(encoded).decode(),
    }


async def _while_there(request: HTTPRequest, lines: Lines) -> AsyncIterator[bytes]:
    leaving = asyncio.ensure_future(api_calls.gone(request))
    coming = asyncio.ensure_future(anext(lines, None))
    try:
        while True:
            await asyncio.wait({coming, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not coming.done() or (line := coming.result()) is None:
                return
            yield json.dumps(line, ensure_ascii=False).encode() + b"\n"
            coming = asyncio.ensure_future(anext(lines, None))
    finally:
        leaving.cancel()
        coming.cancel()
        # Whatever ends this, the session is closed now and not when somebody collects it.
        with anyio.CancelScope(shield=True):
            await asyncio.wait({coming})
            await lines.aclose()
