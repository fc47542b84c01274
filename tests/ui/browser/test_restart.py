"""The app goes down under an open page, and comes back: killed, after its device was lost, and with
other logins."""

import re
import signal
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.started import free_port, started

PAINTED = """(text) => {
  const last = window.painted.at(-1);
  const newest = Number(document.querySelector("#klein-stage .klein-picture")?.dataset.promptSeq);
  return last?.stage === "final" && last.seq === newest
    && document.querySelector("#klein-prompt textarea").value === text;
}"""
LONG_MS = 90_000
MESSAGE = "#klein-message-text"


def log_in(page: Page, password: str) -> None:
    page.get_by_label("Name").fill("ann")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    page.get_by_label("Prompt", exact=True).wait_for()


@pytest.mark.long
@pytest.mark.timeout(300)
def test_a_page_that_is_no_longer_let_in_says_so_and_goes_on_after_a_login(
    context: BrowserContext, tmp_path: Path
) -> None:
    port, logins = free_port(), tmp_path / "logins"
    flags = ("--logins", str(logins))
    logins.write_text("ann:secret words\n", encoding="utf-8")
    page = context.new_page()
    with started(tmp_path, *flags, port=port) as app:
        page.goto(app.url)
        log_in(page, "secret words")
        page.get_by_label("Prompt", exact=True).focus()
        page.keyboard.type("a red", delay=20)
        page.wait_for_function(PAINTED, arg="a red", timeout=LONG_MS)
        app.process.send_signal(signal.SIGKILL)
        app.process.wait()
        page.keyboard.type(" sun", delay=20)
    with started(tmp_path, *flags, port=port) as app:
        page.wait_for_function(PAINTED, arg="a red sun", timeout=LONG_MS)
        app.process.send_signal(signal.SIGKILL)
        app.process.wait()
    expect(page.locator(MESSAGE)).to_contain_text("connection is lost")
    logins.write_text("ann:another one\n", encoding="utf-8")
    with started(tmp_path, *flags, port=port) as app:
        expect(page.locator(MESSAGE)).to_contain_text("no longer let in", timeout=LONG_MS)
        page.keyboard.type(" set", delay=20)
        with context.expect_page() as opening:
            page.get_by_role("link", name="log in again").click()
        log_in(opening.value, "another one")
        opening.value.close()
        page.bring_to_front()
        page.wait_for_function(PAINTED, arg="a red sun set", timeout=LONG_MS)
        expect(page.locator(MESSAGE)).to_have_text("")


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
