"""The page of a Space on ZeroGPU: it asks by Gradio's events, and never opens a socket."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from klein_ui.engine.fake import FakeEngine

from .tab import Site, Tab


@pytest.fixture(scope="module")
def space(serve: Callable[..., Site]) -> Site:
    return serve(FakeEngine(render_s=0.03), environ={"SPACES_ZERO_GPU": "true"})


def test_typing_goes_over_events_from_the_first_key(
    open_tab: Callable[..., Tab], space: Site
) -> None:
    opened: list[str] = []

    def listen(page: Page) -> None:
        page.on("websocket", lambda socket: opened.append(socket.url))

    tab = open_tab(listen, at=space)
    tab.type("over events", 40)
    tab.settle()
    assert tab.shown().prompt == "over events"
    tab.type(" too", 40)
    tab.settle()
    assert tab.shown().prompt == "over events too"
    assert tab.message() == ""
    assert opened == []


def test_four_at_once_are_refused_in_one_sentence(
    open_tab: Callable[..., Tab], space: Site
) -> None:
    tab = open_tab(at=space)
    button = tab.page.get_by_role("button", name="Variations", exact=True)
    button.click()
    expect(tab.page.locator("#klein-message-text")).to_contain_text("take from your quota")
    expect(button).to_have_attribute("aria-pressed", "false")
    expect(tab.page.locator(".klein-tiles")).to_be_hidden()
