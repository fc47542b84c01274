"""Two app processes before one cluster, a crowd, an open browser, and a replica that is killed."""

import asyncio
import os
import random
import re
import shutil
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray", reason="Ray is not installed: pip install -r requirements-cluster.txt")

from playwright.sync_api import Page, sync_playwright

from klein_ui.bench import crowd
from klein_ui.bench.engines import CROWD_FAKE, row_of
from klein_ui.bench.our_visitor import OurOpener
from klein_ui.bench.replicas import cluster
from klein_ui.bench.visitors import Diary, visit
from klein_ui.provenance import reading
from tests.started import REAL, Started, started

CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium")
REPLICAS, APPS, OF_EACH_APP = 2, 2, 4
TYPING_S, PATIENCE_S, BEFORE_S = 20.0, 20.0, 6.0
RECORD = """
window.painted = [];
document.addEventListener("klein:painted", ({ detail }) =>
  window.painted.push([performance.now(), detail.seq, detail.header.frame]));
"""

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(300),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here; install chromium"),
]


@pytest.fixture
def apps(tmp_path: Path) -> Iterator[list[Started]]:
    """Those that draw with one cluster, on one data folder."""
    with ExitStack() as running, cluster(CROWD_FAKE, REPLICAS) as made:
        flags = ("--engine", made.engine, "--data-dir", str(tmp_path / "data"))
        yield [
            running.enter_context(
                started(tmp_path / f"{index}", *flags, program=REAL, model="auto")
            )
            for index in range(APPS)
        ]


@contextmanager
def crowded(apps: list[Started]) -> Iterator[list["Future[list[Diary]]"]]:
    """Visitors who type at each of `apps`, on a thread for each."""

    async def all_of(app: Started) -> list[Diary]:
        opener = OurOpener(app.url, row_of(CROWD_FAKE))
        chances = [random.Random(f"{app.port} {index}") for index in range(OF_EACH_APP)]
        visits = (visit(opener, TYPING_S, PATIENCE_S, chance) for chance in chances)
        return list(await asyncio.gather(*visits))

    with ThreadPoolExecutor(len(apps)) as threads:
        yield [threads.submit(asyncio.run, all_of(app)) for app in apps]


def replica_of(page: Page) -> int:
    """The process that made the picture on screen, as its PNG tells."""
    name = page.evaluate("window.painted.at(-1)[2]")
    png = page.request.get(f"{page.url}gradio_api/live/frames/{name}.png").body()
    origin = reading.read(png).entries[0].record.origin
    assert origin is not None
    found = re.match(r"process (\d+)", origin.build)
    assert found, origin
    return int(found[1])


def test_of_a_replica_that_is_killed_under_load_nobody_sees_anything(
    apps: list[Started],
) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.add_init_script(RECORD)
        page.goto(apps[0].url)
        page.get_by_label("Prompt", exact=True).fill("a")
        page.wait_for_function("window.painted.length > 0", timeout=60_000)
        with crowded(apps) as visits:
            threading.Event().wait(BEFORE_S)
            replica = replica_of(page)
            shown = page.evaluate("window.painted.length")
            page.keyboard.type("n old", delay=150)
            page.wait_for_function("(shown) => window.painted.length > shown", arg=shown)
            asked = page.evaluate("window.painted.length") - 1
            os.kill(replica, signal.SIGKILL)
            page.keyboard.type("  long road by the sea at dusk", delay=150)
            diaries = [diary for one in visits for diary in one.result()]
        painted: list[list[Any]] = page.evaluate("window.painted")
        message = page.locator("#klein-message-text").inner_text()
        browser.close()
    found = crowd.row("fake-60", "ours", TYPING_S, diaries)
    assert (found.errors, found.stale, found.unanswered) == (0, 0, 0)
    assert [one[1] for one in painted] == sorted(one[1] for one in painted)
    # From the picture that was on screen when it was killed.
    assert max(later[0] - before[0] for before, later in pairwise(painted[asked:])) < 2_000
    assert message == ""
