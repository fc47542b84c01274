"""What an edit changed, and which of its references brought how much of it."""

import asyncio
import base64
from dataclasses import replace

from starlette.requests import Request as HTTPRequest
from starlette.responses import JSONResponse, Response

from klein_ui import compare, images
from klein_ui.contract import Frame, Reference, Request
from klein_ui.ui import answers, wire
from klein_ui.ui.services import Services

CHANGES_PATH = "/gradio_api/live/frames/{name}/changes.png"
SOURCES_PATH = "/gradio_api/live/frames/{name}/sources"

MAP_SIDE = 192
FOR_AN_HOUR = {"Cache-Control": "private, max-age=3600"}
NO_REFERENCE = "This picture was made without an image; add one and make it again."


async def changes_png(services: Services, request: HTTPRequest) -> Response:
    """Where a frame differs from its first reference, to lay over it."""
    frame = await answers.frame_of(services, request.path_params["name"])
    first = _references(frame)[0]

    def encoded() -> bytes:
        original = answers.stored(services.pictures, first.digest)
        return images.png(compare.heat_map(compare.change(original, frame.pixels)), {})

    return Response(await asyncio.to_thread(encoded), media_type=images.PNG, headers=FOR_AN_HOUR)


async def sources(services: Services, request: HTTPRequest) -> Response:
    """How much of a frame each of its references brought: what changes when none looks at it."""
    frame = await answers.frame_of(services, request.path_params["name"])
    references = _references(frame)
    if services.dispatcher.is_full():
        raise answers.Refused(503, wire.FULL)
    futures = [services.dispatcher.render(without) for without in _withouts(frame.request)]
    try:
        others = await asyncio.gather(*map(asyncio.wrap_future, futures))
    finally:
        for future in futures:
            future.cancel()
    return JSONResponse(await asyncio.to_thread(_shares, frame, references, others))


def _references(frame: Frame) -> tuple[Reference, ...]:
    if not frame.request.references:
        raise answers.Refused(409, NO_REFERENCE)
    return frame.request.references


def _withouts(request: Request) -> list[Request]:
    """`request` once for each reference, with nothing looking at that one."""
    looked_at = request.references
    return [
        replace(
            request,
            references=(*looked_at[:at], replace(reference, strength=0.0), *looked_at[at + 1 :]),
        )
        for at, reference in enumerate(looked_at)
    ]


def _shares(
    frame: Frame, references: tuple[Reference, ...], others: list[Frame]
) -> dict[str, object]:
    heats = [compare.change(other.pixels, frame.pixels) for other in others]
    means = [float(heat.mean()) for heat in heats]
    whole = sum(means) or 1.0
    found = [
        {"digest": reference.digest, "share": mean / whole, "map": _data_url(heat)}
        for reference, mean, heat in zip(references, means, heats, strict=True)
    ]
    return {"sources": found}


def _data_url(heat: compare.Heat) -> str:
    small = images.png(compare.within(compare.heat_map(heat), MAP_SIDE), {})
    return f"data:{images.PNG};base64,{base64.b64encode(small).decode()}"
