"""A slow page gets the newest."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from klein_ui.contract import Hooks, Progress, Request, Stage
from klein_ui.dispatcher import Failed, Shown
from klein_ui.engine.fake import FakeEngine
from klein_ui.events import Closing
from klein_ui.ui.outbox import MAX_ERRORS, Outbox


def shown(seq: int) -> Shown:
    request = Request("x", seq, 64, 64, 1, 1.0, "postcard")
    return Shown(seq, FakeEngine(render_s=0.0).render(request, Stage.FINAL, Hooks()), 0)


async def test_only_the_newest_frame_and_progress_wait() -> None:
    outbox = Outbox(asyncio.get_running_loop())
    frames = [shown(seq) for seq in range(3)]
    for frame in frames:
        outbox.put(frame)
    outbox.put(Progress("loading", "a"))
    outbox.put(Failed(1, "b"))
    outbox.put(Progress("ready", "c"))
    await outbox.wait()
    assert outbox.take() == [Progress("ready", "c"), Failed(1, "b"), frames[2]]


async def test_errors_are_kept_but_not_for_ever() -> None:
    outbox = Outbox(asyncio.get_running_loop())
    for seq in range(MAX_ERRORS + 3):
        outbox.put(Failed(seq, "no"))
    assert [event.seq for event in outbox.take() if isinstance(event, Failed)] == [3, 4, 5, 6]


async def test_another_thread_wakes_whoever_waits() -> None:
    outbox = Outbox(asyncio.get_running_loop())
    with ThreadPoolExecutor(1) as threads:
        threads.submit(outbox.put, Failed(1, "no"))
        await asyncio.wait_for(outbox.wait(), 10)
        assert outbox.take() == [Failed(1, "no")]


async def test_wake_lets_go_of_whoever_waits_with_nothing() -> None:
    outbox = Outbox(asyncio.get_running_loop())
    waiting = asyncio.create_task(outbox.wait())
    outbox.wake()
    await asyncio.wait_for(waiting, 10)
    assert outbox.take() == []


def test_a_loop_that_is_gone_is_no_error() -> None:
    loop = asyncio.new_event_loop()
    outbox = Outbox(loop)
    loop.close()
    outbox.put(Failed(1, "no"))


async def test_a_goodbye_comes_after_the_last_picture() -> None:
    outbox = Outbox(asyncio.get_running_loop())
    last = shown(1)
    for event in (Closing("Bye."), Progress("restarting", "a"), last):
        outbox.put(event)
    assert outbox.take() == [Progress("restarting", "a"), last, Closing("Bye.")]
    assert outbox.take() == []
