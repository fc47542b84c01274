"""The live loop over Gradio events."""

import asyncio
import json
from types import SimpleNamespace
from typing import cast

import gradio as gr
import pytest

from klein_ui import dispatcher
from klein_ui.dispatcher import Dispatcher
from klein_ui.ui import lane, wire
from klein_ui.ui.lane import Lanes
from klein_ui.ui.services import Services


def page(session_hash: str = "abc") -> gr.Request:
    return cast(gr.Request, SimpleNamespace(session_hash=session_hash, request=None))


def message(seq: int, prompt: str = "sun", side: int = 128) -> str:
    fields = {"seq": seq, "prompt": prompt, "width": side, "height": side, "draft": 128}
    return json.dumps({"type": "request", **fields})


async def replies(lanes: Lanes, text: str, session: str = "abc") -> list[dict[str, object]]:
    return [json.loads(reply) async for reply in lanes.follow(text, page(session))]


async def test_the_last_reply_is_the_full_picture(services: Services) -> None:
    got = await replies(Lanes(services), message(3))
    assert (got[-1]["type"], got[-1]["stage"], got[-1]["seq"]) == ("frame", "final", 3)
    assert got[-1]["data"]


async def test_a_newer_event_ends_the_older_one(services: Services) -> None:
    lanes = Lanes(services)
    events = [asyncio.create_task(replies(lanes, message(seq, f"s{seq}"))) for seq in range(5)]
    got = await asyncio.wait_for(asyncio.gather(*events), 20)
    assert (got[4][-1]["type"], got[4][-1]["seq"]) == ("frame", 4)


async def test_errors_are_sentences(services: Services) -> None:
    lanes = Lanes(services)
    assert "reload the page" in str((await replies(lanes, "{"))[0]["sentence"])
    assert (await replies(lanes, message(1, "boom")))[-1]["type"] == "error"
    assert (await replies(lanes, message(2)))[-1]["type"] == "frame"


async def test_a_page_that_leaves_frees_its_slot(services: Services) -> None:
    lanes = Lanes(services)
    await replies(lanes, message(0), "a")
    await replies(lanes, message(0), "b")
    assert services.dispatcher.stats().sessions == 2
    lanes.close("a")
    lanes.close("a")
    assert services.dispatcher.stats().sessions == 1


async def test_a_lane_nobody_uses_is_closed_after_a_while(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane, "IDLE_S", 0.0)
    lanes = Lanes(services)
    closed = asyncio.Event()
    close = services.dispatcher.close

    def and_tell(self: Dispatcher, name: str) -> None:
        close(name)
        closed.set()

    monkeypatch.setattr(Dispatcher, "close", and_tell)
    await replies(lanes, message(0))
    await asyncio.wait_for(closed.wait(), 10)
    assert services.dispatcher.stats().sessions == 0


async def test_an_emptied_prompt_drops_what_waits(services: Services) -> None:
    lanes = Lanes(services)
    await replies(lanes, message(0))
    assert await replies(lanes, '{"type": "clear", "seq": 1}') == []
    assert (await replies(lanes, message(2)))[-1]["seq"] == 2


async def test_a_full_server_says_so(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatcher, "MAX_SESSIONS", 0)
    got = await replies(Lanes(services), message(0))
    assert got[0]["sentence"] == wire.FULL


async def test_a_page_that_asks_while_the_app_ends_is_told_so(services: Services) -> None:
    lanes = Lanes(services)
    await replies(lanes, message(0))
    assert services.dispatcher.drain(10.0)
    asking = asyncio.create_task(replies(lanes, message(1)))
    while services.dispatcher.dismiss(0.0) or not asking.done():
        await asyncio.sleep(0)
    got = asking.result()
    assert {(one["type"], one["phase"]) for one in got} == {("progress", "restarting")}
    assert got[-1]["sentence"] == dispatcher.RESTARTING
