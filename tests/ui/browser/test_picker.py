"""The picker of the model: everybody's page follows, and nothing that was typed is lost."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from playwright.sync_api import Locator, Page, expect

from klein_ui import models, validate
from klein_ui.contract import EngineFailed, Progress
from klein_ui.engine.fake import FakeEngine
from klein_ui.loading import Report, Source

from .scripted import SOCKET
from .tab import Site, Tab

BASE = replace(models.KLEIN_BASE_4B, name="grand", title="Grand base", max_references=2)
LIMITED = replace(models.KLEIN_9B, name="limited", title="Limited")
OFFLINE = "Limited is not on this machine and the hub cannot be reached; connect and try again."
BACK = f"postcard is back: {OFFLINE}"


@dataclass
class Offer:
    """A site of three models: one of them fails, and all load only while the gate is open."""

    site: Site
    gate: threading.Event
    engines: dict[str, FakeEngine] = field(default_factory=dict)


def source(row: models.ModelRow, gate: threading.Event, engines: dict[str, FakeEngine]) -> Source:
    def load(report: Report) -> FakeEngine:
        report(Progress("downloading", f"Downloading {row.title}: 1.0 of 4.0 GB", 0.25))
        while not gate.wait(0.02):
            report(Progress("downloading", f"Downloading {row.title}: 1.0 of 4.0 GB", 0.25))
        if row == LIMITED:
            raise EngineFailed(OFFLINE)
        engines[row.name] = FakeEngine(render_s=0.02)
        return engines[row.name]

    asked = validate.asked({}, row)
    return Source(row, load, (asked.request,))


@pytest.fixture(scope="module")
def shop(serve: Callable[..., Site]) -> Offer:
    gate, engines = threading.Event(), dict[str, FakeEngine]()
    gate.set()
    own = source(models.POSTCARD, gate, engines)
    others = tuple(source(row, gate, engines) for row in (BASE, LIMITED))
    site = serve(None, lambda report, pictures: own.load(report), others=others)
    return Offer(site, gate, engines)


@pytest.fixture
def offer(shop: Offer) -> Offer:
    """The site with postcard there."""
    shop.gate.set()
    shop.site.services.dispatcher.switch(shop.site.services.choices.named("postcard"))
    for _ in range(200):
        dispatcher = shop.site.services.dispatcher
        if dispatcher.row == models.POSTCARD and dispatcher.progress.phase == "ready":
            break
        threading.Event().wait(0.05)
    return shop


def picker(tab: Tab) -> Locator:
    return tab.page.get_by_label("Model", exact=True)


def choices(tab: Tab, label: str) -> list[str]:
    group = tab.page.get_by_role("group", name=label)
    return [str(text).strip() for text in group.locator("label").all_inner_texts()]


def test_everything_follows_the_other_model_and_the_prompt_stands(
    open_tab: Callable[..., Tab], offer: Offer
) -> None:
    tab = open_tab(at=offer.site)
    tab.type("a lake")
    tab.settle()
    picker(tab).select_option(label="Grand base")
    expect(tab.page.locator("#klein-stage .klein-size")).to_have_text("1024 × 1024")
    tab.settle()
    assert tab.text() == "a lake"
    shown = tab.shown()
    assert (shown.prompt, shown.model, shown.width, shown.steps) == ("a lake", "grand", 1024, 50)
    sizes = tab.page.get_by_role("group", name="Size: longer side in pixels")
    expect(sizes.get_by_label("1024", exact=True)).to_be_checked()
    assert "256" not in choices(tab, "Size: longer side in pixels")
    expect(tab.page.get_by_label("number input for Steps")).to_have_value("50")
    expect(tab.page.get_by_label("number input for Guidance")).to_have_value("4")
    expect(tab.page.get_by_role("button", name="isometric")).to_be_visible()
    tab.page.get_by_label("number input for Guidance").fill("6")
    tab.settle()
    assert tab.shown().guidance_scale == 6.0
    picker(tab).select_option("postcard")
    expect(tab.page.locator("#klein-stage .klein-size")).to_have_text("256 × 256")
    tab.settle()
    assert (tab.shown().model, tab.shown().steps) == ("postcard", 4)
    expect(tab.page.get_by_label("number input for Guidance")).to_be_hidden()
    expect(tab.page.get_by_role("button", name="isometric")).to_be_hidden()
    expect(tab.page.get_by_text("Built-in sketch model")).to_be_visible()
