"""Lanes to replicas, over real WebSockets and without a cluster: frames, stops, images, ends."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from klein_ui.bench.photos import Album, photo
from klein_ui.contract import (
    Frame,
    Hooks,
    InvalidPicture,
    Lora,
    Loras,
    OutOfMemory,
    Pictures,
    PlaceLost,
    Reference,
    Stage,
    Superseded,
)
from klein_ui.dispatcher import Dispatcher
from klein_ui.engine.fake import FAKE_ORIGIN, bands
from klein_ui.figures import Count
from klein_ui.loras import LoraShelf
from klein_ui.models import POSTCARD
from klein_ui.pacing import PacingSettings
from klein_ui.serve import remote, worker
from klein_ui.serve.lane import Sources
from klein_ui.serve.link import Link, Unreachable
from klein_ui.serve.remote import RemoteEngine
from klein_ui.serve.worker import Unwell
from klein_ui.uploads import digest_of

from ..stepping import LONG_S, Ears, Steps, asked
from .places import House, Looking, house

PHOTO = photo(1200, 900, 1)
DIGEST = digest_of(PHOTO)
SUN = replace(asked("sun").request, steps=4)


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    shelf = LoraShelf(tmp_path / "loras")
    shelf.folder.mkdir()
    (shelf.folder / "ink.safetensors").write_text("ink")
    return Sources(Album({DIGEST: PHOTO}), shelf)


@pytest.fixture
def engines() -> list[Looking]:
    return []


@pytest.fixture
def home(tmp_path: Path, engines: list[Looking]) -> Iterator[House]:
    def make(pictures: Pictures, loras: Loras) -> Looking:
        steps = Steps()
        steps.free.set()
        made = Looking(0.0, sleep=steps.sleep, pictures=pictures, loras=loras, steps=steps)
        engines.append(made)
        return made

    with house(tmp_path, make, "one") as made:
        yield made
        for engine in engines:
            engine.steps.free.set()
            engine.steps.go.put(None)


@pytest.fixture
def engine(home: House, sources: Sources) -> Iterator[RemoteEngine]:
    made = RemoteEngine(home.url, sources)
    yield made
    made.close()


def wait_for(true: Callable[[], object]) -> None:
    until = time.monotonic() + LONG_S
    while not true():
        assert time.monotonic() < until
        threading.Event().wait(0.005)


def test_a_frame_is_the_engines_own(engine: RemoteEngine) -> None:
    previews: list[Frame] = []
    made = engine.lanes[0].render(SUN, Stage.DRAFT, Hooks(preview=previews.append))
    assert (made.request, made.stage, made.origin) == (SUN, Stage.DRAFT, FAKE_ORIGIN)
    assert np.array_equal(made.pixels, bands(SUN))
    assert [preview.stage for preview in previews] == [Stage.PREVIEW]
    assert engine.origin == FAKE_ORIGIN


def test_a_stop_reaches_the_engine_within_a_step(
    engine: RemoteEngine, engines: list[Looking]
) -> None:
    (there,) = engines
    there.steps.free.clear()
    asks: list[int] = []

    def superseded(steps_done: int) -> bool:
        asks.append(steps_done)
        return steps_done == 1

    ended: list[type[BaseException]] = []

    def run() -> None:
        try:
            engine.lanes[0].render(SUN, Stage.FINAL, Hooks(superseded))
        except Superseded as error:
            ended.append(type(error))

    thread = threading.Thread(target=run)
    thread.start()
    there.steps.step()
    wait_for(lambda: asks == [0, 1])
    # While the decision is on its way the next step may have begun, and that is the last one.
    there.steps.free.set()
    there.steps.go.put(None)
    thread.join(LONG_S)
    assert ended == [Superseded]
    assert there.counts.superseded == 1
    assert there.counts.steps <= 3
    assert there.counts.decodes == 0
    assert engine.lanes[0].render(SUN, Stage.FINAL, Hooks()).request == SUN


def test_what_is_superseded_before_it_begins_is_not_even_sent(
    engine: RemoteEngine, engines: list[Looking]
) -> None:
    with pytest.raises(Superseded):
        engine.lanes[0].render(SUN, Stage.FINAL, Hooks(lambda steps_done: True))
    assert engines[0].counts.renders == 0


def test_images_and_loras_are_sent_once(
    engine: RemoteEngine, engines: list[Looking], sources: Sources
) -> None:
    edit = replace(SUN, references=(Reference(DIGEST),), mask=DIGEST, loras=(Lora("ink"),))
    for prompt in ("sun", "sunn", "sunny"):
        engine.lanes[0].render(replace(edit, prompt=prompt), Stage.FINAL, Hooks())
    assert engines[0].seen == [DIGEST, "ink"] * 3
    assert sources.sent == 2


def test_a_lora_that_changed_is_sent_again(
    engine: RemoteEngine, engines: list[Looking], tmp_path: Path
) -> None:
    inked = replace(SUN, loras=(Lora("ink"),))
    engine.lanes[0].render(inked, Stage.FINAL, Hooks())
    (tmp_path / "loras" / "ink.safetensors").write_text("more ink")
    engine.lanes[0].render(inked, Stage.FINAL, Hooks())
    assert engines[0].seen == ["ink", "more ink"]


def test_an_image_that_is_gone_is_one_sentence_and_the_next_key_works(engine: RemoteEngine) -> None:
    gone = replace(SUN, references=(Reference("0" * 64),))
    with pytest.raises(InvalidPicture, match="add it again"):
        engine.lanes[0].render(gone, Stage.FINAL, Hooks())
    assert engine.lanes[0].render(SUN, Stage.FINAL, Hooks()).request == SUN


def test_errors_keep_their_kind_and_sentence(engine: RemoteEngine, engines: list[Looking]) -> None:
    with pytest.raises(OutOfMemory, match=r"^The scripted engine failed\.$"):
        engine.lanes[0].render(replace(SUN, prompt="OutOfMemory"), Stage.FINAL, Hooks())
    engine.lanes[0].relieve()
    assert engines[0].counts.relieved == 1


@pytest.mark.parametrize("how", ["DeviceLost", "SystemExit"])
def test_a_replica_without_a_device_says_so_to_the_cluster_and_is_no_place_for_anybody(
    engine: RemoteEngine, home: House, how: str
) -> None:
    home.workers["one"].check()
    with pytest.raises(PlaceLost) as lost:
        engine.lanes[0].render(replace(SUN, prompt=how), Stage.FINAL, Hooks())
    assert lost.value.begun
    with pytest.raises(Unwell):
        home.workers["one"].check()
    # The next picture has no part in that, and no lane leads there any more.
    with pytest.raises(PlaceLost) as lost:
        engine.lanes[0].render(SUN, Stage.FINAL, Hooks())
    assert not lost.value.begun
    with pytest.raises(Unreachable):
        Link(home.url)


def stuck(home: House, dispatcher: Dispatcher, engines: list[Looking]) -> tuple[Ears, int]:
    """Of two replicas one stands in the midst of “sun”; who waits for it, and which one it is."""
    home.add("two")
    ears = Ears()
    dispatcher.open("a", ears)
    wait_for(lambda: len([lane for lane in dispatcher.lanes if lane.place]) == 2)
    for engine in engines:
        engine.steps.free.clear()
    dispatcher.submit("a", asked("sun"), 1)
    wait_for(lambda: any(not engine.steps.waiting.empty() for engine in engines))
    (hit,) = (place for place, engine in enumerate(engines) if not engine.steps.waiting.empty())
    engines[1 - hit].steps.free.set()
    return ears, hit


def test_a_replica_that_hangs_says_so_to_the_cluster_and_what_it_had_is_made_elsewhere(
    home: House,
    dispatcher: Dispatcher,
    engines: list[Looking],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ears, hung = stuck(home, dispatcher, engines)
    monkeypatch.setattr(worker, "HUNG_S", 0.05)
    shown = ears.shown()
    assert (shown.seq, shown.frame.request.prompt) == (1, "sun")
    with pytest.raises(Unwell, match="not heard of"):
        home.workers[("one", "two")[hung]].check()
    home.workers[("one", "two")[1 - hung]].check()


def test_what_waited_behind_the_picture_that_ended_a_replica_is_not_blamed(
    engine: RemoteEngine, home: House, engines: list[Looking], sources: Sources
) -> None:
    other, (there,) = RemoteEngine(home.url, sources), engines
    there.steps.free.clear()
    blamed: dict[str, bool] = {}

    def run(engine: RemoteEngine, prompt: str) -> None:
        try:
            engine.lanes[0].render(replace(SUN, prompt=prompt), Stage.FINAL, Hooks())
        except PlaceLost as error:
            blamed[prompt] = error.begun

    asks = ((engine, "stars"), (other, "DeviceLost"))
    first, second = (threading.Thread(target=run, args=one) for one in asks)
    first.start()
    there.steps.await_one()
    second.start()
    queue = home.workers["one"]._thread._work_queue
    wait_for(lambda: queue.qsize() == 1)
    third_engine = RemoteEngine(home.url, sources)
    third = threading.Thread(target=run, args=(third_engine, "moon"))
    third.start()
    wait_for(lambda: queue.qsize() == 2)
    there.steps.free.set()
    there.steps.go.put(None)
    for thread in (first, second, third):
        thread.join(LONG_S)
    assert blamed == {"DeviceLost": True, "moon": False}
    for made in (other, third_engine):
        made.close()


def test_each_replica_has_a_lane_and_loads_once(
    home: House, engine: RemoteEngine, engines: list[Looking]
) -> None:
    home.add("two", "three")
    wait_for(lambda: len({lane.place for lane in engine.lanes}) == 3)
    assert engine.lanes[0].place == "one"
    for lane in engine.lanes:
        lane.render(SUN, Stage.FINAL, Hooks())
    assert [worker.loads for worker in home.workers.values()] == [1, 1, 1]
    assert [made.counts.renders for made in engines] == [1, 1, 1]


@pytest.mark.parametrize("how", ["fails", "hangs"])
def test_a_cluster_that_does_not_count_silences_no_replica(
    home: House, sources: Sources, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    asked_of, answers = threading.Event(), threading.Event()

    def count() -> int:
        asked_of.set()
        if how == "hangs":
            answers.wait(LONG_S)
        raise OSError("no answer")

    monkeypatch.setattr(home.workers["one"], "_replicas", count)
    monkeypatch.setattr(worker, "BEAT_S", 0.01)
    engine = RemoteEngine(home.url, sources)
    try:
        assert asked_of.wait(LONG_S)
        link = engine.lanes[0].link
        assert link
        since = link._alive_at
        wait_for(lambda: link._alive_at > since)
        assert link.replicas == 1
        assert engine.lanes[0].render(SUN, Stage.FINAL, Hooks()).request == SUN
    finally:
        answers.set()
        engine.close()


def test_a_replica_that_is_to_go_is_left_between_two_pictures(
    home: House, engine: RemoteEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.add("two")
    wait_for(lambda: len({lane.place for lane in engine.lanes}) == 2)
    monkeypatch.setattr(remote, "LEASE_S", 0.2)
    home.closed.add("one")
    deadline = time.monotonic() + LONG_S
    while any(lane.place == "one" for lane in engine.lanes):
        assert time.monotonic() < deadline
        for lane in engine.lanes:
            if lane.place is not None:
                assert lane.render(SUN, Stage.FINAL, Hooks()).request == SUN
    assert [lane.place for lane in engine.lanes if lane.place] == ["two"]


@pytest.fixture
def dispatcher(home: House, sources: Sources) -> Iterator[Dispatcher]:
    source = remote.source(
        f"ray://127.0.0.1:{home.port}", POSTCARD, sources.pictures, sources.loras
    )
    made = Dispatcher(source, PacingSettings(settle_s=0.01))
    made.start()
    yield made
    assert made.stop()


def test_what_a_killed_replica_had_is_made_elsewhere_within_two_seconds(
    home: House, dispatcher: Dispatcher, engines: list[Looking]
) -> None:
    ears, hit = stuck(home, dispatcher, engines)
    killed_at = time.monotonic()
    home.kill(("one", "two")[hit])
    shown = ears.shown()
    assert time.monotonic() - killed_at < 2.0
    assert (shown.seq, shown.frame.request.prompt) == (1, "sun")
    assert dispatcher.figures.snapshot().counts[Count.PLACES_LOST] == 1
    assert dispatcher.health().is_ready


def test_a_cluster_that_is_gone_is_one_sentence_and_what_was_typed_is_drawn_once_it_is_back(
    home: House, dispatcher: Dispatcher
) -> None:
    ears = Ears()
    dispatcher.open("a", ears)
    dispatcher.submit("a", asked("sun"), 1)
    assert ears.shown().seq == 1
    home.end()
    said = ears.phase("reconnecting").sentence
    assert said == remote.GONE.format(f"ray://127.0.0.1:{home.port}")
    health = dispatcher.health()
    assert (health.is_alive, health.is_ready, health.reason) == (True, False, said)
    dispatcher.submit("a", asked("moon"), 2)
    home.begin()
    assert ears.shown().seq == 2
    assert dispatcher.health().is_ready


def test_an_app_that_stops_while_nobody_answers_does_so_at_once(home: House) -> None:
    home.end()
    source = remote.source(f"ray://127.0.0.1:{home.port}", POSTCARD, Album(), LoraShelf(Path()))
    dispatcher, ears = Dispatcher(source, PacingSettings()), Ears()
    dispatcher.start()
    dispatcher.open("a", ears)
    assert ears.phase("reconnecting")
    assert dispatcher.stop(3.0)
