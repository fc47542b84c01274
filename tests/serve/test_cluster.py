"""The same with a real Ray cluster: lanes, stops, and replicas and heads that are killed."""

import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="Ray is not installed: pip install -r requirements-cluster.txt")

from klein_ui.bench.engines import FAKES, row_of
from klein_ui.bench.photos import Album
from klein_ui.bench.replicas import Cluster, cluster
from klein_ui.contract import Hooks, Progress, Stage, Superseded
from klein_ui.dispatcher import Dispatcher
from klein_ui.events import Event, Failed, Shown
from klein_ui.figures import Count
from klein_ui.loading import Source
from klein_ui.loras import LoraShelf
from klein_ui.pacing import PacingSettings
from klein_ui.serve import remote
from klein_ui.serve.remote import RemoteEngine
from klein_ui.validate import asked

SPEC = FAKES[-1]
ROW = row_of(SPEC)
RENDER_S = 0.4
START_S, LONG_S = 90.0, 30.0

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def two() -> Iterator[Cluster]:
    with cluster(SPEC, 2) as made:
        yield made


def source(made: Cluster) -> Source:
    return remote.source(made.engine, ROW, Album(), LoraShelf(Path("none")))


@pytest.fixture
def engine(two: Cluster) -> Iterator[RemoteEngine]:
    loaded = source(two).load(lambda progress: None)
    assert isinstance(loaded, RemoteEngine)
    wait_for(lambda: places(loaded) == 2)
    yield loaded
    loaded.close()


def places(engine: RemoteEngine) -> int:
    return len({lane.place for lane in engine.lanes if lane.place})


def wait_for(true: Callable[[], object], timeout_s: float = LONG_S) -> None:
    until = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < until
        threading.Event().wait(0.02)


def wanted(prompt: str) -> dict[str, object]:
    return {"prompt": prompt}


SUN = replace(asked(wanted("sun"), ROW).request, steps=4)


def test_the_cluster_says_what_it_draws_with(two: Cluster) -> None:
    assert remote.offered(two.engine) == (ROW,)


def test_each_replica_is_a_process_that_loaded_once(engine: RemoteEngine) -> None:
    for _ in range(2):
        frames = [lane.render(SUN, Stage.FINAL, Hooks()) for lane in engine.lanes]
        builds = {frame.origin.build for frame in frames}
        assert len(builds) == 2
        assert all(build.endswith(", load 1") for build in builds)


def test_a_stop_reaches_the_replica_before_the_picture_is_done(engine: RemoteEngine) -> None:
    began = time.monotonic()
    with pytest.raises(Superseded):
        engine.lanes[0].render(SUN, Stage.FINAL, Hooks(lambda steps_done: steps_done == 1))
    assert time.monotonic() - began < RENDER_S


class Page:
    """Somebody who types, and never sees an older picture after a newer one."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self.dispatcher = dispatcher
        self.seq = 0
        self.shown: list[tuple[int, float, str]] = []
        self.heard: list[Event] = []
        dispatcher.open("page", self.hear)

    def hear(self, event: Event) -> None:
        self.heard.append(event)
        if isinstance(event, Shown) and event.frame.stage is not Stage.PREVIEW:
            self.shown.append((event.seq, time.monotonic(), event.frame.origin.build))

    def type(self) -> int:
        self.seq += 1
        self.dispatcher.submit("page", asked(wanted(f"sun {self.seq}"), ROW), self.seq)
        return self.seq

    def sees(self, seq: int, timeout_s: float) -> tuple[int, float, str]:
        wait_for(lambda: self.shown and self.shown[-1][0] == seq, timeout_s)
        return self.shown[-1]

    @property
    def is_in_order(self) -> bool:
        numbers = [seq for seq, _, _ in self.shown]
        return numbers == sorted(numbers)

    @property
    def sentences(self) -> list[str]:
        return [event.sentence for event in self.heard if isinstance(event, Failed)]


@pytest.fixture
def dispatcher(two: Cluster) -> Iterator[Dispatcher]:
    made = Dispatcher(source(two), PacingSettings(settle_s=0.05))
    made.start()
    wait_for(lambda: len([lane for lane in made.lanes if lane.place]) == 2)
    yield made
    assert made.stop()


def pid_of(build: str) -> int:
    found = re.match(r"process (\d+)", build)
    assert found
    return int(found[1])


def test_of_a_replica_that_is_killed_in_mid_render_the_picture_comes_from_the_other(
    dispatcher: Dispatcher,
) -> None:
    page = Page(dispatcher)
    _, _, build = page.sees(page.type(), LONG_S)
    seq = page.type()
    # In the middle of the second of four steps.
    threading.Event().wait(RENDER_S * 0.4)
    killed_at = time.monotonic()
    os.kill(pid_of(build), signal.SIGKILL)
    _, shown_at, other = page.sees(seq, LONG_S)
    assert other != build
    assert shown_at - killed_at < 2.0
    assert page.is_in_order
    assert page.sentences == []
    assert dispatcher.health().is_ready


@pytest.mark.long
def test_a_killed_replica_is_replaced_and_one_that_is_to_go_is_left(
    two: Cluster, dispatcher: Dispatcher
) -> None:
    page = Page(dispatcher)
    _, _, build = page.sees(page.type(), LONG_S)
    os.kill(pid_of(build), signal.SIGKILL)
    wait_for(lambda: len([lane for lane in dispatcher.lanes if lane.place]) == 2, START_S)
    before = dispatcher.figures.snapshot().counts[Count.PLACES_LOST]
    two.scale(1)
    until = time.monotonic() + 45.0
    while time.monotonic() < until and len([one for one in dispatcher.lanes if one.place]) > 1:
        page.sees(page.type(), LONG_S)
    assert len([lane for lane in dispatcher.lanes if lane.place]) == 1
    assert dispatcher.figures.snapshot().counts[Count.PLACES_LOST] == before
    assert page.is_in_order
    assert page.sentences == []
    two.scale(2)


@pytest.mark.long
def test_of_a_killed_head_there_is_one_sentence_and_pictures_within_30_s_of_its_restart() -> None:
    with ExitStack() as stack:
        first = stack.enter_context(cluster(SPEC, 1))
        dispatcher = Dispatcher(source(first), PacingSettings(settle_s=0.05))
        dispatcher.start()
        stack.callback(dispatcher.stop)
        page = Page(dispatcher)
        page.sees(page.type(), LONG_S)
        _kill_all_of(first)
        seq = page.type()
        said = remote.GONE.format(first.engine)
        wait_for(lambda: dispatcher.progress.sentence == said)
        assert not dispatcher.health().is_ready
        phases = [event for event in page.heard if isinstance(event, Progress)]
        assert {one.sentence for one in phases if one.phase == "reconnecting"} == {said}
        again = stack.enter_context(cluster(SPEC, 1, first.port))
        assert again.engine == first.engine
        ready_at = time.monotonic()
        page.sees(seq, START_S)
        assert page.shown[-1][1] - ready_at < 30.0
        assert page.is_in_order


def _kill_all_of(made: Cluster) -> None:
    """All processes of the cluster at once, as when its machine falls over."""
    children = subprocess.run(
        ["ps", "-eo", "pid,ppid"], capture_output=True, text=True, check=True
    ).stdout.split("\n")[1:]
    parents = {int(pid): int(parent) for pid, parent in map(str.split, filter(None, children))}
    doomed = {made.process.pid}
    while more := {pid for pid, parent in parents.items() if parent in doomed} - doomed:
        doomed |= more
    for pid in doomed:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    made.process.wait()
