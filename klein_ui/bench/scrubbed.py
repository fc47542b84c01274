"""A page with many kept moments, scrubbed by keys and by hand, before and after a reload."""

import multiprocessing
import random
import string
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from klein_ui.bench.apps import AppError, RunningApp, running
from klein_ui.bench.browser import Typist, chromium, opened
from klein_ui.bench.engines import spec_of
from klein_ui.bench.records import Moment
from klein_ui.bench.samples import median, p95
from klein_ui.bench.scrub import P95_MS, ScrubRow
from klein_ui.bench.stamp import number_of

PROBE = Path(__file__).with_name("scrub_probe.js")
ENGINE = "fake-0"
PATIENCE_S = 8.0
STRIP = "#klein .klein-moments"
DRAGS = 4
GAP_MS = (15.0, 45.0)
"""Between two moments, as a held key repeats; drawn evenly, so as not to keep step with frames."""


def measured(path: str, states: int) -> tuple[ScrubRow, ...]:
    """The rows of one run over `states` typed moments. Raises `AppError`."""
    with (
        running("ours", spec_of(ENGINE)) as server,
        chromium(path) as browser,
        opened(browser, server.url) as typist,
    ):
        typist.page.add_init_script(path=PROBE)
        typist.page.evaluate(PROBE.read_text(encoding="utf-8"))
        _type(typist, states)
        typed = list(_ways(server, typist, "typed", states))
        typist.page.reload()
        typist.page.get_by_role("textbox", name="Prompt", exact=True).wait_for()
        return (*typed, *_ways(server, typist, "loaded again", states))


def _type(typist: Typist, states: int) -> None:
    chance, prompt = random.Random(7), ""
    for _ in range(states):
        prompt += chance.choice(string.ascii_lowercase)
        typist.press(prompt[-1])
        if not typist.shows(prompt, PATIENCE_S):
            raise AppError(f"no picture of {prompt} came")


def _ways(server: RunningApp, typist: Typist, since: str, states: int) -> Iterator[ScrubRow]:
    page = typist.page
    page.wait_for_function(f"document.querySelectorAll('.klein-moment').length >= {states}")
    listed = page.request.get(f"{server.url}gradio_api/live/history").json()["states"]
    prompts = {str(state["id"]): str(state["prompt"]) for state in listed}
    for way, scrub in (("keys", _by_keys), ("drag", _by_hand)):
        page.wait_for_timeout(1000)
        _taken(typist, prompts)
        server.take()
        before_mb = _server_mb()
        scrub(page, states)
        page.wait_for_timeout(500)
        went, pictures = _taken(typist, prompts)
        yield summed(
            (since, way),
            went,
            pictures,
            renders=len(server.take().renders),
            heap_mb=_heap_mb(page),
            growth_mb=_server_mb() - before_mb,
        )


def summed(
    row: tuple[str, str],
    went: Sequence[Moment],
    pictures: Sequence[Moment],
    *,
    renders: int,
    heap_mb: float,
    growth_mb: float,
) -> ScrubRow:
    """The row of moments that were gone to and of pictures that came, both by prompt's number."""
    waits = [_wait_ms(went[at:], pictures) for at in range(len(went))]
    came = [wait for wait in waits if wait is not None]
    overtaken = sum(
        wait is None and after.at_ms - moment.at_ms < P95_MS
        for wait, moment, after in zip(waits, went, went[1:], strict=False)
    )
    missing = len(waits) - len(came) - overtaken
    times = (median(came), p95(came), max(came, default=None))
    return ScrubRow(*row, len(waits), overtaken, missing, *times, renders, heap_mb, growth_mb)


def _wait_ms(went: Sequence[Moment], pictures: Sequence[Moment]) -> float | None:
    """How long the first of `went` waited; what came after it was gone to again is not its own."""
    moment = went[0]
    again = next((one.at_ms for one in went[1:] if one.number == moment.number), float("inf"))
    own = (picture.at_ms for picture in pictures if picture.number == moment.number)
    return next((at - moment.at_ms for at in own if moment.at_ms <= at < again), None)


def _by_keys(page: Page, states: int) -> None:
    """All the way to the oldest one, and back."""
    page.locator(STRIP).focus()
    chance = random.Random(8)
    for key in ["End", *["ArrowLeft"] * (states - 1), *["ArrowRight"] * (states - 1)]:
        page.keyboard.press(key)
        page.wait_for_timeout(chance.uniform(*GAP_MS))


def _by_hand(page: Page, states: int) -> None:
    """Back and forth over what is in sight, in several places of the strip."""
    chance = random.Random(9)
    for place in range(DRAGS):
        page.eval_on_selector(
            STRIP, f"(one) => (one.scrollLeft = one.scrollWidth * {place / DRAGS})"
        )
        box = page.locator(STRIP).bounding_box()
        if box is None:
            raise AppError("the strip is not in sight")
        steps = [box["x"] + box["width"] * (0.1 + 0.8 * step / 40) for step in range(41)]
        page.mouse.move(steps[0], box["y"] + 20)
        page.mouse.down()
        for x in [*steps, *reversed(steps)]:
            page.mouse.move(x, box["y"] + 20)
            page.wait_for_timeout(chance.uniform(*GAP_MS))
        page.mouse.up()


def _taken(
    typist: Typist, prompts: Mapping[str, str]
) -> tuple[tuple[Moment, ...], tuple[Moment, ...]]:
    """The moments gone to and the pictures that came since the last call."""
    raw: Any = typist.page.evaluate("() => window.kleinWent.take()")
    went = (Moment(number_of(prompts[one["id"]]), one["at_ms"]) for one in raw)
    return tuple(went), typist.take().pictures


def _heap_mb(page: Page) -> float:
    """The page's scripts and the bytes of its pictures, after a collection."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    usage = session.send("Runtime.getHeapUsage")
    session.detach()
    return float(usage["usedSize"] + usage.get("backingStorageSize", 0.0)) / 2**20


def _server_mb() -> float:
    """What the app's process holds of the machine's memory; 0 where Linux does not tell."""
    for child in multiprocessing.active_children():
        status = Path(f"/proc/{child.pid}/status")
        for line in status.read_text().splitlines() if status.is_file() else ():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    return 0.0
