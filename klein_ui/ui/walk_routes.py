"""The way between two pins leaves as one file: a clip or a strip."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from urllib.parse import quote

from starlette.requests import Request as HTTPRequest
from starlette.responses import Response
from starlette.routing import BaseRoute

from klein_ui import clips, images, limits, watermark
from klein_ui.contract import Frame, InvalidRequest, Request
from klein_ui.provenance import moving
from klein_ui.provenance.moving import Clip
from klein_ui.provenance.names import file_name
from klein_ui.ui import answers, bodies
from klein_ui.ui.services import Services

WALK_PATH = "/gradio_api/live/walk"
STRIP = "strip"
LEAST, MOST = 2, 48
MOST_AT_ONCE = 2
MAX_NAME_CHARS = 5_000

NO_FRAMES = f"A walk needs {LEAST} to {MOST} pictures."
NO_KIND = "A walk is a clip, webp or gif, or a strip."


def routes(services: Services) -> list[BaseRoute]:
    """The routes to hand to `launch`, beside those of :mod:`klein_ui.ui.socket`."""
    # Its pictures lie in memory, and may have to be made again.
    making = partial(walk, asyncio.Semaphore(MOST_AT_ONCE))
    return [answers.route(WALK_PATH, making, services, "POST", limits.EXPORTS)]


async def walk(room: asyncio.Semaphore, services: Services, request: HTTPRequest) -> Response:
    """`{"frames": [names], "as": "webp" | "gif" | "strip", "name"}` becomes one file.

    What is no longer in memory is made again. The file holds no request, since it is of many.
    """
    names, kind, title = _asked(await bodies.fields(request))
    async with room:
        made = await _of_frames(services, request, names, kind, title)
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(made.name)}",
        "Cache-Control": "no-store",
    }
    return Response(made.data, media_type=made.mime, headers=headers)


async def _of_frames(
    services: Services, request: HTTPRequest, names: list[str], kind: str, title: str
) -> Clip:
    pictures = dict[str, Picture]()
    for name in dict.fromkeys(names):
        if await request.is_disconnected():
            raise answers.Refused(400, bodies.CUT_OFF)
        frame = await answers.frame_of(services, name)
        # One frame at a time: what waits are JPEGs.
        pictures[name] = await asyncio.to_thread(_checked, services, frame)
    return await asyncio.to_thread(_made, services, [pictures[name] for name in names], kind, title)


def _asked(fields: dict[str, object]) -> tuple[list[str], str, str]:
    names, kind, title = fields.get("frames"), fields.get("as"), fields.get("name", "")
    if not isinstance(names, list) or not LEAST <= len(names) <= MOST:
        raise InvalidRequest("frames", NO_FRAMES)
    if kind not in (*clips.Kind, STRIP):
        raise InvalidRequest("as", NO_KIND)
    return [str(name) for name in names], str(kind), str(title)[:MAX_NAME_CHARS]


@dataclass(frozen=True, slots=True)
class Picture:
    """A frame that may leave, as a JPEG, and the request that made it."""

    request: Request
    jpeg: bytes


def _checked(services: Services, frame: Frame) -> Picture:
    """`frame` as it may leave. Raises `HeldBack` where the safety check keeps it."""
    services.exporter.gate.passed(frame.pixels)
    return Picture(frame.request, images.jpeg(frame.pixels, images.FINE_QUALITY))


def _made(services: Services, pictures: Sequence[Picture], kind: str, title: str) -> Clip:
    """The file, marked and signed as all that leaves. Raises as the exporter does."""
    last = pictures[-1].request
    called = replace(last, prompt=title or last.prompt)
    encoded = [picture.jpeg for picture in pictures]
    exporter = services.exporter
    if kind != STRIP:
        return moving.export(exporter, encoded, called, clips.Kind(kind))
    pixels = clips.strip(encoded)
    marked = watermark.embed(pixels) if exporter.watermark else pixels
    data, notes = exporter.signed(images.png(marked, {}), "image/png")
    return Clip(file_name(called.prompt, called.seed, "png"), "image/png", data, notes)
