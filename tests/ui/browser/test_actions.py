"""Copy and download: the picture leaves the page with its request inside."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from .tab import Tab, request_in


def test_a_download_holds_its_request(tab: Tab) -> None:
    tab.type("A lake: dawn/dusk")
    tab.settle()
    with tab.page.expect_download() as started:
        tab.page.get_by_role("button", name="Download").click()
    assert started.value.suggested_filename == "a-lake-dawn-dusk-0.png"
    assert request_in(started.value.path().read_bytes()) == tab.shown()


def test_nothing_to_download_is_said(tab: Tab) -> None:
    tab.page.get_by_role("button", name="Download").click()
    expect(tab.page.get_by_role("status").filter(has_text="no picture")).to_be_visible()


@pytest.mark.parametrize(
    "context", [{"permissions": ["clipboard-read", "clipboard-write"]}], indirect=True
)
@pytest.mark.parametrize("way", ["button", "Control+c"])
def test_copy_puts_the_picture_on_the_clipboard(open_tab: Callable[..., Tab], way: str) -> None:
    tab = open_tab()
    tab.type("a lake")
    tab.settle()
    if way == "button":
        tab.page.get_by_role("button", name="Copy").click()
    else:
        tab.page.keyboard.press(way)
    expect(tab.page.locator("#klein-message-text")).to_have_text("Picture copied.")
    kinds = tab.page.evaluate(
        "navigator.clipboard.read().then((items) => items.flatMap((item) => item.types))"
    )
    assert kinds == ["image/png"]


def test_copy_says_where_the_browser_cannot(open_tab: Callable[..., Tab]) -> None:
    tab = open_tab(lambda page: page.add_init_script("delete window.ClipboardItem"))
    tab.type("a lake")
    tab.settle()
    tab.page.get_by_role("button", name="Copy").click()
    expect(tab.page.locator("#klein-message-text")).to_contain_text("use Download instead")


@pytest.mark.parametrize(
    "context", [{"permissions": ["clipboard-read", "clipboard-write"]}], indirect=True
)
def test_selected_text_is_copied_as_text(tab: Tab) -> None:
    tab.type("a lake")
    tab.settle()
    tab.page.keyboard.press("Control+a")
    tab.page.keyboard.press("Control+c")
    assert tab.page.evaluate("navigator.clipboard.readText()") == "a lake"
