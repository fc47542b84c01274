"""The Moodboard in a real browser: pinned from the desks, arranged, told of, and used again."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, expect

from klein_ui.contract import Frame, Origin, Request, Stage, Timings
from klein_ui.engine.fake import FakeEngine

from ...kept import noise
from .tab import Site, Tab

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
COPY = {"permissions": ["clipboard-read", "clipboard-write"]}
MANY = 500
MOST_LOADED = 120
OPEN_MS = 5_000
IMAGES = "[...document.querySelectorAll('.klein-kept img')]"
FIRST_ROW = f"{IMAGES}.slice(0, 6).every((image) => image.complete && image.naturalWidth)"
LOADED = f"{IMAGES}.filter((image) => image.naturalWidth).length"


@pytest.fixture
def site(serve: Callable[..., Site]) -> Site:
    """Boards of its own for every test."""
    return serve(FakeEngine(render_s=0.02))


def pin(tab: Tab, *prompts: str) -> None:
    """Type each, wait for its picture, and pin it by the key."""
    box = tab.page.get_by_label("Prompt", exact=True)
    for prompt in prompts:
        box.fill(prompt)
        tab.settle()
        box.press("Control+s")
        expect(tab.page.locator("#klein-message-text")).to_contain_text("Pinned to “")
        expect(box).to_be_focused()
        # The sentence of the next one is another.
        tab.page.evaluate("document.getElementById('klein-message-text').textContent = ''")


def board(tab: Tab) -> Locator:
    """Go to the Moodboard."""
    tab.page.get_by_role("tab", name="Moodboard").first.click()
    return tab.page.locator(".klein-board")


def pins(tab: Tab) -> Locator:
    return tab.page.locator(".klein-kept")


def captions(tab: Tab) -> list[str]:
    texts: list[str] = pins(tab).locator("figcaption").all_inner_texts()
    return texts


def chosen(tab: Tab) -> list[str]:
    found = tab.page.locator(".klein-kept[aria-selected='true'] figcaption")
    texts: list[str] = found.all_inner_texts()
    return texts


@pytest.fixture
def three(tab: Tab) -> Tab:
    """Three pins on a board in front."""
    pin(tab, "one sun", "two moons", "three stars")
    board(tab)
    expect(pins(tab)).to_have_count(3)
    return tab


def test_a_pin_is_one_key_or_one_click_away(tab: Tab) -> None:
    pin(tab, "a red sun")
    tab.page.get_by_label("Prompt", exact=True).fill("a blue moon")
    tab.settle()
    tab.page.locator("#klein-desk").get_by_role("button", name="Pin", exact=True).click()
    expect(tab.page.locator("#klein-message-text")).to_have_text("Pinned to “Moodboard”.")
    board(tab)
    expect(pins(tab)).to_have_count(2)
    assert captions(tab) == ["a red sun", "a blue moon"]


def test_without_a_picture_the_page_says_so(tab: Tab) -> None:
    tab.page.get_by_label("Prompt", exact=True).press("Control+s")
    expect(tab.page.locator("#klein-message-text")).to_contain_text("no picture to pin")
    expect(board(tab).locator(".klein-wall-empty")).to_be_visible()


def test_typing_goes_on_while_a_pin_is_kept(tab: Tab) -> None:
    box = tab.page.get_by_label("Prompt", exact=True)
    box.fill("a red sun")
    tab.settle()
    box.press("End")
    box.press("Control+s")
    tab.type(" over the sea")
    expect(box).to_have_value("a red sun over the sea")
    tab.settle()
    board(tab)
    expect(pins(tab).locator("figcaption")).to_have_text(["a red sun"])


def test_a_moment_gone_back_to_can_be_pinned(tab: Tab) -> None:
    box = tab.page.get_by_label("Prompt", exact=True)
    for prompt in ("a red sun", "a blue moon"):
        box.fill(prompt)
        tab.settle()
    tab.page.keyboard.press("Alt+ArrowLeft")
    expect(box).to_have_value("a red sun")
    box.press("Control+s")
    expect(tab.page.locator("#klein-message-text")).to_contain_text("Pinned to “")
    board(tab)
    expect(pins(tab).locator("figcaption")).to_have_text(["a red sun"])


def drag(tab: Tab, item: Locator, to: Locator, part: float) -> None:
    item.scroll_into_view_if_needed()
    start, end = item.bounding_box(), to.bounding_box()
    assert start is not None
    assert end is not None
    mouse = tab.page.mouse
    mouse.move(start["x"] + start["width"] / 2, start["y"] + 20)
    mouse.down()
    mouse.move(start["x"] + start["width"] / 2 + 12, start["y"] + 24)
    mouse.move(end["x"] + end["width"] * part, end["y"] + 20, steps=6)
    mouse.up()


def test_pins_are_arranged_by_hand_and_stay_so(three: Tab) -> None:
    with three.page.expect_response("**/pins/place"):
        drag(three, pins(three).nth(2), pins(three).nth(0), 0.1)
    assert captions(three) == ["three stars", "one sun", "two moons"]
    three.page.reload()
    board(three)
    expect(pins(three).locator("figcaption")).to_have_text(["three stars", "one sun", "two moons"])


def test_pins_are_arranged_by_keys(three: Tab) -> None:
    wall = three.page.get_by_role("listbox", name="Pins")
    wall.focus()
    wall.press("ArrowRight")
    assert chosen(three) == ["one sun"]
    with three.page.expect_response("**/pins/place"):
        wall.press("Alt+ArrowRight")
    assert captions(three) == ["two moons", "one sun", "three stars"]
    with three.page.expect_response("**/pins/place"):
        wall.press("Alt+ArrowRight")
    assert captions(three) == ["two moons", "three stars", "one sun"]


def test_several_are_chosen_with_the_usual_keys(three: Tab) -> None:
    pins(three).nth(0).click()
    pins(three).nth(2).click(modifiers=["Shift"])
    assert chosen(three) == ["one sun", "two moons", "three stars"]
    pins(three).nth(1).click(modifiers=["Control"])
    assert chosen(three) == ["one sun", "three stars"]
    three.page.keyboard.press("Escape")
    assert chosen(three) == []
    three.page.keyboard.press("Control+a")
    expect(three.page.locator(".klein-board-count")).to_have_text("3 pins")


def test_what_is_said_of_a_pin_is_kept(three: Tab) -> None:
    pins(three).nth(1).click()
    inspector = three.page.get_by_label("The chosen pin")
    for label, value in {
        "Title": "Night",
        "Role as an image": "palette",
        "Tags, with commas between them": "sky, blue",
        "Note": "for the cover",
    }.items():
        with three.page.expect_response(re.compile("/pins/[0-9a-f]+$")):
            inspector.get_by_label(label, exact=True).fill(value)
            inspector.get_by_label(label, exact=True).blur()
    pins(three).nth(1).click()
    three.page.reload()
    board(three)
    expect(pins(three).nth(1).locator("figcaption")).to_have_text("Night · palette")
    pins(three).nth(1).click()
    expect(inspector.get_by_label("Note", exact=True)).to_have_value("for the cover")
    expect(inspector.get_by_label("Tags, with commas between them")).to_have_value("sky, blue")
    expect(inspector.locator(".klein-pin-prompt")).to_have_text("two moons")


def test_a_star_and_words_find_pins(three: Tab) -> None:
    pins(three).nth(2).click()
    with three.page.expect_response(re.compile("/pins/[0-9a-f]+$")):
        three.page.keyboard.press("s")
    expect(pins(three).nth(2)).to_have_attribute("data-star", "yes")
    three.page.keyboard.press("Escape")
    search = three.page.get_by_label("Find pins by words or tags")
    search.fill("starred")
    expect(three.page.locator(".klein-kept:visible figcaption")).to_have_text(["three stars"])
    search.fill("moon")
    expect(three.page.locator(".klein-kept:visible figcaption")).to_have_text(["two moons"])
    search.fill("")
    expect(three.page.locator(".klein-kept:visible")).to_have_count(3)


def test_deleted_pins_come_back(three: Tab) -> None:
    pins(three).nth(0).click()
    pins(three).nth(1).click(modifiers=["Control"])
    three.page.keyboard.press("Delete")
    expect(pins(three)).to_have_count(1)
    notice = three.page.locator(".klein-board-notice")
    expect(notice).to_contain_text("2 pins are deleted.")
    notice.get_by_role("button", name="Undo").click()
    expect(pins(three).locator("figcaption")).to_have_text(["one sun", "two moons", "three stars"])


def test_there_are_several_boards(three: Tab) -> None:
    three.page.get_by_role("button", name="New board").click()
    title = three.page.get_by_label("Title of the board")
    expect(title).to_be_focused()
    title.fill("Nights")
    title.press("Enter")
    tabs = three.page.locator(".klein-board-tab")
    expect(tabs).to_have_text(["Moodboard3", "Nights0"])
    tabs.first.click()
    expect(pins(three)).to_have_count(3)
    drag(three, pins(three).nth(1), tabs.nth(1), 0.5)
    expect(tabs).to_have_text(["Moodboard2", "Nights1"])
    tabs.nth(1).click()
    expect(pins(three).locator("figcaption")).to_have_text(["two moons"])
    three.page.get_by_role("button", name="Delete board").click()
    expect(tabs).to_have_text(["Moodboard2"])
    three.page.locator(".klein-board-notice").get_by_role("button", name="Undo").click()
    expect(tabs).to_have_text(["Moodboard2", "Nights1"])


def test_new_pins_go_to_the_board_in_front(three: Tab) -> None:
    three.page.get_by_role("button", name="New board").click()
    expect(three.page.locator(".klein-board-tab")).to_have_count(2)
    three.page.get_by_role("tab", name="Live").click()
    pin(three, "four winds")
    board(three)
    expect(three.page.locator(".klein-board-tab")).to_have_text(["Moodboard3", "Board 21"])
    expect(pins(three).locator("figcaption")).to_have_text(["four winds"])


def test_pins_go_into_the_edit_tab_with_their_roles(three: Tab) -> None:
    pins(three).nth(0).click()
    role = three.page.get_by_label("Role as an image")
    with three.page.expect_response(re.compile("/pins/[0-9a-f]+$")):
        role.fill("palette")
        role.blur()
    pins(three).nth(1).click(modifiers=["Control"])
    three.page.get_by_role("button", name="Use in Edit").click()
    cards = three.page.locator(".klein-card")
    expect(cards).to_have_count(2)
    expect(cards.nth(0).locator(".klein-role")).to_have_value("palette")
    expect(cards.nth(1).locator(".klein-role")).to_have_value("")


def test_one_goes_on_from_a_pin(three: Tab) -> None:
    three.page.get_by_role("tab", name="Live").click()
    three.page.locator(".klein-seed input").first.fill("99")
    three.page.get_by_label("Prompt", exact=True).fill("something else")
    three.settle()
    board(three)
    pins(three).nth(1).click()
    three.page.get_by_role("button", name="Go on from here").click()
    box = three.page.get_by_label("Prompt", exact=True)
    expect(box).to_have_value("two moons")
    expect(box).to_be_focused()
    three.settle()
    assert (three.shown().prompt, three.shown().seed) == ("two moons", 0)


def test_two_pins_are_compared(three: Tab) -> None:
    pins(three).nth(0).click()
    pins(three).nth(1).click(modifiers=["Control"])
    three.page.get_by_role("button", name="Compare").click()
    dialog = three.page.get_by_label("Two pins beside each other")
    expect(dialog).to_be_visible()
    rows = dialog.locator("tbody tr")
    expect(rows.filter(has_text="Prompt")).to_have_attribute("data-differs", "yes")
    expect(rows.filter(has_text="Seed")).to_have_attribute("data-differs", "no")
    slider = dialog.get_by_label("How much of A is shown")
    expect(slider).to_be_focused()
    slider.press("End")
    clip = dialog.locator(".klein-pair-a").evaluate("(image) => image.style.clipPath")
    assert clip in ("inset(0px)", "inset(0px 0% 0px 0px)")
    dialog.get_by_role("button", name="Swap").click()
    expect(rows.filter(has_text="Prompt").locator("td").first).to_have_text("two moons")
    three.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_what_lies_between_two_pins_is_drawn_pinned_and_saved(three: Tab) -> None:
    pins(three).nth(0).click()
    pins(three).nth(1).click(modifiers=["Control"])
    three.page.get_by_role("button", name="Blend").click()
    dialog = three.page.get_by_label("Between two pins")
    picture = dialog.locator(".klein-blend-picture")
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
    expect(pins(three)).to_have_count(4)
    pins(three).nth(3).click()
    expect(three.page.locator(".klein-pin-facts")).to_contain_text("51 % “two moons”")


def test_a_blend_cannot_be_blended_again(three: Tab) -> None:
    test_what_lies_between_two_pins_is_drawn_pinned_and_saved(three)
    pins(three).nth(0).click(modifiers=["Control"])
    three.page.get_by_role("button", name="Blend").click()
    expect(three.page.locator(".klein-board-notice")).to_contain_text("is a blend already")


@pytest.mark.parametrize("context", [COPY], indirect=True)
def test_a_colour_is_copied_by_a_click(three: Tab) -> None:
    pins(three).nth(0).click()
    swatch = three.page.locator(".klein-palette button").first
    swatch.click()
    expect(three.page.locator(".klein-board-notice")).to_contain_text("copied.")
    copied = three.page.evaluate("navigator.clipboard.readText()")
    assert copied == swatch.get_attribute("title")


def test_a_pin_is_looked_at_large(three: Tab) -> None:
    pins(three).nth(0).dblclick()
    large = three.page.locator(".klein-large")
    expect(large.locator("p")).to_have_text("one sun")
    three.page.keyboard.press("ArrowRight")
    expect(large.locator("p")).to_have_text("two moons")
    three.page.keyboard.press("Escape")
    expect(large).to_be_hidden()


def test_another_browser_sees_nothing(three: Tab, browser: Browser, site: Site) -> None:
    stranger = browser.new_context()
    page = stranger.new_page()
    page.goto(site.url)
    page.get_by_role("tab", name="Moodboard").first.click()
    expect(page.locator(".klein-wall-empty")).to_be_visible()
    expect(page.locator(".klein-kept")).to_have_count(0)
    stranger.close()


@pytest.mark.parametrize("context", [PHONE], indirect=True)
def test_a_finger_chooses_several_and_drags_after_a_long_press(three: Tab) -> None:
    pins(three).nth(0).tap()
    pins(three).nth(2).tap()
    assert chosen(three) == ["one sun", "three stars"]
    pins(three).nth(0).tap()
    assert chosen(three) == ["three stars"]
    pins(three).nth(2).tap()
    assert chosen(three) == []
    wide = three.page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 390
    touch = three.page.context.new_cdp_session(three.page)
    start, end = (pins(three).nth(at).bounding_box() for at in (2, 0))
    assert start is not None
    assert end is not None

    def finger(kind: str, x: float = 0, y: float = 0) -> None:
        points = [] if kind == "touchEnd" else [{"x": x, "y": y}]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    finger("touchStart", start["x"] + 20, start["y"] + 20)
    expect(pins(three).nth(2)).to_have_class(re.compile("klein-lifted"))
    with three.page.expect_response("**/pins/place"):
        for part in (0.3, 0.6, 1.0):
            x = start["x"] + (end["x"] + 10 - start["x"]) * part
            y = start["y"] + (end["y"] + 20 - start["y"]) * part
            finger("touchMove", x, y)
        finger("touchEnd")
    assert captions(three)[0] == "three stars"


def test_five_hundred_pins_are_comfortable(tab: Tab, site: Site) -> None:
    pin(tab, "the first")
    (owner,) = {row["owner"] for row in site.services.ledger.rows("SELECT owner FROM boards", ())}
    for seed in range(1, MANY):
        site.services.moodboard.pin(owner, small_frame(seed))
    began = tab.page.evaluate("performance.now()")
    board(tab)
    expect(pins(tab)).to_have_count(MANY)
    tab.page.wait_for_function(FIRST_ROW)
    took = tab.page.evaluate("performance.now()") - began
    loaded = tab.page.evaluate(LOADED)
    assert took < OPEN_MS
    assert loaded <= MOST_LOADED
    tab.page.get_by_label("Find pins by words or tags").fill("pin 477")
    expect(tab.page.locator(".klein-kept:visible figcaption")).to_have_text(["pin 477"])


def small_frame(seed: int) -> Frame:
    request = Request(f"pin {seed}", seed, 96, 64, 4, 1.0, "postcard")
    origin = Origin("fake", "cpu", "uint8", "fake")
    return Frame(request, Stage.FINAL, noise(seed, 96, 64), Timings(), origin)


def test_the_strip_the_boards_and_their_pictures_outlive_the_server(
    serve: Callable[..., Site], open_tab: Callable[..., Tab], tmp_path: Any
) -> None:
    first = serve(FakeEngine(render_s=0.02), data=tmp_path)
    tab = open_tab(at=first)
    pin(tab, "one sun")
    state = tab.page.context.storage_state()
    first.services.dispatcher.stop()
    first.services.close()
    second = serve(FakeEngine(render_s=0.02), data=tmp_path)
    cookie = next(each for each in state["cookies"] if each["name"] == "klein-browser")
    tab.page.context.add_cookies([{**cookie, "url": second.url, "domain": None, "path": None}])
    again = open_tab(at=second)
    board(again)
    expect(pins(again).locator("figcaption")).to_have_text(["one sun"])
