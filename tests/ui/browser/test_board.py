"""The Moodboard: pinned while typing, arranged, described, deleted and undone, and gone on from."""

import re
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Locator, Page, WebSocketRoute, expect

from klein_ui.contract import Lora
from klein_ui.engine.fake import FakeEngine
from klein_ui.pins import Bounds

from .boards import PIN, board, captions, hang, hangs, kept, owner, picked, pin
from .scripted import SOCKET
from .tab import Site, Tab
from .test_looks import CONTRAST, THEMES, _context

PINNED = "Pinned to “Moodboard”."


@pytest.fixture
def own(serve: Callable[..., Site]) -> Site:
    """A page over an engine of this test alone."""
    return serve(FakeEngine(render_s=0.01, fails_on="thunderbolt"))


@pytest.fixture
def wall(open_tab: Callable[..., Tab], own: Site) -> Tab:
    """A board with four pins, in front."""
    tab = open_tab(at=own)
    hang(own, tab, "sun", "moon", "sea", "rain")
    return board(tab)


def said(tab: Tab, sentence: str) -> None:
    """Wait until that is said under the prompt."""
    expect(tab.page.locator(f"#{tab.desk}-message-text")).to_have_text(sentence)


def noticed(tab: Tab, sentence: str) -> None:
    """Wait until the board says that."""
    expect(tab.page.locator(".klein-board-notice [role='status']")).to_have_text(sentence)


def middle(part: Locator) -> tuple[float, float]:
    """The middle of a part on screen, in pixels."""
    part.scroll_into_view_if_needed()
    box = part.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag(page: Page, part: Locator, x: float, y: float) -> None:
    """Drag with the mouse from the middle of a part."""
    page.mouse.move(*middle(part))
    page.mouse.down()
    page.mouse.move(x, y, steps=6)
    page.mouse.up()


def test_a_key_and_a_button_pin_and_typing_goes_on(open_tab: Callable[..., Tab], own: Site) -> None:
    tab = open_tab(at=own)
    tab.page.keyboard.press("Control+s")
    said(tab, "There is no picture to pin yet; type a prompt first.")
    tab.type("sun")
    tab.page.keyboard.press("Control+s")
    said(tab, PINNED)
    tab.type(" moon")
    tab.settle()
    tab.page.locator("#klein-pin").click()
    tab.until(lambda: len(kept(own, tab).get("Moodboard", [])) == 2)
    tab.type("s")
    assert tab.text() == "sun moons"
    assert kept(own, tab) == {"Moodboard": ["sun", "sun moon"]}
    hangs(board(tab), "sun", "sun moon")


def test_a_moment_that_was_gone_back_to_is_pinned(open_tab: Callable[..., Tab], own: Site) -> None:
    tab = open_tab(at=own)
    for word in ("sun", " moon"):
        tab.page.keyboard.insert_text(word)
        tab.settle()
    tab.page.reload()
    tab.page.locator("#klein .klein-moment").last.wait_for()
    tab.page.keyboard.press("Alt+ArrowLeft")
    tab.page.keyboard.press("Alt+ArrowLeft")
    expect(tab.page.get_by_label("Prompt", exact=True)).to_have_value("sun")
    tab.page.keyboard.press("Control+s")
    said(tab, PINNED)
    assert kept(own, tab) == {"Moodboard": ["sun"]}


def test_what_cannot_be_pinned_is_said_and_pictures_go_on(
    open_tab: Callable[..., Tab], own: Site
) -> None:
    tab = open_tab(at=own)
    own.services.moodboard._bounds = Bounds(pins=0)
    tab.type("sun")
    tab.settle()
    tab.page.keyboard.press("Control+s")
    said(tab, "There are 0 pins already; delete some first.")
    tab.type(" moon")
    tab.settle()
    assert tab.shown().prompt == "sun moon"
    # The browser itself logs what the server refuses.
    assert all("422" in error for error in tab.errors)
    tab.errors.clear()


def test_an_edit_is_pinned_too(open_tab: Callable[..., Tab], own: Site) -> None:
    tab = open_tab(at=own).edit()
    tab.page.get_by_label("Instruction", exact=True).click()
    tab.type("a lake")
    tab.page.keyboard.press("Control+s")
    said(tab, PINNED)
    assert kept(own, tab) == {"Moodboard": ["a lake"]}


def test_an_empty_board_invites(tab: Tab) -> None:
    board(tab)
    expect(tab.page.get_by_text("Hang the first picture")).to_be_visible()
    expect(tab.page.locator(".klein-boards")).to_contain_text("Moodboard")
    for name in ("Export…", "Select all", "Delete board"):
        expect(tab.page.get_by_role("button", name=name)).to_be_hidden()
    tab.page.get_by_role("button", name="Make a picture").click()
    expect(tab.page.get_by_label("Prompt", exact=True)).to_be_visible()


def test_pins_are_arranged_with_the_mouse(wall: Tab, own: Site) -> None:
    hangs(wall, "sun", "moon", "sea", "rain")
    x, y = middle(pin(wall, "sun"))
    drag(wall.page, pin(wall, "rain"), x - 40, y)
    hangs(wall, "rain", "sun", "moon", "sea")
    wall.page.keyboard.press("Control+z")
    hangs(wall, "sun", "moon", "sea", "rain")
    x, y = middle(pin(wall, "sun"))
    drag(wall.page, pin(wall, "rain"), x - 40, y)
    hangs(wall, "rain", "sun", "moon", "sea")
    pin(wall, "sun").click()
    pin(wall, "sea").click(modifiers=["Control"])
    x, y = middle(pin(wall, "rain"))
    drag(wall.page, pin(wall, "sea"), x - 40, y)
    hangs(wall, "sun", "sea", "rain", "moon")
    wall.until(lambda: kept(own, wall)["Moodboard"] == ["sun", "sea", "rain", "moon"])
    # A drag that is broken off changes nothing, and ends without a click.
    wall.page.mouse.move(*middle(pin(wall, "moon")))
    wall.page.mouse.down()
    wall.page.mouse.move(x, y, steps=4)
    expect(wall.page.locator(".klein-ghost")).to_be_visible()
    wall.page.keyboard.press("Escape")
    expect(wall.page.locator(".klein-ghost")).to_have_count(0)
    wall.page.mouse.up()
    assert captions(wall) == ["sun", "sea", "rain", "moon"]


def test_pins_are_arranged_with_the_keyboard(wall: Tab, own: Site) -> None:
    pin(wall, "sun").click()
    wall.page.keyboard.press("Alt+ArrowRight")
    hangs(wall, "moon", "sun", "sea", "rain")
    wall.page.keyboard.press("Alt+ArrowRight")
    wall.page.keyboard.press("Alt+ArrowRight")
    hangs(wall, "moon", "sea", "rain", "sun")
    wall.page.keyboard.press("Alt+ArrowRight")
    wall.page.keyboard.press("Alt+ArrowLeft")
    hangs(wall, "moon", "sea", "sun", "rain")
    expect(pin(wall, "sun")).to_be_focused()
    wall.until(lambda: kept(own, wall)["Moodboard"] == ["moon", "sea", "sun", "rain"])


def test_pins_are_picked_by_clicks_and_keys(wall: Tab) -> None:
    pin(wall, "sun").click()
    pin(wall, "sea").click(modifiers=["Shift"])
    assert picked(wall) == ["sun", "moon", "sea"]
    pin(wall, "moon").click(modifiers=["Control"])
    assert picked(wall) == ["sun", "sea"]
    wall.page.keyboard.press("Control+a")
    assert picked(wall) == ["sun", "moon", "sea", "rain"]
    expect(wall.page.locator(".klein-board-count")).to_have_text("4 picked")
    wall.page.keyboard.press("Escape")
    assert picked(wall) == []
    wall.page.keyboard.press("End")
    assert picked(wall) == ["rain"]
    wall.page.keyboard.press("Shift+ArrowLeft")
    assert picked(wall) == ["sea", "rain"]
    wall.page.keyboard.press("Home")
    wall.page.keyboard.press("Control+ArrowRight")
    assert picked(wall) == ["sun"]
    expect(pin(wall, "moon")).to_be_focused()
    wall.page.keyboard.press("Space")
    assert picked(wall) == ["sun", "moon"]
    for name in ("Compare", "Blend"):
        expect(wall.page.get_by_role("button", name=name)).to_be_visible()


def test_what_is_said_of_a_pin_is_there_after_a_reload(wall: Tab, own: Site) -> None:
    page = wall.page
    pin(wall, "moon").click()
    expect(page.locator(".klein-pin-prompt")).to_have_text("moon")
    page.get_by_label("Title", exact=True).fill("The big one")
    page.get_by_label("Note", exact=True).fill("first line\nsecond line")
    page.get_by_label("Tags", exact=True).fill("night, Night, blue")
    page.get_by_label("Role in Edit").fill("palette")
    page.get_by_role("button", name="Star").click()
    hangs(wall, "sun", "The big one", "sea", "rain")

    def saved() -> bool:
        one = own.services.moodboard.pins(owner(wall), board_id(own, wall))[1]
        told = (one.title, one.note, one.tags, one.role, one.star)
        return told == (
            "The big one",
            "first line\nsecond line",
            ("night", "blue"),
            "palette",
            True,
        )

    wall.until(saved)
    page.reload()
    board(wall)
    pin(wall, "The big one").click()
    expect(page.get_by_label("Note", exact=True)).to_have_value("first line\nsecond line")
    expect(page.get_by_label("Tags", exact=True)).to_have_value("night, blue")
    expect(page.get_by_label("Role in Edit")).to_have_value("palette")
    expect(page.get_by_role("button", name="Star")).to_have_attribute("aria-pressed", "true")
    pin(wall, "The big one").click()
    page.keyboard.press("s")
    expect(page.get_by_role("button", name="Star")).to_have_attribute("aria-pressed", "false")


def test_what_was_typed_while_the_app_was_away_is_not_lost(wall: Tab, own: Site) -> None:
    page = wall.page
    pin(wall, "moon").click()
    note = page.get_by_label("Note", exact=True)
    note.fill("before")
    wall.until(lambda: own.services.moodboard.pins(owner(wall), board_id(own, wall))[1].note != "")
    page.route("**/live/pins/*", lambda route: route.abort())
    note.fill("typed while it was away")
    expect(page.get_by_text("Not saved yet", exact=True)).to_be_visible()
    pin(wall, "sun").click()
    expect(page.get_by_text("Not saved yet", exact=True)).to_be_hidden(timeout=30_000)
    expect(pin(wall, "moon, not saved yet")).to_be_visible()
    pin(wall, "moon").click()
    expect(note).to_have_value("typed while it was away")
    page.get_by_label("Title", exact=True).fill("The big one")
    page.get_by_label("Title", exact=True).blur()
    page.unroute("**/live/pins/*")
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    expect(page.get_by_text("Not saved yet", exact=True)).to_be_hidden(timeout=30_000)
    # The browser itself logs what never arrived.
    assert all("ERR_FAILED" in error for error in wall.errors)
    wall.errors.clear()
    page.reload()
    board(wall)
    pin(wall, "The big one").click()
    expect(note).to_have_value("typed while it was away")


def test_what_is_not_saved_is_sent_when_the_page_is_left(wall: Tab, own: Site) -> None:
    page = wall.page
    pin(wall, "moon").click()
    page.route("**/live/pins/*", lambda route: route.abort())
    page.get_by_label("Tags", exact=True).fill("night")
    expect(page.get_by_text("Not saved yet", exact=True)).to_be_visible()
    page.unroute("**/live/pins/*")
    wall.errors.clear()
    page.reload()
    board(wall)
    pin(wall, "moon").click()
    expect(page.get_by_label("Tags", exact=True)).to_have_value("night")


def test_the_app_is_back_and_the_board_is_fresh(open_tab: Callable[..., Tab], own: Site) -> None:
    ways: list[WebSocketRoute] = []

    def meet(route: WebSocketRoute) -> None:
        ways.append(route)
        route.connect_to_server()

    tab = open_tab(lambda page: page.route_web_socket(SOCKET, meet), at=own)
    hang(own, tab, "sun")
    board(tab)
    hangs(tab, "sun")
    pin(tab, "sun").click()
    tab.page.route("**/live/pins/*", lambda route: route.abort())
    tab.page.get_by_label("Note", exact=True).fill("typed while it was away")
    expect(tab.page.get_by_text("Not saved yet", exact=True)).to_be_visible()
    tab.page.unroute("**/live/pins/*")
    tab.errors.clear()
    hang(own, tab, "moon")
    ways[0].close()
    hangs(tab, "sun", "moon")
    first = own.services.moodboard.pins(owner(tab), board_id(own, tab))[0]
    assert first.note == "typed while it was away"


def test_another_page_of_the_same_browser_is_followed(wall: Tab, own: Site) -> None:
    hangs(wall, "sun", "moon", "sea", "rain")
    hang(own, wall, "snow")
    wall.page.evaluate("window.dispatchEvent(new Event('focus'))")
    hangs(wall, "sun", "moon", "sea", "rain", "snow")


def board_id(site: Site, tab: Tab) -> str:
    return site.services.moodboard.boards(owner(tab))[0].id


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
    [_context(size, theme) for size in ("desk", "phone") for theme in THEMES],
    indirect=True,
)
def test_it_stands_out_and_fits(wall: Tab) -> None:
    pin(wall, "moon").click()
    assert wall.page.evaluate(CONTRAST) == []
    size = wall.page.viewport_size
    assert size is not None
    assert wall.page.evaluate("document.documentElement.scrollWidth") <= size["width"]
