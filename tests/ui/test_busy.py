"""Whoever has to wait is told how many come before, over both ways."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import gradio as gr
import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from klein_ui import limits, mailboxes
from klein_ui.dispatcher import Dispatcher
from klein_ui.engine.fake import FakeEngine
from klein_ui.limits import OPENS, UPLOADS
from klein_ui.loading import Source
from klein_ui.models import POSTCARD
from klein_ui.pacing import PacingSettings
from klein_ui.ui import (
    api_calls,
    api_routes,
    embed,
    health_routes,
    metrics,
    open_routes,
    page,
    pictures,
    programs,
    socket,
    wire,
)
from klein_ui.ui.lane import Lanes
from klein_ui.ui.services import Services

from ..stepping import LONG_S, Ears, Steps, asked


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Iterator[Steps]:
    monkeypatch.setattr(mailboxes, "BUSY_S", 0.02)
    made = Steps()
    yield made
    made.free.set()
    made.go.put(None)


@pytest.fixture
def busy(services: Services, steps: Steps) -> Iterator[Services]:
    """Somebody's picture stands within its first step."""
    source = Source(POSTCARD, lambda report: FakeEngine(sleep=steps.sleep))
    dispatcher = Dispatcher(source, PacingSettings(settle_s=0.01))
    dispatcher.start()
    dispatcher.open("somebody", Ears())
    dispatcher.submit("somebody", asked("sun"), seq=1)
    steps.await_one()
    yield replace(services, dispatcher=dispatcher)
    steps.free.set()
    steps.go.put(None)
    dispatcher.stop()


MESSAGE = json.dumps(
    {"type": "request", "seq": 4, "prompt": "moon", "width": 128, "height": 128, "draft": 128}
)


def test_a_page_is_told_and_then_gets_its_picture(busy: Services, steps: Steps) -> None:
    with (
        TestClient(Starlette(routes=socket.routes(busy))) as client,
        client.websocket_connect(socket.SOCKET_PATH) as page,
    ):
        page.send_text(MESSAGE)
        while json.loads(said := page.receive_text())["type"] != "busy":
            pass
        assert said == wire.busy(1) == '{"type":"busy","ahead":1}'
        steps.free.set()
        steps.go.put(None)
        while "bytes" not in page.receive():
            pass


async def test_events_of_gradio_tell_it_too(busy: Services, steps: Steps) -> None:
    who = cast(gr.Request, SimpleNamespace(session_hash="abc", request=None))
    kinds: list[str] = []
    async for text in Lanes(busy).follow(MESSAGE, who):
        kinds.append(json.loads(text)["type"])
        if kinds[-1] == "busy":
            steps.free.set()
            steps.go.put(None)
    assert "busy" in kinds
    assert kinds[-1] == "frame"


def test_too_many_pages_of_one_address_are_refused(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MOST_SOCKETS", 2)
    with TestClient(Starlette(routes=socket.routes(services)), client=("203.0.114.7", 1)) as client:
        with (
            client.websocket_connect(socket.SOCKET_PATH),
            client.websocket_connect(socket.SOCKET_PATH),
            client.websocket_connect(socket.SOCKET_PATH) as third,
            pytest.raises(WebSocketDisconnect) as refused,
        ):
            third.receive_text()
        assert refused.value.code == socket.TRY_AGAIN_LATER
        assert refused.value.reason == limits.TOO_MANY_PAGES
        with client.websocket_connect(socket.SOCKET_PATH) as page:
            assert json.loads(page.receive_text())["type"] == "hello"


@pytest.mark.parametrize(
    ("path", "rate"), [(pictures.PICTURES_PATH, UPLOADS), (open_routes.OPEN_PATH, OPENS)]
)
def test_more_than_the_rate_is_answered_with_429(
    services: Services, path: str, rate: limits.Rate
) -> None:
    own = replace(services, limits=limits.Limits(lambda: 0.0))
    routes = [*pictures.routes(own), *open_routes.routes(own)]
    with TestClient(Starlette(routes=routes), client=("203.0.114.7", 1)) as client:
        statuses = [client.post(path, content=b"no").status_code for _ in range(rate.burst)]
        assert set(statuses) == {422}
        reply = client.post(path, content=b"no")
    assert reply.status_code == 429
    assert reply.json() == {"sentence": rate.sentence(1 / rate.per_s)}
    assert reply.headers["retry-after"] == str(round(1 / rate.per_s))


class Spent(limits.Limits):
    """Limits of an address that did all it may."""

    def wait_s(self, rate: limits.Rate, address: str) -> float:
        return 5.0


def test_no_route_of_the_page_is_without_a_rate(services: Services) -> None:
    # The box for other pages is words alone.
    free = {embed.PATH, socket.SOCKET_PATH, metrics.PATH}
    free |= {health_routes.ALIVE_PATH, health_routes.READY_PATH}
    routes = page.routes(replace(services, limits=Spent()))
    with TestClient(Starlette(routes=routes)) as client:
        for route in routes:
            if isinstance(route, Route) and route.path not in free:
                method = min(route.methods or {"GET"})
                answer = client.request(method, route.path.replace("{", "").replace("}", ""))
                assert answer.status_code == 429, route.path


ADDRESS = "203.0.114.7"
PICTURE = {"prompt": "moon", "width": 128, "height": 128}


@asynccontextmanager
async def programs_of(
    services: Services, address: str = ADDRESS
) -> AsyncIterator[httpx.AsyncClient]:
    app = Starlette(routes=api_routes.routes(services))
    transport = httpx.ASGITransport(app, client=(address, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client


def asking(client: httpx.AsyncClient, name: str, **more: object) -> asyncio.Task[httpx.Response]:
    at = f"{programs.ROOT}/{name}"
    return asyncio.create_task(client.post(at, json={**PICTURE, **more}, timeout=LONG_S))


async def sessions(services: Services, count: int) -> None:
    async with asyncio.timeout(LONG_S):
        while services.dispatcher.stats().sessions != count:
            await asyncio.sleep(0.01)


async def test_programs_wait_for_a_few_pictures_at_once(busy: Services, steps: Steps) -> None:
    async with programs_of(busy) as client, programs_of(busy, "203.0.115.8") as other:
        first = [asking(client, "generate", seed=seed) for seed in range(6)]
        await sessions(busy, 7)
        # Of its seeds as many are made as there are places.
        varied = asking(client, "variations", count=3)
        await sessions(busy, 1 + limits.MOST_CALLS_OF_ADDRESS)
        for name in ("generate", "stream", "variations"):
            reply = await asking(client, name)
            assert (reply.status_code, reply.json()["sentence"]) == (503, api_calls.CROWDED)
        elsewhere = asking(other, "stream")
        await sessions(busy, 2 + limits.MOST_CALLS_OF_ADDRESS)
        steps.free.set()
        steps.go.put(None)
        assert {reply.status_code for reply in await asyncio.gather(*first)} == {200}
        told = [json.loads(line) for line in (await varied).text.splitlines()]
        assert sorted(line["type"] for line in told) == ["error", "frame", "frame"]
        assert '"final"' in (await elsewhere).text
        assert (await asking(client, "generate")).status_code == 200


async def test_all_programs_together_leave_room_for_pages(busy: Services, steps: Steps) -> None:
    crowded = replace(busy, calls=limits.Places(8, 1))
    async with programs_of(crowded) as client, programs_of(crowded, "203.0.115.8") as other:
        first = asking(client, "stream")
        await sessions(busy, 2)
        assert (await asking(other, "generate")).status_code == 503
        steps.free.set()
        steps.go.put(None)
        assert (await first).status_code == 200


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_calls, "PATIENCE_S", 0.05)
    monkeypatch.setattr(api_calls, "LOOK_S", 0.01)


@pytest.mark.usefixtures("impatient", "steps")
async def test_a_call_ends_where_no_picture_can_be_had(services: Services) -> None:
    held = threading.Event()

    def load(report: object) -> FakeEngine:
        held.wait(LONG_S)
        return FakeEngine()

    dispatcher = Dispatcher(Source(POSTCARD, load), PacingSettings())
    dispatcher.start()
    try:
        async with programs_of(replace(services, dispatcher=dispatcher)) as client:
            reply = await asking(client, "generate")
            assert (reply.status_code, "ask again later" in reply.text) == (503, True)
            (*_, last) = (await asking(client, "stream")).text.splitlines()
            assert "ask again later" in json.loads(last)["sentence"]
        assert dispatcher.stats().sessions == 0
    finally:
        held.set()
        dispatcher.stop()


@pytest.mark.usefixtures("impatient")
async def test_a_call_whose_turn_comes_late_is_not_given_up(busy: Services, steps: Steps) -> None:
    async with programs_of(busy) as client:
        late = asking(client, "generate")
        await asyncio.wait({late}, timeout=0.2)
        assert not late.done()
        steps.free.set()
        steps.go.put(None)
        assert (await late).status_code == 200


async def test_files_are_opened_a_few_at_a_time(services: Services) -> None:
    held = asyncio.Event()

    async def dripping() -> AsyncIterator[bytes]:
        yield b"\x89PNG"
        await held.wait()

    transport = httpx.ASGITransport(Starlette(routes=open_routes.routes(services)))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        first = [
            asyncio.create_task(client.post(open_routes.OPEN_PATH, content=dripping()))
            for _ in range(open_routes.MOST_AT_ONCE)
        ]
        await asyncio.sleep(0.2)
        refused = await client.post(open_routes.OPEN_PATH, content=b"x")
        assert (refused.status_code, refused.json()["sentence"]) == (503, open_routes.TOO_MANY)
        held.set()
        assert {answer.status_code for answer in await asyncio.gather(*first)} == {422}
        assert (await client.post(open_routes.OPEN_PATH, content=b"x")).status_code == 422


async def test_a_file_that_drips_is_given_up(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_routes, "RECEIVE_S", 0.05)

    async def dripping() -> AsyncIterator[bytes]:
        while True:
            yield b"x"
            await asyncio.sleep(0.01)

    transport = httpx.ASGITransport(Starlette(routes=open_routes.routes(services)))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        answer = await client.post(open_routes.OPEN_PATH, content=dripping())
    assert (answer.status_code, answer.json()["sentence"]) == (408, open_routes.TOO_SLOW)
