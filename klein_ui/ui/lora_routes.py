"""The LoRAs there are, and one more from the hub."""

import asyncio
import json
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial

from starlette.requests import Request as HTTPRequest
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute

from klein_ui import limits
from klein_ui.contract import KleinError, Progress
from klein_ui.ui import answers
from klein_ui.ui.services import FetchLora, Services

log = logging.getLogger(__name__)

LORAS_PATH = "/gradio_api/live/loras"
NDJSON = "application/x-ndjson"
MOST_WAITING = 8
"""Lines of progress that may wait for a slow page; more are left out."""

FIXED = "The LoRAs of this server are fixed; run the app yourself to get others."
BUSY = "Another LoRA is on its way; get this one once that is there."
BROKEN = "The LoRA could not be fetched; put its file into the folder of LoRAs by hand."

Line = dict[str, object]


def routes(services: Services) -> list[BaseRoute]:
    """The routes to hand to `launch`, beside those of :mod:`klein_ui.ui.socket`."""
    # One at a time: whoever opens the page may ask, and each may be gigabytes.
    turn = threading.Lock()
    return [
        answers.route(LORAS_PATH, names, services, "GET"),
        answers.route(LORAS_PATH, partial(fetch, turn), services, "POST", limits.LORAS),
    ]


async def names(services: Services, request: HTTPRequest) -> Response:
    """`{"names": [...]}`, what is in the folder now."""
    return JSONResponse({"names": await asyncio.to_thread(services.loras.names)})


async def fetch(turn: threading.Lock, services: Services, request: HTTPRequest) -> Response:
    """Get the LoRA with the hub id `?id=`. A line of JSON for each step, the last one its end.

    `{"sentence", "fraction"}` while it is on its way, then `{"name"}` or `{"failed": sentence}`.
    A page that leaves does not end it: the file is for everybody. Raises `Refused` where strangers
    come in, who might fill the disk.
    """
    if services.settings.is_public:
        raise answers.Refused(403, FIXED)
    lines = _Lines()
    if turn.acquire(blocking=False):
        hub_id = request.query_params.get("id", "").strip()
        errand = partial(_fetch, services.fetch_lora, hub_id, lines, turn)
        # Nobody waits for it when the app ends.
        threading.Thread(target=errand, name="lora", daemon=True).start()
    else:
        lines.end(failed=BUSY)
    return StreamingResponse(lines.told(), media_type=NDJSON, headers={"Cache-Control": "no-store"})


class _Lines:
    """From the thread that fetches to the page that asked."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: asyncio.Queue[Line] = asyncio.Queue()

    def progress(self, progress: Progress) -> None:
        """How far it is, from any thread."""
        line: Line = {"sentence": progress.sentence, "fraction": progress.fraction}
        self._put(line, MOST_WAITING)

    def end(self, **line: object) -> None:
        """How it ended, from any thread."""
        self._put(line, MOST_WAITING + 1)

    async def told(self) -> AsyncIterator[str]:
        """Each line as JSON, up to the end."""
        line: Line = {"fraction": None}
        while "fraction" in line:
            line = await self._waiting.get()
            yield json.dumps(line, ensure_ascii=False) + "\n"

    def _put(self, line: Line, most: int) -> None:
        def put() -> None:
            if self._waiting.qsize() < most:
                self._waiting.put_nowait(line)

        # The loop is closed once the app has ended.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(put)


def _fetch(fetch_lora: FetchLora, hub_id: str, lines: _Lines, turn: threading.Lock) -> None:
    end: Line
    try:
        end = {"name": fetch_lora(hub_id, lines.progress)}
    except KleinError as error:
        end = {"failed": str(error)}
    except Exception:
        log.exception("a LoRA was not fetched")
        end = {"failed": BROKEN}
    # First: who reads the end may ask for the next one.
    turn.release()
    lines.end(**end)
