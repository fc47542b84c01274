"""The Moodboard: searched, several of them, undone, used elsewhere, looked at, and on a phone."""

import re
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, expect

from klein_ui.contract import Lora

from .boards import (
    PIN,
    board,
    board_id,
    drag,
    hang,
    hangs,
    kept,
    middle,
    noticed,
    owner,
    picked,
    pin,
    said,
)
from .tab import Site, Tab
from .test_looks import CONTRAST, _context


def test_the_search_leaves_what_has_the_words(wall: Tab) -> None:
    search = wall.page.get_by_label("Search this board")
    wall.page.keyboard.press("/")
    expect(search).to_be_focused()
    search.fill("SE")
    expect(wall.page.locator(f"{PIN}:visible")).to_have_count(1)
    expect(wall.page.locator(".klein-board-count")).to_have_text("1 of 4")
    search.fill("nothing")
    expect(wall.page.get_by_text("No pin has these words.")).to_be_visible()
    search.fill("")
    expect(wall.page.locator(f"{PIN}:visible")).to_have_count(4)


def test_several_boards(wall: Tab, own: Site) -> None:
    page = wall.page
    page.get_by_role("button", name="New board").click()
    name = page.get_by_label("Name of this board")
    expect(name).to_be_focused()
    name.fill("Night")
    name.press("Enter")
    expect(page.get_by_text("Hang the first picture")).to_be_visible()
    wall.until(lambda: set(kept(own, wall)) == {"Moodboard", "Night"})
    page.get_by_role("button", name="Moodboard, 4 pins").click()
    pin(wall, "sun").click()
    pin(wall, "sea").click(modifiers=["Control"])
    drag(page, pin(wall, "sea"), *middle(page.get_by_role("button", name="Night, 0 pins")))
    noticed(wall, "2 pins moved to “Night”.")
    hangs(wall, "moon", "rain")
    assert kept(own, wall) == {"Moodboard": ["moon", "rain"], "Night": ["sun", "sea"]}
    page.keyboard.press("Control+z")
    hangs(wall, "sun", "moon", "sea", "rain")
    page.get_by_role("button", name="Night, 0 pins").click()
    page.reload()
    board(wall)
    expect(name).to_have_value("Night")


def test_a_board_out_of_sight_is_dropped_on(wall: Tab, own: Site) -> None:
    moodboard, page = own.services.moodboard, wall.page
    for number in range(14):
        moodboard.create_board(owner(wall), f"A board called {number}")
    page.reload()
    board(wall)
    hangs(wall, "sun", "moon", "sea", "rain")
    expect(page.get_by_role("button", name="New board")).to_be_in_viewport(ratio=1)
    last = page.get_by_role("button", name="A board called 13, 0 pins")
    expect(last).not_to_be_in_viewport()
    row = page.locator(".klein-board-names")
    box = row.bounding_box()
    assert box is not None
    page.mouse.move(*middle(pin(wall, "sun")))
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 6, box["y"] + box["height"] / 2, steps=6)
    expect(last).to_be_in_viewport(ratio=1)
    expect(last).to_have_attribute("data-over", "yes")
    page.mouse.up()
    noticed(wall, "1 pin moved to “A board called 13”.")
    row.hover()
    page.mouse.wheel(0, -9000)
    expect(page.get_by_label("Name of this board")).to_be_in_viewport()
    expect(last).not_to_be_in_viewport()


def test_a_deleted_board_comes_back_with_its_pins(wall: Tab) -> None:
    wall.page.get_by_role("button", name="Delete board").click()
    noticed(wall, "“Moodboard” deleted with its pins.")
    expect(wall.page.get_by_text("Hang the first picture")).to_be_visible()
    wall.page.get_by_role("button", name="Undo").last.click()
    hangs(wall, "sun", "moon", "sea", "rain")


def test_deleted_pins_come_back_to_their_places(wall: Tab) -> None:
    pin(wall, "moon").click()
    wall.page.keyboard.press("Shift+ArrowRight")
    wall.page.keyboard.press("Delete")
    noticed(wall, "2 pins deleted.")
    hangs(wall, "sun", "rain")
    wall.page.locator(".klein-board-notice button").click()
    hangs(wall, "sun", "moon", "sea", "rain")
    pin(wall, "sun").click()
    wall.page.locator(".klein-board-actions [data-do='delete']").click()
    hangs(wall, "moon", "sea", "rain")
    noticed(wall, "1 pin deleted.")
    wall.page.keyboard.press("Control+z")
    hangs(wall, "sun", "moon", "sea", "rain")


def test_pins_go_into_the_edit_tab_with_their_roles(wall: Tab, own: Site) -> None:
    first = own.services.moodboard.pins(owner(wall), board_id(own, wall))[0]
    own.services.moodboard.edit(owner(wall), first.id, role="palette")
    wall.page.reload()
    board(wall)
    pin(wall, "sun").click()
    pin(wall, "moon").click(modifiers=["Control"])
    wall.page.get_by_role("button", name="Use in Edit").click()
    expect(wall.page.locator(".klein-card")).to_have_count(2)
    expect(wall.page.locator(".klein-card .klein-role").first).to_have_value("palette")
    wall.desk = "klein-edit"
    wall.settle()
    made = wall.shown()
    assert [reference.role for reference in made.references] == ["palette", ""]
    assert made.prompt == "Use the colours of image 1."


def test_one_goes_on_from_a_pin(wall: Tab, own: Site) -> None:
    (other,) = hang(own, wall, "hills", seed=77, steps=2, width=192, height=144, model="older")
    wall.page.reload()
    board(wall)
    pin(wall, "moon").click()
    wall.page.get_by_role("button", name="Go on from here").click()
    expect(wall.page.get_by_label("Prompt", exact=True)).to_have_value("moon")
    wall.settle()
    assert (wall.shown().prompt, wall.shown().seed) == ("moon", 1)
    wall.type("s")
    wall.settle()
    assert wall.shown().prompt == "moons"
    board(wall)
    pin(wall, "hills").click()
    wall.page.get_by_role("button", name="Go on from here").click()
    said(wall, "This pin was made by “older”; postcard draws its words now.")
    wall.settle()
    made = wall.shown()
    assert (made.seed, made.steps, made.width) == (77, 2, 192)
    assert other.request.model == "older"


@pytest.mark.parametrize(
    "context", [{"permissions": ["clipboard-read", "clipboard-write"]}], indirect=True
)
def test_a_colour_is_copied_by_a_click(wall: Tab) -> None:
    pin(wall, "sun").click()
    swatch = wall.page.locator(".klein-swatch").first
    hex_code = swatch.inner_text()
    assert re.fullmatch("#[0-9a-f]{6}", hex_code)
    swatch.click()
    noticed(wall, f"Copied {hex_code}.")
    assert wall.page.evaluate("navigator.clipboard.readText()") == hex_code


def test_a_pin_is_looked_at_large(wall: Tab) -> None:
    pin(wall, "sun").dblclick()
    large = wall.page.get_by_role("dialog", name="Pin, large")
    expect(large.locator("p")).to_have_text("sun")
    wall.page.keyboard.press("ArrowRight")
    expect(large.locator("p")).to_have_text("moon")
    wall.page.keyboard.press("Escape")
    expect(large).to_be_hidden()
    expect(pin(wall, "moon")).to_be_focused()
    wall.page.keyboard.press("Enter")
    expect(large.get_by_role("img")).to_have_js_property("complete", value=True)


def test_words_of_a_prompt_are_never_markup(open_tab: Callable[..., Tab], own: Site) -> None:
    tab = open_tab(at=own)
    (one,) = hang(own, tab, "<img src=x onerror=alert(1)>", loras=(Lora("<b>x</b>", 1.0),))
    own.services.moodboard.edit(owner(tab), one.id, title="<i>t</i>", tags=["<u>"])
    board(tab)
    hangs(tab, "<i>t</i>")
    pin(tab, "<i>t</i>").click()
    expect(tab.page.locator(".klein-pin-prompt")).to_have_text("<img src=x onerror=alert(1)>")
    assert tab.page.locator(".klein-inspector :is(i, u, b)").count() == 0


@pytest.mark.parametrize("context", [_context("phone", has_touch=True)], indirect=True)
def test_a_phone_arranges_after_a_long_press(wall: Tab, own: Site) -> None:
    page = wall.page
    pin(wall, "sun").tap()
    assert picked(wall) == ["sun"]
    pin(wall, "moon").tap()
    assert picked(wall) == ["sun", "moon"]
    pin(wall, "sun").tap()
    assert picked(wall) == ["moon"]
    note = page.get_by_label("Note", exact=True)
    for close in ("Close the details", "Escape", "the wall"):
        page.get_by_role("button", name="Details", exact=True).tap()
        expect(note).to_be_visible()
        if close == "Escape":
            page.keyboard.press(close)
        elif close == "the wall":
            pin(wall, "sun").tap()
        else:
            page.get_by_role("button", name=close).tap()
        expect(note).to_be_hidden()
        assert picked(wall) == ["moon"]
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    from_x, from_y = middle(pin(wall, "moon"))
    to_x, to_y = middle(pin(wall, "sun"))
    touch = page.context.new_cdp_session(page)

    def finger(kind: str, *at: float) -> None:
        points = [{"x": at[0], "y": at[1]}] if at else []
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    finger("touchStart", from_x, from_y)
    expect(page.locator(".klein-ghost")).to_be_attached()
    finger("touchMove", to_x - 20, to_y)
    finger("touchMove", to_x - 40, to_y)
    finger("touchEnd")
    hangs(wall, "moon", "sun", "sea", "rain")
    wall.until(lambda: kept(own, wall)["Moodboard"][0] == "moon")


def test_another_browser_sees_nothing(wall: Tab, own: Site, browser: Browser) -> None:
    hangs(wall, "sun", "moon", "sea", "rain")
    other = browser.new_context()
    try:
        page = other.new_page()
        page.goto(own.url)
        page.get_by_role("tab", name="Moodboard").click()
        expect(page.get_by_text("Hang the first picture")).to_be_visible()
        assert page.locator(PIN).count() == 0
    finally:
        other.close()


def test_five_hundred_pins_are_comfortable(open_tab: Callable[..., Tab], own: Site) -> None:
    tab = open_tab(at=own)
    hang(own, tab, *(f"lake {number}" for number in range(500)))
    began = time.monotonic()
    board(tab)
    expect(tab.page.locator(PIN)).to_have_count(500)
    tab.page.locator(f"{PIN} img").first.wait_for()
    opened_s = time.monotonic() - began
    assert opened_s < 10
    images = "document.querySelectorAll('#klein .klein-wall img').length"
    at_first = tab.page.evaluate(images)
    pin(tab, "lake 0").first.click()
    tab.page.keyboard.press("End")
    tab.page.wait_for_function(
        "document.querySelector('#klein .klein-hung:last-child img')?.complete"
    )
    tab.page.wait_for_function(f"{images} < 100")
    assert 0 < at_first < 100


@pytest.mark.parametrize(
    "context",
    # The other two of the four: make test-long.
    [
        _context("desk", "light"),
        _context("phone", "dark"),
        *(
            pytest.param(_context(*one), marks=pytest.mark.long)
            for one in (("desk", "dark"), ("phone", "light"))
        ),
    ],
    indirect=True,
)
def test_it_stands_out_and_fits(wall: Tab) -> None:
    pin(wall, "moon").click()
    assert wall.page.evaluate(CONTRAST) == []
    size = wall.page.viewport_size
    assert size is not None
    assert wall.page.evaluate("document.documentElement.scrollWidth") <= size["width"]
