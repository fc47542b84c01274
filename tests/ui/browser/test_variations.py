"""Four seeds beside each other, each as live as one."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, expect

from klein_ui.engine.fake import FakeEngine

from .scripted import SOCKET
from .tab import Site, Tab

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
DRAWN = """() => {
  const tiles = [...document.querySelectorAll(".klein-tile-picture")];
  return tiles.every((tile) => tile.dataset.stage === "final" && tile.width > 1);
}"""
PIXELS = """(canvas) => {
  const picture = typeof canvas === "string" ? document.querySelector(canvas) : canvas;
  return picture.toDataURL();
}"""


def button(tab: Tab) -> Locator:
    return tab.page.get_by_role("button", name="Variations", exact=True)


def tiles(tab: Tab) -> Locator:
    return tab.page.locator(".klein-tile")


def seed(tab: Tab) -> str:
    return str(tab.page.locator("#klein-desk .klein-seed input").input_value())


@pytest.fixture
def four(tab: Tab) -> Tab:
    """Four pictures of one prompt."""
    tab.page.get_by_label("Prompt", exact=True).fill("a red sun")
    tab.settle()
    button(tab).click()
    tab.page.wait_for_function(DRAWN)
    return tab


def test_four_seeds_stand_beside_each_other(four: Tab) -> None:
    expect(button(four)).to_have_attribute("aria-pressed", "true")
    names = [tiles(four).nth(at).get_attribute("aria-label") for at in range(4)]
    assert names == [f"Go on with picture {at + 1}, seed {at}" for at in range(4)]
    seen = {four.page.evaluate(PIXELS, four.canvas)}
    for canvas in four.page.locator(".klein-tile-picture").element_handles():
        seen.add(canvas.evaluate(PIXELS))
    assert len(seen) == 4


def test_all_of_them_follow_the_typing(four: Tab) -> None:
    before = four.page.locator(".klein-tile-picture").first.evaluate(PIXELS)
    four.page.get_by_label("Prompt", exact=True).fill("a blue moon over the sea")
    four.page.wait_for_function(
        f"(before) => ({PIXELS})('.klein-tile-picture') !== before", arg=before
    )
    four.settle()


def test_one_is_chosen_by_a_click(four: Tab) -> None:
    picture = four.page.locator(".klein-tile-picture").nth(1).evaluate(PIXELS)
    tiles(four).nth(2).click()
    expect(button(four)).to_have_attribute("aria-pressed", "false")
    four.settle()
    assert seed(four) == "2"
    assert four.shown().seed == 2
    assert four.page.evaluate(PIXELS, four.canvas) == picture
    expect(four.page.get_by_label("Prompt", exact=True)).to_be_focused()


def test_one_is_chosen_by_its_number(four: Tab) -> None:
    tiles(four).first.focus()
    four.page.keyboard.press("4")
    four.settle()
    assert four.shown().seed == 3


def test_a_number_with_alt_chooses_from_the_prompt(four: Tab) -> None:
    box = four.page.get_by_label("Prompt", exact=True)
    box.press("Alt+2")
    four.settle()
    assert four.shown().seed == 1
    expect(box).to_have_value("a red sun")


def test_escape_in_the_prompt_leaves_them(four: Tab) -> None:
    four.page.get_by_label("Prompt", exact=True).press("Escape")
    expect(button(four)).to_have_attribute("aria-pressed", "false")


def test_numbers_in_the_prompt_are_letters(four: Tab) -> None:
    four.page.get_by_label("Prompt", exact=True).press("End")
    four.page.keyboard.press("4")
    expect(four.page.get_by_label("Prompt", exact=True)).to_have_value("a red sun4")
    expect(button(four)).to_have_attribute("aria-pressed", "true")


def test_a_new_seed_makes_four_others(four: Tab) -> None:
    four.page.keyboard.press("Control+Enter")
    four.settle()
    first = int(seed(four))
    assert first != 0
    expect(tiles(four).nth(1)).to_have_attribute(
        "aria-label", f"Go on with picture 2, seed {(first + 1) % 2**32}"
    )


def test_only_the_first_is_a_moment_of_the_time_machine(four: Tab) -> None:
    before = four.page.locator(".klein-moment").count()
    four.page.get_by_label("Prompt", exact=True).fill("a blue moon")
    four.settle()
    four.page.wait_for_function(DRAWN)
    assert four.page.locator(".klein-moment").count() == before + 1


def test_escape_and_a_second_press_leave(four: Tab) -> None:
    tiles(four).first.focus()
    four.page.keyboard.press("Escape")
    expect(button(four)).to_have_attribute("aria-pressed", "false")
    expect(button(four)).to_be_focused()
    button(four).click()
    expect(button(four)).to_have_attribute("aria-pressed", "true")
    button(four).click()
    expect(four.page.locator(".klein-tiles")).to_be_hidden()
    assert seed(four) == "0"


def test_their_connections_end_with_them(four: Tab) -> None:
    stats = four.site.services.dispatcher.stats
    most = stats().sessions
    button(four).click()
    four.until(lambda: stats().sessions == most - 3)


def test_where_no_socket_gets_through_the_page_says_so(
    open_tab: Callable[..., Tab], site: Site
) -> None:
    tab = open_tab(lambda page: page.route_web_socket(SOCKET, lambda route: route.close()))
    tab.page.get_by_label("Prompt", exact=True).fill("a red sun")
    tab.settle()
    button(tab).click()
    expect(tab.page.locator("#klein-message-text")).to_contain_text("Variations need")
    expect(button(tab)).to_have_attribute("aria-pressed", "false")
    tab.errors.clear()


def test_a_slow_engine_still_draws_the_first_one(
    serve: Callable[..., Site], open_tab: Callable[..., Tab]
) -> None:
    slow = serve(FakeEngine(render_s=0.15))
    tab = open_tab(at=slow)
    box = tab.page.get_by_label("Prompt", exact=True)
    box.fill("a red sun")
    tab.settle()
    button(tab).click()
    tab.page.wait_for_function(DRAWN)
    before = len(tab.frames())
    box.press("End")
    tab.type(" over the quiet sea at dawn", delay_ms=120)
    assert len(tab.frames()) - before >= 3


@pytest.mark.parametrize("context", [PHONE], indirect=True)
def test_a_finger_chooses_one(four: Tab) -> None:
    tiles(four).nth(3).tap()
    four.settle()
    assert four.shown().seed == 3
