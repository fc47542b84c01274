"""The Moodboard: pinned while typing, arranged, picked, and what is said of pins kept."""

import re
from collections.abc import Callable

from playwright.sync_api import Route, WebSocketRoute, expect

from klein_ui.pins import Bounds

from .boards import (
    board,
    board_id,
    captions,
    drag,
    hang,
    hangs,
    kept,
    middle,
    owner,
    picked,
    pin,
    said,
)
from .scripted import SOCKET
from .tab import Site, Tab

PINNED = "Pinned to “Moodboard”."


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


def test_a_moment_is_pinned_whether_its_picture_comes_or_not(
    open_tab: Callable[..., Tab], own: Site
) -> None:
    tab = open_tab(at=own)
    for word in ("sun", " moon"):
        tab.page.keyboard.insert_text(word)
        tab.settle()
    held: list[Route] = []
    tab.page.route(re.compile(r"/(picture\.jpg|thumbnail\.webp)"), lambda route: held.append(route))
    tab.page.reload()
    tab.page.locator("#klein .klein-moment").last.wait_for()
    box = tab.page.get_by_label("Prompt", exact=True)
    tab.page.keyboard.press("Alt+ArrowLeft")
    tab.page.keyboard.press("Alt+ArrowLeft")
    expect(box).to_have_value("sun")
    tab.page.keyboard.press("Control+s")
    said(tab, PINNED)
    assert kept(own, tab) == {"Moodboard": ["sun"]}
    # What is typed on meanwhile is another picture, and pinned as that.
    box.press("End")
    tab.page.keyboard.insert_text(" and sea")
    tab.settle()
    tab.page.keyboard.press("Control+s")
    said(tab, PINNED)
    tab.until(lambda: len(kept(own, tab)["Moodboard"]) == 2)
    assert set(kept(own, tab)["Moodboard"]) == {"sun", "sun and sea"}
    assert any("picture.jpg" in route.request.url for route in held)


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
    wall.page.keyboard.press("Control+a")
    wall.page.get_by_role("button", name="Export…").focus()
    wall.page.keyboard.press("Escape")
    assert picked(wall) == []
    pin(wall, "sun").focus()
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
