"""The live loop over Gradio events, for networks that let no WebSocket through."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import anyio
import gradio as gr

from klein_ui import limits, mailboxes
from klein_ui.contract import InvalidRequest, Stage
from klein_ui.events import Closing, Event, Failed, Shown, Switched
from klein_ui.ui import watch, wire
from klein_ui.ui.addresses import address_of
from klein_ui.ui.keeper import Keeper
from klein_ui.ui.outbox import Outbox
from klein_ui.ui.owners import owner_of
from klein_ui.ui.reaper import unread
from klein_ui.ui.services import Services
from klein_ui.ui.socket import encode, hear

IDLE_S = 10.0
"""How long a lane is kept after its last reply was taken; the next request opens another."""
UNHEARD_S = 15.0
"""How long replies may lie unread before nobody listens; a slow network takes some seconds."""
SCRIPT = "window.kleinLive.lane(props, () => trigger('send'), watch)"


def place(services: Services, blocks: gr.Blocks) -> None:
    """Put the hidden part that the page speaks through into the blocks being built."""
    lanes = Lanes(services, lambda session_hash: unread(blocks, session_hash))
    part = gr.HTML(
        value="",
        elem_id="klein-lane",
        html_template="",
        visible="hidden",
        apply_default_css=False,
        js_on_load=SCRIPT,
    )
    part.send(
        lanes.follow,
        inputs=[part],
        outputs=[part],
        js="() => window.kleinLive.takeRequest()",
        trigger_mode="multiple",
        concurrency_limit=None,
        show_progress="hidden",
        api_visibility="private",
    )
    blocks.unload(lanes.left)


@dataclass(slots=True)
class _Lane:
    """One page's events: the newest one owns the outbox, older ones end.

    `heard` and `answered` are the newest numbers that came and that got their last reply.
    """

    outbox: Outbox
    keeper: Keeper
    address: str
    owner: object = None
    heard: int = -1
    answered: int = -1
    reaper: asyncio.TimerHandle | None = None
    unread: int = 0
    read_at: float = 0.0


class Lanes:
    """The pages that came over Gradio events. Lives on the event loop alone."""

    def __init__(self, services: Services, unread: Callable[[str], int] = lambda _: 0) -> None:
        """`unread` says how many replies to the page of a session hash nobody took yet."""
        self._services = services
        self._unread = unread
        self._lanes: dict[str, _Lane] = {}

    async def follow(self, message: str, request: gr.Request) -> AsyncIterator[str]:
        """Frames for one request as JSON, the last one final; ends early when a newer one comes."""
        name = f"lane-{request.session_hash}"
        is_new = name not in self._lanes
        lane = self._open(name, request)
        if isinstance(lane, str):
            yield wire.no_place(lane)
            return
        seq = _seq_of(message)
        if seq is not None and seq < lane.heard:
            # Requests are on their way side by side, and one may overtake another.
            return
        self._own(lane, name)
        refused = self._hear(lane, name, message, seq)
        wants = refused is None and _wants(said := wire.up(message))
        if is_new and not wants:
            # A place is for who gets something.
            self.close(request.session_hash)
        if refused is not None:
            yield refused
        elif wants:
            async for text in self._texts(lane, said, name):
                yield text

    async def left(self, request: gr.Request) -> None:
        """The page was closed or reloaded; most had their socket and no lane."""
        self.close(request.session_hash)

    def close(self, session_hash: str | None) -> None:
        """The page left: drop what waits and stop what runs."""
        name = f"lane-{session_hash}"
        lane = self._lanes.pop(name, None)
        if lane is None:
            return
        if lane.reaper:
            lane.reaper.cancel()
        lane.owner = None
        lane.outbox.wake()
        self._services.limits.leave(lane.address)
        self._services.dispatcher.close(name)

    def _open(self, name: str, request: gr.Request) -> _Lane | str:
        """The lane of a page, or why there is none for it."""
        lane, services, asked = self._lanes.get(name), self._services, request.request
        if lane is not None:
            return lane
        if services.dispatcher.is_full():
            return wire.FULL
        address = address_of(asked) if asked else ""
        if not services.limits.enter(address):
            return limits.TOO_MANY_PAGES
        keeper = Keeper(services.history, owner_of(asked) if asked else "")
        outbox = Outbox(asyncio.get_running_loop())
        lane = self._lanes[name] = _Lane(outbox, keeper, address)
        services.dispatcher.open(name, outbox.put)
        return lane

    def _hear(self, lane: _Lane, name: str, message: str, seq: int | None) -> str | None:
        """Hand the message on, the answer where it is refused; one that is said again because its
        replies were lost goes on only where it got them all."""
        if seq is not None and lane.answered < seq == lane.heard:
            return None
        lane.heard = lane.heard if seq is None else seq
        return hear(self._services, name, message, lane.keeper)

    def _own(self, lane: _Lane, name: str) -> None:
        """Make the running task the one that hears."""
        lane.owner = object()
        lane.read_at = asyncio.get_running_loop().time()
        lane.outbox.wake()
        self._keep(lane, name)

    def _keep(self, lane: _Lane, name: str) -> None:
        """Close the lane, unless this is called again within a while."""
        if lane.reaper:
            lane.reaper.cancel()
        loop = asyncio.get_running_loop()
        lane.reaper = loop.call_later(IDLE_S, self.close, _session_of(name))

    def _is_heard(self, lane: _Lane, name: str) -> bool:
        """Whether somebody takes the replies, as far as that can be seen."""
        now, before = asyncio.get_running_loop().time(), lane.unread
        lane.unread = self._unread(_session_of(name))
        if lane.unread == 0 or lane.unread < before:
            lane.read_at = now
        return now - lane.read_at < UNHEARD_S

    async def _texts(self, lane: _Lane, said: wire.Up, name: str) -> AsyncIterator[str]:
        me = lane.owner
        while True:
            with anyio.move_on_after(mailboxes.BUSY_S) as waiting:
                await lane.outbox.wait()
            # What is there is the newer event's to take.
            if lane.owner is not me:
                return
            if not self._is_heard(lane, name):
                self.close(_session_of(name))
                return
            self._keep(lane, name)
            ahead = self._services.dispatcher.ahead(name) if waiting.cancelled_caught else None
            if ahead is not None:
                yield wire.busy(ahead)
            for came in lane.outbox.take():
                event = await watch.seen(self._services, came)
                text = await self._text(event, lane.keeper)
                if is_last := _is_last(event, said):
                    lane.answered = max(lane.answered, said.seq)
                yield text
                if is_last:
                    return

    async def _text(self, event: Event, keeper: Keeper) -> str:
        match event:
            case Shown():
                fine = event.frame.stage is Stage.FINAL
                encoded, mime = await asyncio.to_thread(encode, event.frame, fine=fine)
                name = self._services.shelf.put(event.frame)
                kept = wire.Kept(await keeper.shown(event), keeper.trouble())
                return wire.frame_event(event, name, encoded, mime, fine=fine, kept=kept)
            case _:
                return wire.spoken(event)


def _session_of(name: str) -> str:
    return name.removeprefix("lane-")


def _seq_of(message: object) -> int | None:
    """The number of a message; None where it cannot be read."""
    try:
        return wire.up(message).seq
    except InvalidRequest:
        return None


def _wants(said: wire.Up) -> bool:
    """Whether something comes back, a picture or another model."""
    return said.fields is not None or said.wanted is not None


def _is_last(event: Event, said: wire.Up) -> bool:
    match event:
        case Shown():
            return event.seq == said.seq and event.frame.stage is Stage.FINAL
        case Failed():
            return event.seq == said.seq
        case Closing():
            return True
        case Switched():
            # What was asked before a switch that failed is still to come.
            return said.wanted is not None
        case _:
            return False
