"""The live loop's own way in and out: a WebSocket."""

import asyncio
import logging
import secrets
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

import anyio
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from klein_ui import images, limits, mailboxes, validate
from klein_ui.contract import Frame, InvalidRequest, Stage
from klein_ui.events import Closing, Shown
from klein_ui.states import State
from klein_ui.ui import watch, wire
from klein_ui.ui.addresses import address_of
from klein_ui.ui.keeper import Keeper
from klein_ui.ui.outbox import Outbox
from klein_ui.ui.owners import owner_of
from klein_ui.ui.services import Services

log = logging.getLogger(__name__)

SOCKET_PATH = "/gradio_api/live"
# How long a full picture stands before it is sent again in its full colour.
REST_S = 0.3
REFUSED_S = 0.02
FIXED = "The model of this server is fixed; run the app yourself to choose another one."
GONE = "This picture is no longer kept; type a letter to make it again."
# Close codes of RFC 6455, section 7.4.1.
POLICY_VIOLATION = 1008
SERVICE_RESTART = 1012
TRY_AGAIN_LATER = 1013


def routes(services: Services) -> list[BaseRoute]:
    """The routes to hand to `launch(app_kwargs={"routes": ...})`."""
    return [WebSocketRoute(SOCKET_PATH, partial(live, services))]


async def live(services: Services, socket: WebSocket) -> None:
    """One page: its requests come down, its frames go up, until either side leaves."""
    if not same_origin(socket.headers):
        await socket.close(POLICY_VIOLATION, "Open the app from its own address.")
        return
    if services.dispatcher.is_full():
        await _refuse(socket, wire.FULL)
        return
    address = address_of(socket)
    if not services.limits.enter(address):
        await _refuse(socket, limits.TOO_MANY_PAGES)
        return
    try:
        await _talk(services, socket)
    finally:
        services.limits.leave(address)


async def _refuse(socket: WebSocket, sentence: str) -> None:
    """Close with a `sentence` of at most 123 bytes; a page hears none before its socket is open."""
    await socket.accept()
    await socket.close(TRY_AGAIN_LATER, sentence)


async def _talk(services: Services, socket: WebSocket) -> None:
    await socket.accept()
    name = secrets.token_hex(8)
    outbox = Outbox(asyncio.get_running_loop())
    keeper = Keeper(services.history, owner_of(socket))
    services.dispatcher.open(name, outbox.put)
    try:
        async with anyio.create_task_group() as ways:
            # Either way alone is of no use: a page that gets nothing should connect anew.
            for way in (
                _read(services, socket, name, keeper),
                _write(services, socket, name, outbox, keeper),
                _tell_busy(services, socket, name),
            ):
                ways.start_soon(_first_to_end, way, ways.cancel_scope)
    except* WebSocketDisconnect:
        log.debug("a page left")
    except* Exception:
        log.exception("a page was cut off")
    finally:
        services.dispatcher.close(name)
        services.shelf.leave(name)


def same_origin(headers: Mapping[str, str]) -> bool:
    """Whether a browser sent this from our own page.

    Browsers check no CORS on a WebSocket, so any page could open one. What is no browser sends no
    Origin and has nobody's rights to borrow. A proxy keeps the outer name in X-Forwarded-Host.
    """
    origin = headers.get("origin")
    if origin is None:
        return True
    host = urlsplit(origin).netloc.lower()
    return host != "" and host in {
        headers.get("host", "").lower(),
        # Of several proxies the first one's is the outer name.
        headers.get("x-forwarded-host", "").partition(",")[0].strip().lower(),
    }


async def frame_named(services: Services, name: str) -> Frame | None:
    """The frame called `name`, made again if need be; None when its request is gone as well.

    Raises `KleinError` when it cannot be made.
    """
    kept = services.shelf.get(name)
    if kept is None:
        return None
    if kept.frame is not None:
        return kept.frame
    return await asyncio.wrap_future(services.dispatcher.render(kept.request))


def encode(frame: Frame, *, fine: bool) -> tuple[bytes, str]:
    """A frame as the page gets it, and its media type: quick while typing, fine once it rests."""
    quality = images.FINE_QUALITY if fine else images.QUICK_QUALITY
    return images.jpeg(frame.pixels, quality), images.JPEG


def hear(services: Services, name: str, text: object, keeper: Keeper) -> str | None:
    """Hand a message of session `name` to the dispatcher; the answer where it is refused."""
    seq: int | None = None
    row = services.row
    try:
        message = wire.up(text)
        seq = message.seq
        if message.wanted is not None:
            if services.settings.is_public:
                return wire.hello(row, FIXED)
            if not services.dispatcher.switch(services.choices.named(message.wanted)):
                return wire.hello(row)
        elif message.fields is None:
            services.dispatcher.clear(name)
        elif message.fields.get("model", row.name) != row.name:
            return wire.hello(row)
        else:
            asked = validate.asked(message.fields, row)
            keeper.heard(seq, message.fields, asked.request)
            services.dispatcher.submit(name, asked, seq)
    except InvalidRequest as error:
        return wire.hello(row, str(error)) if error.field == "model" else wire.invalid(seq, error)
    return None


async def _first_to_end(way: Coroutine[None, None, None], others: anyio.CancelScope) -> None:
    await way
    others.cancel()


async def _read(services: Services, socket: WebSocket, name: str, keeper: Keeper) -> None:
    pace, address = limits.Pace(), address_of(socket)
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
        turns_s = pace.turn_s(), services.limits.turn_s(limits.ADDRESS_MESSAGES, address)
        if (wait_s := max(turns_s)) > 0:
            # Nothing more is read meanwhile, so who sends too much is slowed by its own network.
            await asyncio.sleep(wait_s)
        # Of a binary message there is no text, which is refused as what is no text.
        text = message.get("text")
        refused = hear(services, name, text, keeper)
        if refused is not None:
            await socket.send_text(refused)
            # Nobody types this quickly; who sends nonsense must not keep the others waiting.
            await asyncio.sleep(REFUSED_S)


async def _write(
    services: Services, socket: WebSocket, name: str, outbox: Outbox, keeper: Keeper
) -> None:
    """Send what comes; a full picture that nothing followed for a while is sent again, finer."""
    await socket.send_text(wire.hello(services.row))
    resting: _Sent | None = None
    while True:
        with anyio.move_on_after(REST_S if resting else None) as waiting:
            await outbox.wait()
        if waiting.cancelled_caught and resting:
            await _send_frame(socket, resting, keeper.trouble(), fine=True)
            resting = None
        for came in outbox.take():
            event = await watch.seen(services, came)
            if isinstance(event, Shown):
                state = await keeper.shown(event)
                sent = _Sent(event, services.shelf.put(event.frame, name), state)
                await _send_frame(socket, sent, keeper.trouble(), fine=False)
                resting = sent if event.frame.stage is Stage.FINAL else None
            elif isinstance(event, Closing):
                await socket.send_text(wire.spoken(event))
                await socket.close(SERVICE_RESTART, event.sentence)
                return
            else:
                await socket.send_text(wire.spoken(event))


async def _tell_busy(services: Services, socket: WebSocket, name: str) -> None:
    told: int | None = None
    while True:
        await asyncio.sleep(mailboxes.BUSY_S)
        ahead = services.dispatcher.ahead(name)
        if ahead is not None and ahead != told:
            await socket.send_text(wire.busy(ahead))
        told = ahead


@dataclass(frozen=True, slots=True)
class _Sent:
    """A frame that went to the page, under the name it was kept by, and the state it shows."""

    event: Shown
    name: str
    state: State | None


async def _send_frame(socket: WebSocket, sent: _Sent, trouble: str, *, fine: bool) -> None:
    encoded, mime = await asyncio.to_thread(encode, sent.event.frame, fine=fine)
    kept = wire.Kept(sent.state, trouble)
    message = wire.frame(sent.event, sent.name, encoded, mime, fine=fine, kept=kept)
    await socket.send_bytes(message)
