"""The diagnostics in the help: read when they are opened, copied as text, on every screen."""

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, expect

from .tab import Tab

LOOKS = [
    {"color_scheme": "light", "permissions": ["clipboard-read", "clipboard-write"]},
    {
        "color_scheme": "dark",
        "viewport": {"width": 390, "height": 844},
        "permissions": ["clipboard-read", "clipboard-write"],
    },
]


@pytest.mark.parametrize("context", LOOKS, indirect=True)
def test_the_figures_are_read_when_opened_and_copied_as_text(
    open_tab: Callable[..., Tab], context: BrowserContext
) -> None:
    tab = open_tab()
    tab.page.get_by_label("Prompt", exact=True).focus()
    tab.type("a secret garden")
    tab.settle()
    tab.page.locator(".klein-help > summary").click()
    box = tab.page.locator(".klein-diagnostics")
    box.locator("summary").click()
    table = box.locator("table")
    expect(table).to_contain_text("Key to picture, in the server, p50 / p95")
    expect(table).to_contain_text("postcard")
    assert "secret" not in table.inner_text()
    tab.page.wait_for_function(
        "document.querySelector('.klein-diagnostics button').disabled === false"
    )
    box.get_by_role("button", name="Copy").click()
    expect(box.get_by_role("status")).to_have_text("Copied.")
    copied = tab.page.evaluate("navigator.clipboard.readText()")
    assert "State: Ready" in copied.splitlines()
    edges = box.evaluate(
        "(box) => { const r = box.getBoundingClientRect(); return [r.left, r.right]; }"
    )
    width = tab.page.evaluate("innerWidth")
    assert 0 <= edges[0] < edges[1] <= width
    assert tab.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
