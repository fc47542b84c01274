"""Abandoned sessions of Gradio's queue, over HTTP with a real server, and swept by hand."""

import asyncio
import json
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import gradio as gr
import pytest
from gradio.state_holder import StateHolder

from klein_ui.ui import page, reaper
from klein_ui.ui.reaper import IDLE_S, MOST_SESSIONS, SWEEP_S, Messages, Reaper
from klein_ui.ui.services import Services

from ..started import free_port

pytestmark = pytest.mark.filterwarnings("ignore")

ABANDONED = 60


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def served(services: Services) -> Iterator[tuple[gr.Blocks, str]]:
    ours = replace(services, settings=replace(services.settings, port=free_port()))
    blocks = page.build(ours)
    yield blocks, page.launch(blocks, ours, block_thread=False).url.rstrip("/")
    blocks.close(verbose=False)


def join(url: str, session: str, data: list[object] | None = None) -> str:
    fn = generate_index(url)
    body = {"data": data or ["sun", 0, 128, 128, 1], "fn_index": fn, "session_hash": session}
    asked = urllib.request.Request(  # noqa: S310
        f"{url}/gradio_api/queue/join",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(asked, timeout=20) as answer:  # noqa: S310
        return str(json.load(answer)["event_id"])


def generate_index(url: str) -> int:
    with urllib.request.urlopen(f"{url}/config", timeout=20) as answer:  # noqa: S310
        config = json.load(answer)
    return next(int(fn["id"]) for fn in config["dependencies"] if fn["api_name"] == "generate")


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():
            await asyncio.sleep(0.01)


def kept(blocks: gr.Blocks) -> tuple[int, int, int]:
    queue = blocks._queue
    return (
        len(queue.pending_messages_per_session),
        len(queue.pending_event_ids_session),
        len(blocks.state_holder.session_data),
    )


async def test_whom_nobody_listens_to_is_forgotten(served: tuple[gr.Blocks, str]) -> None:
    blocks, url = served
    clock = Clock()
    own = Reaper(blocks, clock)
    for number in range(ABANDONED):
        await asyncio.to_thread(join, url, f"gone-{number}", ["", -1, 0, 0, 0])
    await until(lambda: not blocks._queue.event_ids_to_events)
    assert min(kept(blocks)) == ABANDONED
    assert own.sweep() == 0
    clock.now = IDLE_S - 1
    assert own.sweep() == 0
    clock.now = IDLE_S
    assert own.sweep() == ABANDONED
    assert kept(blocks) == (0, 0, 0)
    assert not own._idle_since
    # Who was forgotten may come again.
    await asyncio.to_thread(join, url, "gone-0")
    await until(lambda: not blocks._queue.event_ids_to_events)
    with urllib.request.urlopen(  # noqa: S310
        f"{url}/gradio_api/queue/data?session_hash=gone-0", timeout=20
    ) as told:
        assert "process_completed" in told.read().decode()


def test_who_waits_or_reads_is_let_be() -> None:
    """By an invented clock, over queues as Gradio has them."""
    with gr.Blocks() as blocks:
        gr.Textbox()
    blocks.state_holder = reaper_holder(blocks)
    clock, queue = Clock(), blocks._queue
    own = Reaper(blocks, clock)
    own.bound()
    waits: Any = object()
    queue.pending_event_ids_session["waits"] = {"event"}
    queue.event_ids_to_events["event"] = waits
    reads: asyncio.Queue[Any] = asyncio.Queue()
    queue.pending_messages_per_session["reads"] = reads
    for _ in range(40):
        reads.put_nowait(1)
    for _ in range(int(3 * IDLE_S / SWEEP_S)):
        clock.now += SWEEP_S
        reads.get_nowait()
        assert own.sweep() == 0
    for _ in range(int(IDLE_S / SWEEP_S) + 1):
        reads.put_nowait(1)
        clock.now += SWEEP_S
        own.sweep()
    assert "reads" not in queue.pending_messages_per_session
    assert "waits" in queue.pending_event_ids_session


def test_messages_of_who_broke_off_go_nowhere() -> None:
    """As Gradio does when a browser leaves in the middle of its event."""
    messages = Messages()
    messages["a"] = asyncio.Queue()
    del messages["a"]
    del messages["a"]
    messages["a"].put_nowait("told to nobody")
    assert not messages


def reaper_holder(blocks: gr.Blocks) -> Any:
    holder = StateHolder()  # type: ignore[no-untyped-call]
    holder.set_blocks(blocks)
    return holder


def test_what_is_kept_of_all_sessions_is_bounded(served: tuple[gr.Blocks, str]) -> None:
    blocks, _ = served
    assert blocks.state_holder.capacity == MOST_SESSIONS


async def test_of_an_event_that_is_over_nothing_is_kept(served: tuple[gr.Blocks, str]) -> None:
    blocks, url = served
    await asyncio.to_thread(join, url, "kept", ["", -1, 0, 0, 0])
    await until(lambda: not blocks._queue.event_ids_to_events)
    assert not blocks._queue.event_analytics


async def test_the_sweeping_ends_with_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    with gr.Blocks() as blocks:
        gr.Textbox()
    blocks.state_holder = reaper_holder(blocks)
    swept = asyncio.Event()
    monkeypatch.setattr(reaper, "SWEEP_S", 0.0)
    monkeypatch.setattr(Reaper, "sweep", lambda self: swept.set())
    entered: Any = reaper.reaping(blocks)
    async with entered(None):
        await asyncio.wait_for(swept.wait(), 10)
        tasks = [task for task in asyncio.all_tasks() if "Reaper.run" in repr(task)]
        assert len(tasks) == 1
    await asyncio.wait(tasks, timeout=10)
    assert tasks[0].cancelled()
