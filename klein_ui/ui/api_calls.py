"""What programs can have, however they ask: the routes and the tools of MCP end here."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from starlette.requests import Request as HTTPRequest

from klein_ui import limits, uploads
from klein_ui.contract import Asked, Frame, InvalidRequest, KleinError
from klein_ui.limits import Rate
from klein_ui.models import ModelRow
from klein_ui.provenance.export import Exported, Format
from klein_ui.ui import answers, api_fields, bodies, export_routes, pictures, saving, wire
from klein_ui.ui.answers import TooOften
from klein_ui.ui.api_fields import FORMATS
from klein_ui.ui.services import Services

FULL = "Too many pictures are asked for at once; ask again in a minute."
CROWDED = "Programs wait for too many pictures at once; ask again when one of yours is there."
PATIENCE_S = 300.0
"""How long a call waits while no picture can be had of anybody."""
LOOK_S = 1.0
NOT_READY = "{reason} A call waits {minutes:.0f} minutes for that, which are over; ask again later."
NO_FORMAT = f"A picture is saved as {', '.join(FORMATS[:-1])} or {FORMATS[-1]}; choose one."
ONE_OF_BOTH = "Name either a “frame”, or a “request” that makes one."
NO_NAME = "A frame is named by a text that a call has given; give that."
TOO_MANY_IMAGES = "{title} looks at {most} images at once; send no more."
NO_IMAGE = "An edit needs an image; send at least one."

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """An image that came with a call, or a frame of the app, and what was said of it."""

    source: bytes | Frame
    said: Mapping[str, object]


def admit(services: Services, address: str, count: int = 1, rate: Rate = limits.CALLS) -> None:
    """Count `count` pictures for `address`. Raises `TooOften`."""
    for _ in range(count):
        wait_s = services.limits.wait_s(rate, address)
        if wait_s > 0:
            ahead = services.dispatcher.stats().waiting if rate is limits.CALLS else 0
            busy = f"{wire.busy_sentence(ahead)} " if ahead else ""
            raise TooOften(busy + rate.sentence(wait_s), wait_s)


@contextmanager
def place(services: Services, address: str) -> Iterator[None]:
    """One of the places for pictures at once, within the context. Raises `KleinError`."""
    with services.calls.taken(address) as has_one:
        if not has_one:
            raise KleinError(CROWDED)
        if services.dispatcher.is_full():
            raise KleinError(FULL)
        yield


class Patience:
    """Ends when no picture could be had for `PATIENCE_S` without a break; a slow one may take as
    long as it takes."""

    def __init__(self, services: Services, clock: Callable[[], float] = time.monotonic) -> None:
        self._services = services
        self._clock = clock
        self._good_at = clock()

    def check(self) -> None:
        """Raises `KleinError` at its end."""
        health, now = self._services.dispatcher.health(), self._clock()
        if health.is_ready:
            self._good_at = now
        elif now - self._good_at >= PATIENCE_S:
            raise KleinError(NOT_READY.format(reason=health.reason, minutes=PATIENCE_S / 60))


async def drawn(services: Services, address: str, asked: Asked) -> Frame:
    """The full picture, in turn with everybody's; cancelled, it stops. Raises `KleinError`."""
    with place(services, address):
        patience = Patience(services)
        coming = asyncio.wrap_future(services.dispatcher.render(asked.request))
        try:
            while not (await asyncio.wait({coming}, timeout=LOOK_S))[0]:
                patience.check()
            return coming.result()
        finally:
            coming.cancel()


async def frame_of(services: Services, address: str, given: Mapping[str, object]) -> Frame:
    """What `frame` names or `request` makes. What has to be made counts as a call. Raises
    `KleinError` or `Refused`."""
    name, fields = given.get("frame"), given.get("request")
    if (name is None) == (fields is None):
        raise InvalidRequest("frame", ONE_OF_BOTH)
    if name is not None:
        if not isinstance(name, str):
            raise InvalidRequest("frame", NO_NAME)
        there = services.shelf.get(name)
        if there is None or there.frame is not None:
            return await answers.frame_of(services, name)
        asked = Asked(there.request)
    else:
        asked = requested(services, object_in(fields, "request"))
    admit(services, address)
    return await drawn(services, address, asked)


def requested(services: Services, fields: Mapping[str, object]) -> Asked:
    """What a call asks for by its `fields`. Raises `InvalidRequest`."""
    row = services.row
    return api_fields.request_of(fields, row, api_fields.of_request(row).keys())


async def edited(
    services: Services,
    address: str,
    given: Mapping[str, object],
    images: Sequence[Image],
    mask: bytes | None,
) -> Asked:
    """An edit of the first of `images`, which are kept. Raises `KleinError`."""
    row = services.row
    if not images:
        raise InvalidRequest("image", NO_IMAGE)
    if len(images) > row.max_references:
        raise InvalidRequest("image", too_many_images(row))
    # The words are looked at first: they cost nothing.
    api_fields.request_of(given, row, api_fields.of_request(row).keys())
    for image in images:
        api_fields.check_names(image.said, ("role", "strength"))
    admit(services, address, len(images) + (mask is not None), limits.UPLOADS)
    references = [{**await kept(services, image.source), **image.said} for image in images]
    cover = {} if mask is None else {"mask": (await kept(services, mask))["digest"]}
    return requested(services, {**given, "references": references, **cover})


def too_many_images(row: ModelRow) -> str:
    """What to say of more images than the model looks at."""
    return TOO_MANY_IMAGES.format(title=row.title, most=row.max_references)


async def kept(services: Services, source: bytes | Frame) -> dict[str, object]:
    """An image, in the store: its digest, and what made it. Raises `KleinError`."""

    def stored() -> dict[str, object]:
        if isinstance(source, Frame):
            uploads.check_sides(source.request.width, source.request.height)
            upload, maker = uploads.Upload(source.pixels), source.request
        else:
            upload, maker = uploads.decoded(source), None
        known = pictures.keep(services.pictures, upload, maker)
        return {name: known[name] for name in ("digest", "made_by")}

    return await asyncio.to_thread(stored)


async def exported(services: Services, frame: Frame, kind: object) -> Exported:
    """`frame` as it may leave, with its request. Raises `KleinError`."""
    return await asyncio.to_thread(saving.exported, services, frame, format_of(kind))


def format_of(kind: object) -> Format:
    """The format called `kind`. Raises `InvalidRequest`."""
    if not isinstance(kind, str) or kind not in FORMATS:
        raise InvalidRequest("as", NO_FORMAT)
    return export_routes.FORMATS[kind]


def object_in(value: object, field: str) -> dict[str, object]:
    """`value` as an object of fields. Raises `InvalidRequest`."""
    if not isinstance(value, dict):
        raise InvalidRequest(
            field, api_fields.NO_OBJECT.format(field=field, where="/gradio_api/v1")
        )
    return value


async def while_there(request: HTTPRequest, work: Callable[[], Awaitable[T]]) -> T:
    """What `work` gives, which is cancelled once the client is gone: that frees the engine.

    The body must have been read. Raises `Refused` then, for nobody to hear.
    """
    working = asyncio.ensure_future(work())
    leaving = asyncio.ensure_future(gone(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise answers.Refused(400, bodies.CUT_OFF)
        return working.result()
    finally:
        working.cancel()
        leaving.cancel()


async def gone(request: HTTPRequest) -> None:
    """Return once the client is gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
