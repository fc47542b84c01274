"""The app goes down under an open page, and comes back: killed, and after its device was lost."""

import re
import signal
from pathlib import Path

from playwright.sync_api import BrowserContext, expect

from tests.started import free_port, started

PAINTED = """(text) => {
  const last = window.painted.at(-1);
  const newest = Number(document.querySelector("#klein-stage .klein-picture")?.dataset.promptSeq);
  return last?.stage === "final" && last.seq === newest
    && document.querySelector("#klein-prompt textarea").value === text;
}"""
LONG_MS = 90_000


def test_a_page_outlives_a_kill_and_a_lost_device(context: BrowserContext, tmp_path: Path) -> None:
    port = free_port()
    page = context.new_page()
    with started(tmp_path, port=port) as app:
        page.goto(app.url)
        prompt = page.get_by_label("Prompt", exact=True)
        prompt.wait_for()
        prompt.focus()
        page.keyboard.type("a red", delay=20)
        page.wait_for_function(PAINTED, arg="a red", timeout=LONG_MS)
        app.process.send_signal(signal.SIGKILL)
        app.process.wait()
        expect(page.locator("#klein-message-text")).to_contain_text("connection is lost")
        page.keyboard.type(" sun", delay=20)
    with started(tmp_path, port=port) as app:
        page.wait_for_function(PAINTED, arg="a red sun", timeout=LONG_MS)
        expect(page.locator("#klein-message-text")).to_have_text("")
        page.keyboard.type(" assert", delay=0)
        numbers = page.locator("#klein-desk .klein-numbers")
        # Why is said at first, and that it ends just after.
        expect(numbers).to_have_text(re.compile("the app is restarting", re.I), timeout=LONG_MS)
        page.keyboard.type(" x", delay=20)
        page.wait_for_function(PAINTED, arg="a red sun assert x", timeout=LONG_MS)
        expect(page.locator("#klein-message-text")).to_have_text("")
        assert app.process.poll() is None
    assert len(context.pages) == 1
