"""The page under its Content-Security-Policy, in a real browser, behind a token."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from klein_ui.engine.fake import FakeEngine

from .editing import instruct
from .tab import Site, Tab

TOKEN = "a-token-of-this-test"  # noqa: S105
VIOLATIONS = """
window.violations = [];
document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
  window.violations.push(`${violatedDirective} ${blockedURI}`));
"""


@pytest.fixture(scope="module")
def guarded(serve: Callable[..., Site]) -> Site:
    """A site that asks for a token."""
    return serve(FakeEngine(render_s=0.02), flags=("--token", TOKEN))


def _come_in(page: Page, site: Site) -> None:
    """By the address with the token, once; from then on there is the cookie."""
    page.goto(f"{site.url}?seed=0&token={TOKEN}")
    assert page.url == f"{site.url}?seed=0"
    page.add_init_script(VIOLATIONS)


def test_the_page_does_all_it_does_within_its_policy(
    open_tab: Callable[..., Tab], guarded: Site
) -> None:
    tab = open_tab(lambda page: _come_in(page, guarded), at=guarded)
    page = tab.page
    tab.type("a lake")
    tab.settle()
    assert tab.shown().prompt == "a lake"
    with page.expect_download() as started:
        page.get_by_role("button", name="Download").click()
    assert started.value.suggested_filename == "a-lake-0.png"
    tab.edit()
    page.context.grant_permissions(["camera"])
    page.get_by_role("button", name="Camera").click()
    camera = page.get_by_role("dialog", name="Camera")
    page.wait_for_function("document.querySelector('.klein-camera video').videoWidth > 0")
    camera.locator("[data-do=shoot]").click()
    expect(page.locator(".klein-card")).to_have_count(1)
    assert len(instruct(tab, "make it night").references) == 1
    page.get_by_role("tab", name="Moodboard").click()
    expect(page.locator(".klein-board-bar").first).to_be_visible()
    assert page.evaluate("window.violations") == []


def test_the_policy_holds_and_is_heard(open_tab: Callable[..., Tab], guarded: Site) -> None:
    tab = open_tab(lambda page: _come_in(page, guarded), at=guarded)
    page = tab.page
    asked = "fetch('https://outside.example/').then(() => 'answered', () => 'refused')"
    assert page.evaluate(asked) == "refused"
    assert page.evaluate("window.violations") == ["connect-src https://outside.example/"]
    # Chromium says so on its console too.
    assert all("Content Security Policy" in error for error in tab.errors)
    tab.errors.clear()
