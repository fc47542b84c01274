"""Frames in a row leave as one file: a clip or a strip."""

import asyncio
from collections.abc import Sequence
from urllib.parse import quote

from starlette.requests import Request as HTTPRequest
from starlette.responses import Response
from starlette.routing import BaseRoute

from klein_ui import clips, images, watermark
from klein_ui.contract import Frame, InvalidRequest, Pixels
from klein_ui.provenance.names import file_name
from klein_ui.ui import answers
from klein_ui.ui.services import Services

CLIP_PATH = "/gradio_api/live/clip"
STRIP = "strip"
LEAST, MOST = 2, 48
MAX_BODY_BYTES = 16_384
MAX_NAME_CHARS = 5_000

NO_FRAMES = f"A clip needs {LEAST} to {MOST} pictures."
NO_KIND = "A clip is webp or gif, or a strip."
TOO_LARGE = "The clip would be too large; give it fewer pictures."


def routes(services: Services) -> list[BaseRoute]:
    """The routes to hand to `launch`, beside those of :mod:`klein_ui.ui.socket`."""
    return [answers.route(CLIP_PATH, clip, services, "POST")]


async def clip(services: Services, request: HTTPRequest) -> Response:
    """`{"frames": [names], "as": "webp" | "gif" | "strip", "name"}` becomes one file.

    What is no longer in memory is made again. The safety check sees each frame, and a watermark is
    put into each; the file holds no request, since it has many.
    """
    names, kind, title = _asked(await answers.json_of(request, MAX_BODY_BYTES))
    frames = [await answers.frame_of(services, name) for name in names]
    data = await asyncio.to_thread(_made, frames, kind, services)
    suffix = "png" if kind == STRIP else kind
    named = file_name(title or frames[0].request.prompt, frames[0].request.seed, suffix)
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(named)}",
        "Cache-Control": "no-store",
    }
    return Response(data, media_type=f"image/{suffix}", headers=headers)


def _asked(fields: dict[str, object]) -> tuple[list[str], str, str]:
    names, kind, title = fields.get("frames"), fields.get("as"), fields.get("name", "")
    if not isinstance(names, list) or not LEAST <= len(names) <= MOST:
        raise InvalidRequest("frames", NO_FRAMES)
    if kind not in (*clips.Kind, STRIP):
        raise InvalidRequest("as", NO_KIND)
    return [str(name) for name in names], str(kind), str(title)[:MAX_NAME_CHARS]


def _made(frames: Sequence[Frame], kind: str, services: Services) -> bytes:
    """The file. Raises `HeldBack` for what the safety check keeps."""
    leaving = services.exporter
    for frame in frames:
        leaving.gate.passed(frame.pixels)
    encoded = [images.jpeg(frame.pixels, images.FINE_QUALITY) for frame in frames]
    if kind == STRIP:
        return images.png(_marked(clips.strip(encoded), services), {})
    if leaving.watermark:
        encoded = [images.png(watermark.embed(frame.pixels), {}) for frame in frames]
    try:
        return clips.clip(encoded, clips.Kind(kind))
    except ValueError as error:
        raise InvalidRequest("frames", TOO_LARGE) from error


def _marked(pixels: Pixels, services: Services) -> Pixels:
    return watermark.embed(pixels) if services.exporter.watermark else pixels
