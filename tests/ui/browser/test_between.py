"""Two pins beside each other and between each other, and a board that leaves and comes back."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from klein_ui.engine.fake import FakeEngine

from .boards import board, hang, hangs, pin
from .tab import Site, Tab

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


@pytest.fixture
def site(serve: Callable[..., Site]) -> Site:
    """Boards of its own for every test."""
    return serve(FakeEngine(render_s=0.02))


@pytest.fixture
def three(tab: Tab, site: Site) -> Tab:
    hang(site, tab, "one sun", "two moons", "three stars", width=128, height=128)
    board(tab)
    hangs(tab, "one sun", "two moons", "three stars")
    return tab


def choose(tab: Tab, *words: str) -> None:
    for number, each in enumerate(words):
        pin(tab, each).click(modifiers=["Control"] if number else [])


def action(tab: Tab, name: str) -> Locator:
    return tab.page.locator(".klein-board-bar").get_by_role("button", name=name, exact=True)


def said(tab: Tab) -> Locator:
    return tab.page.locator(".klein-board-notice")


def compared(tab: Tab) -> Locator:
    return tab.page.get_by_label("Two pins beside each other")


def blended(tab: Tab) -> Locator:
    return tab.page.get_by_label("Between two pins")


def test_two_pins_are_compared(three: Tab) -> None:
    choose(three, "one sun", "two moons")
    action(three, "Compare").click()
    dialog = compared(three)
    rows = dialog.locator("tbody tr")
    expect(rows.filter(has_text="Prompt")).to_have_attribute("data-differs", "yes")
    expect(rows.filter(has_text="Seed")).to_have_attribute("data-differs", "yes")
    expect(rows.filter(has_text="Size")).to_have_attribute("data-differs", "no")
    slider = dialog.get_by_label("How much of A is shown")
    expect(slider).to_be_focused()
    slider.press("End")
    clip = dialog.locator(".klein-pair-a").evaluate("(image) => image.style.clipPath")
    assert clip in ("inset(0px)", "inset(0px 0% 0px 0px)")
    dialog.get_by_role("button", name="Swap").click()
    expect(rows.filter(has_text="Prompt").locator("td").first).to_have_text("two moons")
    three.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_markup_in_a_prompt_is_text(tab: Tab, site: Site) -> None:
    hang(site, tab, "<img src=x onerror=alert(1)> sea", "<b>sun</b>", width=128, height=128)
    board(tab)
    choose(tab, "<img src=x", "<b>sun</b>")
    action(tab, "Compare").click()
    cells = compared(tab).locator("tbody tr").first.locator("td")
    expect(cells).to_have_text(["<img src=x onerror=alert(1)> sea", "<b>sun</b>"])
    assert compared(tab).locator("td img, td b").count() == 0


def test_comparing_and_blending_are_for_two(three: Tab) -> None:
    choose(three, "one sun")
    expect(action(three, "Compare")).to_be_hidden()
    choose(three, "one sun", "two moons", "three stars")
    expect(action(three, "Blend")).to_be_hidden()


def test_what_lies_between_two_pins_is_drawn_pinned_and_saved(three: Tab) -> None:
    choose(three, "one sun", "two moons")
    action(three, "Blend").click()
    dialog, picture = blended(three), blended(three).locator(".klein-blend-picture")
    expect(picture).to_have_attribute("data-stage", "final")
    dialog.get_by_label("How much of B").press("ArrowRight")
    expect(dialog.locator(".klein-pair-line")).to_contain_text("49 % A, 51 % B")
    expect(picture).to_have_attribute("data-stage", "final")
    dialog.get_by_role("button", name="Pin this").click()
    expect(dialog.locator(".klein-pair-line")).to_contain_text("Pinned to “Moodboard”.")
    dialog.get_by_label("Pictures of the walk").select_option("8")
    with three.page.expect_download() as started:
        dialog.get_by_role("button", name="Save walk").click()
    assert started.value.suggested_filename.endswith(".webp")
    expect(dialog.locator(".klein-pair-line")).to_have_text("The walk is saved.")
    three.page.keyboard.press("Escape")
    expect(three.page.locator("#klein .klein-hung")).to_have_count(4)
    choose(three, "three stars")
    three.page.locator("#klein .klein-hung").nth(3).click(modifiers=["Control"])
    action(three, "Blend").click()
    expect(said(three)).to_contain_text("is a blend already")


def test_a_walk_can_be_stopped(serve: Callable[..., Site], open_tab: Callable[..., Tab]) -> None:
    slow = serve(FakeEngine(render_s=0.4))
    tab = open_tab(at=slow)
    hang(slow, tab, "one sun", "two moons", width=128, height=128)
    board(tab)
    choose(tab, "one sun", "two moons")
    action(tab, "Blend").click()
    dialog = blended(tab)
    expect(dialog.locator(".klein-blend-picture")).to_have_attribute("data-stage", "final")
    dialog.get_by_role("button", name="Save walk").click()
    expect(dialog.locator(".klein-pair-line")).to_contain_text("of 16")
    dialog.get_by_role("button", name="Stop").click()
    expect(dialog.locator(".klein-pair-line")).to_have_text("The walk was stopped.")
    expect(dialog.get_by_label("How much of B")).to_be_enabled()
    sessions = slow.services.dispatcher.stats().sessions
    tab.page.keyboard.press("Escape")
    tab.until(lambda: slow.services.dispatcher.stats().sessions == sessions - 1)


@pytest.mark.parametrize(
    ("other", "sentence"),
    [({"model": "klein-9b"}, "different models"), ({"width": 96}, "")],
)
def test_what_cannot_be_blended_says_why(
    tab: Tab, site: Site, other: dict[str, object], sentence: str
) -> None:
    hang(site, tab, "one sun", width=128, height=128)
    hang(site, tab, "two moons", **{"width": 128, "height": 128, **other})
    board(tab)
    choose(tab, "one sun", "two moons")
    action(tab, "Blend").click()
    if sentence:
        expect(said(tab)).to_contain_text(sentence)
    else:
        expect(blended(tab).locator(".klein-pair-line")).to_contain_text("at the size of A")


def export(tab: Tab, kind: str) -> None:
    action(tab, "Export…").click()
    tab.page.locator(".klein-board-export").get_by_role("menuitem", name=kind).click()


def test_a_board_leaves_and_comes_back(three: Tab, tmp_path: Path) -> None:
    with three.page.expect_download() as started:
        export(three, "ZIP opens")
    archive = tmp_path / "board.zip"
    started.value.save_as(archive)
    expect(said(three)).to_contain_text("Saved.")
    for kind, end in (("Contact sheet, PNG", ".png"), ("WebP", ".zip"), ("JPEG", ".zip")):
        with three.page.expect_download() as started:
            export(three, kind)
        assert started.value.suggested_filename.endswith(end)
    with three.page.expect_file_chooser() as chooser:
        three.page.get_by_role("tab", name="Live").click()
        three.page.get_by_role("button", name="More ways to save").locator("visible=true").click()
        three.page.get_by_role("menuitem", name="Open a file").locator("visible=true").click()
    chooser.value.set_files(archive)
    expect(three.page.locator(".klein-boards")).to_contain_text("Moodboard")
    hangs(three, "one sun", "two moons", "three stars")
    expect(three.page.locator(".klein-boards [data-board]").nth(1)).to_be_visible()


def test_escape_closes_the_menu_and_what_is_picked_stays(three: Tab) -> None:
    choose(three, "one sun", "two moons")
    action(three, "Export…").click()
    menu = three.page.get_by_role("menu", name="Export")
    expect(menu).to_be_visible()
    three.page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    expect(action(three, "Blend")).to_be_visible()


def test_an_arrow_key_exports_nothing_and_enter_does(three: Tab) -> None:
    asked: list[str] = []
    three.page.on("request", lambda request: asked.append(request.url))
    action(three, "Export…").focus()
    three.page.keyboard.press("ArrowDown")
    items = three.page.locator(".klein-board-export").get_by_role("menuitem")
    expect(items.first).to_be_focused()
    three.page.keyboard.press("ArrowDown")
    expect(items.nth(1)).to_be_focused()
    three.page.keyboard.press("Escape")
    expect(action(three, "Export…")).to_be_focused()
    assert not any(url.endswith("/export") for url in asked)
    three.page.keyboard.press("ArrowDown")
    with three.page.expect_download() as started:
        three.page.keyboard.press("Enter")
    assert started.value.suggested_filename.endswith(".zip")


@pytest.mark.parametrize("context", [PHONE], indirect=True)
def test_a_whole_board_leaves_a_phone(three: Tab) -> None:
    action(three, "Export…").tap()
    with three.page.expect_download() as started:
        three.page.get_by_role("menuitem", name="ZIP opens").tap()
    assert started.value.suggested_filename.endswith(".zip")
    action(three, "Select all").tap()
    expect(three.page.locator(".klein-board-count")).to_have_text("3 picked")
    action(three, "Select nothing").tap()
    expect(three.page.locator(".klein-board-count")).to_have_text("3 pins")


@pytest.mark.parametrize("context", [PHONE], indirect=True)
def test_both_fit_on_a_phone(three: Tab) -> None:
    pin(three, "one sun").tap()
    pin(three, "two moons").tap()
    for name, dialog in (("Compare", compared(three)), ("Blend", blended(three))):
        action(three, name).click()
        expect(dialog).to_be_visible()
        box = dialog.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
        expect(dialog.get_by_role("button", name="Close")).to_be_in_viewport()
        dialog.get_by_role("button", name="Close").click()
        expect(dialog).to_be_hidden()
