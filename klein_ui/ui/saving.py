"""The picture on screen leaves: as a file of any format, and as a link that makes it again."""

import asyncio
from functools import partial

from starlette.requests import Request as HTTPRequest
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from klein_ui import limits, permalink, provenance
from klein_ui.contract import Frame, KleinError
from klein_ui.provenance.export import Exported, Format
from klein_ui.ui import answers, export_routes, socket
from klein_ui.ui.addresses import address_of
from klein_ui.ui.services import Services

FRAME_PATH = "/gradio_api/live/frames/{name}.png"
LINK_PATH = "/gradio_api/live/frames/{name}/link"

NO_FORMAT = "Pictures are saved as png, webp or jpeg; choose one of these."
WITHOUT_IMAGES = "The images are not part of the link."
WITHOUT_BLEND = "The second prompt of the blend is not part of the link."


def routes(services: Services) -> list[BaseRoute]:
    """The routes to hand to `launch`, beside those of :mod:`klein_ui.ui.socket`."""
    return [
        Route(FRAME_PATH, partial(picture, services), methods=["GET"]),
        answers.route(LINK_PATH, link, services, "GET"),
    ]


async def picture(services: Services, request: HTTPRequest) -> Response:
    """The frame called `name`, a PNG that holds its request and those that led to it.

    With `?format=webp` or `jpeg` it is one of these; with `&sidecar=1` a ZIP of the picture and a
    manifest with its request, since a picture and the JSON that belongs to it must be of one
    export.
    """
    query = request.query_params
    kind = export_routes.FORMATS.get(query.get("format", "png"))
    if kind is None:
        return PlainTextResponse(NO_FORMAT, 422)
    wait_s = services.limits.wait_s(limits.SAVES, address_of(request))
    if wait_s > 0:
        return PlainTextResponse(limits.SAVES.sentence(wait_s), 429)
    try:
        frame = await socket.frame_named(services, request.path_params["name"])
        if frame is None:
            return PlainTextResponse(socket.GONE, 404)
        made = await asyncio.to_thread(exported, services, frame, kind)
        if query.get("sidecar") == "1":
            title = frame.request.prompt[:80]
            return await export_routes.zipped(iter([made.item()]), title, 1)
    except KleinError as error:
        return PlainTextResponse(str(error), 503)
    reply = export_routes.attachment(made.name, made.mime, made.data)
    reply.headers["Cache-Control"] = "private, max-age=3600"
    return reply


async def link(services: Services, request: HTTPRequest) -> Response:
    """`{"query", "notes"}`: what follows the “?” of a link, and what it leaves out."""
    kept = services.shelf.get(request.path_params["name"])
    if kept is None:
        raise answers.Refused(404, socket.GONE)
    notes = [WITHOUT_IMAGES] if kept.request.references else []
    notes += [WITHOUT_BLEND] if kept.request.blend else []
    query = permalink.query(kept.request)
    if len(query) > permalink.MAX_QUERY_CHARS:
        raise answers.Refused(422, permalink.TOO_LONG)
    return JSONResponse({"query": query, "notes": notes})


def exported(services: Services, frame: Frame, kind: Format) -> Exported:
    """The file of `frame`, with the requests that led to it. Raises `KleinError`."""
    lineage = provenance.lineage(frame.request, services.pictures)
    return services.exporter.export(frame, kind, lineage)
