"""The picker of the model: everybody's page follows, and nothing that was typed is lost."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, WebSocketRoute, expect

from klein_ui import models, validate
from klein_ui.bench.photos import Album
from klein_ui.contract import EngineFailed, Progress
from klein_ui.engine import choosing, loader
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


def real_klein() -> Source:
    """klein as the app loads it; its weights are on no machine that runs these tests."""
    choice = choosing.resolve("klein-4b", "cpu", None)
    return Source(choice.row, lambda report: loader.load(choice, 2**24, report, Album()))


@pytest.fixture(scope="module")
def shop(serve: Callable[..., Site]) -> Offer:
    gate, engines = threading.Event(), dict[str, FakeEngine]()
    gate.set()
    own = source(models.POSTCARD, gate, engines)
    others = (source(BASE, gate, engines), source(LIMITED, gate, engines), real_klein())
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


def test_what_was_typed_while_it_loads_is_drawn_by_the_new_model(
    open_tab: Callable[..., Tab], offer: Offer
) -> None:
    tab = open_tab(at=offer.site)
    offer.gate.clear()
    picker(tab).select_option("grand")
    bar = tab.page.locator("#klein-stage").get_by_role("progressbar", name="Loading the model")
    expect(bar).to_have_attribute("value", "0.25")
    expect(tab.page.locator("#klein-stage .klein-loading-sentence")).to_contain_text("1.0 of 4.0")
    tab.page.get_by_label("Prompt", exact=True).focus()
    tab.type("typed meanwhile")
    offer.gate.set()
    expect(tab.page.locator("#klein-stage .klein-size")).to_have_text("1024 × 1024")
    tab.settle()
    assert (tab.shown().prompt, tab.shown().model) == ("typed meanwhile", "grand")
    expect(bar).to_be_hidden()


def test_when_it_fails_one_sentence_says_so_and_the_old_model_draws_the_next_key(
    open_tab: Callable[..., Tab], offer: Offer
) -> None:
    tab = open_tab(at=offer.site)
    tab.type("a lake")
    tab.settle()
    picker(tab).select_option("limited")
    expect(tab.page.get_by_role("alert")).to_have_text(BACK)
    expect(picker(tab)).to_have_value("postcard")
    assert tab.text() == "a lake"
    tab.page.get_by_label("Prompt", exact=True).focus()
    tab.type("s")
    tab.settle()
    assert (tab.shown().prompt, tab.shown().model) == ("a lakes", "postcard")
    expect(tab.page.locator("#klein-message-text")).to_have_text("")


def test_klein_without_a_network_is_one_sentence(
    open_tab: Callable[..., Tab], offer: Offer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    tab = open_tab(at=offer.site)
    picker(tab).select_option("klein-4b")
    expect(tab.page.get_by_role("alert")).to_have_text(
        "postcard is back: FLUX.2 [klein] 4B is not on this machine and the hub cannot be "
        "reached; connect and try again, or choose postcard."
    )
    expect(picker(tab)).to_have_value("postcard")


def test_every_open_page_follows_and_so_does_one_opened_later(
    open_tab: Callable[..., Tab], offer: Offer
) -> None:
    first, second = open_tab(at=offer.site), open_tab(at=offer.site)
    second.type("the second")
    second.settle()
    first.page.bring_to_front()
    picker(first).select_option("grand")
    second.page.bring_to_front()
    expect(picker(second)).to_have_value("grand")
    second.settle()
    assert (second.shown().prompt, second.shown().model) == ("the second", "grand")
    third = open_tab(at=offer.site)
    expect(picker(third)).to_have_value("grand")
    third.type("the third")
    expect(third.page.locator("#klein-stage .klein-size")).to_have_text("1024 × 1024")
    third.settle()
    assert (third.shown().prompt, third.shown().model) == ("the third", "grand")
    expect(third.page.get_by_label("number input for Steps")).to_have_value("50")


def test_a_tab_first_opened_after_the_switch_fits_the_new_model(
    open_tab: Callable[..., Tab], offer: Offer
) -> None:
    tab = open_tab(at=offer.site)
    picker(tab).select_option("grand")
    expect(tab.page.get_by_label("number input for Steps")).to_have_value("50")
    tab.edit()
    desk = tab.page.locator("#klein-edit-desk")
    expect(desk.get_by_label("number input for Steps")).to_have_value("50")
    expect(desk.get_by_label("1024", exact=True).first).to_be_checked()
    expect(desk.get_by_text("Grand base looks at up to 2 at once.")).to_be_visible()
    expect(desk.locator(".klein-size")).to_have_text("1024 × 1024")


def test_the_images_of_the_edit_tab_stay(
    open_tab: Callable[..., Tab], offer: Offer, files: dict[str, Path]
) -> None:
    tab = open_tab(at=offer.site).edit()
    tab.page.locator(".klein-files").set_input_files(files["red"])
    tab.page.get_by_label("Instruction").fill("make it night")
    tab.settle()
    picker(tab).select_option("grand")
    expect(tab.page.locator(".klein-gallery-count")).to_have_text("1 of 2")
    steps = tab.page.locator("#klein-edit-desk").get_by_label("number input for Steps")
    expect(steps).to_have_value("50")
    tab.settle()
    shown = tab.shown()
    assert (shown.prompt, shown.model, len(shown.references)) == ("make it night", "grand", 1)


def test_without_websockets_the_model_is_chosen_over_events(
    open_tab: Callable[..., Tab], offer: Offer
) -> None:
    def block(page: Page) -> None:
        page.route_web_socket(SOCKET, lambda route: route.close())

    tab = open_tab(block, at=offer.site)
    tab.type("over events", 40)
    tab.settle()
    picker(tab).select_option("limited")
    expect(tab.page.get_by_role("alert")).to_have_text(BACK)
    picker(tab).select_option("grand")
    expect(tab.page.locator("#klein-stage .klein-size")).to_have_text("1024 × 1024")
    tab.settle()
    assert (tab.shown().prompt, tab.shown().model) == ("over events", "grand")


def test_a_choice_that_does_not_get_through_is_taken_back(
    open_tab: Callable[..., Tab], offer: Offer
) -> None:
    routes: list[WebSocketRoute] = []

    def meet(route: WebSocketRoute) -> None:
        if not routes:
            route.connect_to_server()
        routes.append(route)

    tab = open_tab(lambda page: page.route_web_socket(SOCKET, meet), at=offer.site)
    tab.type("a lake")
    tab.settle()
    routes[0].close()
    picker(tab).select_option("grand")
    expect(tab.page.get_by_role("alert")).to_contain_text("choose the model again")
    expect(picker(tab)).to_have_value("postcard")


def test_a_choice_before_the_socket_opens_is_sent_when_it_does(
    open_tab: Callable[..., Tab], offer: Offer
) -> None:
    held: list[WebSocketRoute] = []
    tab = open_tab(
        lambda page: page.route_web_socket(SOCKET, lambda route: held.append(route)), at=offer.site
    )
    picker(tab).select_option("grand")
    tab.type("chosen early")
    held[0].connect_to_server()
    expect(tab.page.locator("#klein-stage .klein-size")).to_have_text("1024 × 1024")
    tab.settle()
    assert (tab.shown().prompt, tab.shown().model) == ("chosen early", "grand")
    expect(picker(tab)).to_have_value("grand")


@pytest.mark.parametrize(
    "context", [{"viewport": {"width": 390, "height": 844}}], indirect=True, ids=["phone"]
)
def test_a_phone_has_the_picker_too(open_tab: Callable[..., Tab], offer: Offer) -> None:
    tab = open_tab(at=offer.site)
    boxes = [
        part.bounding_box()
        for part in (picker(tab), tab.page.get_by_role("tab", name="Live"), tab.page.locator("h1"))
    ]
    for box in boxes:
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
    picker(tab).select_option("grand")
    expect(tab.page.locator(".klein-about").first).to_be_attached()
    assert tab.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_licence_is_told_before_and_after_the_choice(
    open_tab: Callable[..., Tab], offer: Offer
) -> None:
    tab = open_tab(at=offer.site)
    options = picker(tab).locator("option").all_inner_texts()
    assert options == [
        "postcard",
        "Grand base",
        "Limited (FLUX non-commercial)",
        "FLUX.2 [klein] 4B",
    ]
