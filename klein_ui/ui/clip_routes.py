"""How a picture came to be, as a clip to save."""

import asyncio
from dataclasses import dataclass
from functools import partial
from urllib.parse import quote

from starlette.requests import Request as HTTPRequest
from starlette.responses import Response
from starlette.routing import BaseRoute

from klein_ui import clips, limits
from klein_ui.branches import branch
from klein_ui.clips import Kind
from klein_ui.contract import InvalidPicture
from klein_ui.provenance import moving
from klein_ui.provenance.moving import Clip
from klein_ui.ui import answers, board_routes, bodies
from klein_ui.ui.services import Services

CLIP_PATH = "/gradio_api/live/history/clip"
MOST_AT_ONCE = 2
UNREADABLE = "This is no request for a clip; reload the page, then save it again."


@dataclass(frozen=True, slots=True)
class Wanted:
    """The ends of a clip, by the ids of states; an empty `first` is where the branch begins."""

    session: str
    first: str
    last: str
    kind: Kind


def routes(services: Services) -> list[BaseRoute]:
    """The route to hand to `launch`, before those that take any id in its place."""
    # A clip is large while it is made.
    making = partial(clip, asyncio.Semaphore(MOST_AT_ONCE))
    return [answers.route(CLIP_PATH, making, services, "POST", limits.EXPORTS)]


async def clip(room: asyncio.Semaphore, services: Services, request: HTTPRequest) -> Response:
    """`{"session", "from", "to", "as": "webp" or "gif"}` -> the clip, to be saved."""
    owner = board_routes.owner(services, request)
    wanted = _wanted(await bodies.fields(request))
    async with room:
        made = await asyncio.to_thread(_made, services, owner, wanted)
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(made.name)}",
        "Cache-Control": "no-store",
    }
    return Response(made.data, media_type=made.mime, headers=headers)


def _made(services: Services, owner: str, wanted: Wanted) -> Clip:
    history = services.history
    way = branch(partial(history.state, owner), wanted.last, wanted.first, wanted.session)
    pictures = []
    # Chosen before they are read: of a thousand states most are never looked at.
    for state in clips.chosen(way, moving.LIMITS.pictures):
        try:
            pictures.append(history.picture(owner, state.id))
        except InvalidPicture:
            if state is way[-1]:
                raise
    return moving.export(services.exporter, pictures, way[-1].request, wanted.kind)


def _wanted(said: dict[str, object]) -> Wanted:
    session, first, last = (said.get(name, "") for name in ("session", "from", "to"))
    kind = said.get("as", Kind.WEBP.value)
    texts = isinstance(session, str) and isinstance(first, str) and isinstance(last, str)
    if not texts or not last or kind not in list(Kind):
        raise answers.Refused(422, UNREADABLE)
    return Wanted(str(session), str(first), str(last), Kind(str(kind)))
