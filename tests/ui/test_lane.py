"""The live loop over Gradio events."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import gradio as gr
import pytest

from klein_ui import dispatcher, limits, mailboxes
from klein_ui.contract import Asked
from klein_ui.dispatcher import Dispatcher
from klein_ui.engine.fake import FakeEngine
from klein_ui.loading import Source
from klein_ui.models import POSTCARD
from klein_ui.pacing import PacingSettings
from klein_ui.ui import lane, wire
from klein_ui.ui.lane import Lanes
from klein_ui.ui.services import Services

from ..stepping import Steps


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
    monkeypatch.setattr(lane, "IDLE_S", 0.1)
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


@pytest.mark.parametrize("said", ["{", '{"type": "clear", "seq": 1}', message(1, "x" * 9000)])
async def test_who_asks_for_nothing_takes_no_place(services: Services, said: str) -> None:
    await replies(Lanes(services), said)
    assert services.dispatcher.stats().sessions == 0
    assert services.limits.enter("")
    assert services.limits._pages[""] == 1


@pytest.fixture
def standing(services: Services, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    """An engine that stands within its first step; ticks and times are short."""
    monkeypatch.setattr(mailboxes, "BUSY_S", 0.02)
    monkeypatch.setattr(lane, "IDLE_S", 0.2)
    monkeypatch.setattr(lane, "UNHEARD_S", 0.1)
    steps = Steps()
    source = Source(POSTCARD, lambda report: FakeEngine(sleep=steps.sleep))
    dispatcher = Dispatcher(source, PacingSettings(settle_s=0.01))
    dispatcher.start()
    yield replace(services, dispatcher=dispatcher)
    steps.free.set()
    steps.go.put(None)
    dispatcher.stop()


async def test_a_lane_without_a_listener_gives_its_place_back(standing: Services) -> None:
    lanes = Lanes(standing, lambda session_hash: {"abc": 2}[session_hash])
    got = await asyncio.wait_for(replies(lanes, message(0)), 10)
    assert "frame" not in {one["type"] for one in got}
    assert standing.dispatcher.stats().sessions == 0


async def test_who_reads_slowly_keeps_its_place(standing: Services) -> None:
    left = iter(range(1000, 0, -1))
    asking = asyncio.create_task(replies(Lanes(standing, lambda _: next(left)), message(0)))
    await asyncio.sleep(0.5)
    assert standing.dispatcher.stats().sessions == 1
    assert not asking.done()
    asking.cancel()


async def test_an_emptied_prompt_drops_what_waits(services: Services) -> None:
    lanes = Lanes(services)
    await replies(lanes, message(0))
    assert await replies(lanes, '{"type": "clear", "seq": 1}') == []
    assert (await replies(lanes, message(2)))[-1]["seq"] == 2


async def test_a_full_server_says_so(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatcher, "MAX_SESSIONS", 0)
    got = await replies(Lanes(services), message(7))
    # Of no request: what a page hears of an older one than its newest is not shown.
    assert [(one["seq"], one["sentence"]) for one in got] == [(None, wire.FULL)]


async def test_an_address_with_too_many_pages_hears_so(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services.limits, "enter", lambda address: False)
    got = await replies(Lanes(services), message(7))
    assert [one["sentence"] for one in got] == [limits.TOO_MANY_PAGES]


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


async def test_a_request_that_was_overtaken_is_not_heard(services: Services) -> None:
    lanes = Lanes(services)
    newest = asyncio.create_task(replies(lanes, message(5, "newest")))
    await asyncio.sleep(0)
    assert await asyncio.wait_for(replies(lanes, message(4, "older")), 10) == []
    got = await asyncio.wait_for(newest, 10)
    assert (got[-1]["stage"], got[-1]["seq"]) == ("final", 5)


async def test_a_request_said_again_is_answered_again(services: Services) -> None:
    lanes = Lanes(services)
    first = await replies(lanes, message(5))
    again = await asyncio.wait_for(replies(lanes, message(5)), 10)
    assert again[-1]["data"] == first[-1]["data"]
    assert again[-1]["stage"] == "final"


async def test_a_request_said_again_meanwhile_is_drawn_once(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[int] = []
    submit = Dispatcher.submit

    def and_count(self: Dispatcher, name: str, asked: Asked, seq: int) -> None:
        heard.append(seq)
        submit(self, name, asked, seq)

    monkeypatch.setattr(Dispatcher, "submit", and_count)
    lanes = Lanes(services)
    lost = asyncio.create_task(replies(lanes, message(5)))
    await asyncio.sleep(0)
    got = await asyncio.wait_for(replies(lanes, message(5)), 10)
    assert (got[-1]["stage"], got[-1]["seq"], heard) == ("final", 5, [5])
    await asyncio.wait_for(lost, 10)
