"""Headless Chromium, the page under test, and the typist in front of it."""

import os
import random
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from klein_ui.bench.records import Moment, Seen
from klein_ui.bench.stamp import number_of

PROBE = Path(__file__).with_name("page_probe.js")
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
VIEWPORT_PX = {"width": 1280, "height": 900}
OPEN_TIMEOUT_MS = 60_000


def find_chromium() -> str | None:
    """The path of a Chromium or Chrome on this machine; `KLEIN_CHROMIUM` overrides the search."""
    chosen = os.environ.get("KLEIN_CHROMIUM")
    return chosen or next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)


@contextmanager
def chromium(path: str) -> Iterator[Browser]:
    """The browser at `path`, headless."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(CHROMIUM_FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@dataclass(frozen=True, slots=True)
class Typist:
    """Types into the prompt box of one open page and watches its picture."""

    page: Page

    def press(self, letter: str) -> None:
        """One key, down and up."""
        self.page.keyboard.press("Space" if letter == " " else letter)

    def begin_anew(self) -> None:
        """Select the whole prompt, so that the next key replaces it."""
        self.page.keyboard.press("ControlOrMeta+a")

    def type(self, text: str, gaps_s: tuple[float, float], chance: random.Random) -> None:
        """Type `text` with a gap between keys drawn evenly from `gaps_s`, come what may."""
        due_s = time.perf_counter()
        for letter in text:
            time.sleep(max(0.0, due_s - time.perf_counter()))
            self.press(letter)
            due_s += chance.uniform(*gaps_s)

    def shows(self, prompt: str, timeout_s: float) -> bool:
        """Wait until the picture of `prompt` is on screen; False if it did not come in time."""
        script = "([number, ms]) => window.kleinProbe.shows(number, ms)"
        return bool(self.page.evaluate(script, [number_of(prompt), timeout_s * 1000]))

    def take(self) -> Seen:
        """What happened on the page since the last call."""
        raw: Any = self.page.evaluate("() => window.kleinProbe.take()")
        keys, pictures = (
            tuple(Moment(row["number"], row["at_ms"]) for row in raw[name])
            for name in ("keys", "pictures")
        )
        return Seen(keys, pictures, tuple(raw["messages_ms"]))


@contextmanager
def opened(browser: Browser, url: str) -> Iterator[Typist]:
    """The page at `url` in a fresh profile, with the prompt box focused."""
    context = browser.new_context(viewport=VIEWPORT_PX)
    try:
        context.add_init_script(path=PROBE)
        page = context.new_page()
        page.goto(url, wait_until="load", timeout=OPEN_TIMEOUT_MS)
        box = page.get_by_role("textbox", name="Prompt", exact=True)
        box.wait_for(timeout=OPEN_TIMEOUT_MS)
        box.click()
        yield Typist(page)
    finally:
        context.close()
