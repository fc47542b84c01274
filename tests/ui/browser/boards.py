"""What the tests of the Moodboard do with it."""

from dataclasses import replace
from typing import Any

from playwright.sync_api import Locator, Page, expect

from klein_ui.contract import Frame, Stage, Timings
from klein_ui.engine.fake import FAKE_ORIGIN, bands
from klein_ui.models import POSTCARD
from klein_ui.pins import Pin
from klein_ui.ui.owners import COOKIE, browser
from klein_ui.validate import asked

from .tab import Site, Tab

PIN = "#klein .klein-hung"
SHAPES = ((128, 128), (128, 96), (96, 128), (192, 96))


def owner(tab: Tab) -> str:
    """Whose boards this browser sees."""
    value = next(one["value"] for one in tab.page.context.cookies() if one["name"] == COOKIE)
    return browser(str(value))


def hang(site: Site, tab: Tab, *prompts: str, **fields: Any) -> list[Pin]:
    """Pin a picture of each prompt for this browser, in various shapes."""
    who, pins = owner(tab), list[Pin]()
    for number, prompt in enumerate(prompts):
        width, height = SHAPES[number % len(SHAPES)]
        request = asked({"prompt": prompt, "seed": number}, POSTCARD).request
        request = replace(request, **{"width": width, "height": height, **fields})
        frame = Frame(request, Stage.FINAL, bands(request), Timings(), FAKE_ORIGIN)
        pins.append(site.services.moodboard.pin(who, frame))
    return pins


def board(tab: Tab) -> Tab:
    """Go to the Moodboard, and wait until it knows what hangs there."""
    with tab.page.expect_response("**/gradio_api/live/boards"):
        tab.page.get_by_role("tab", name="Moodboard").click()
    tab.page.wait_for_selector("#klein-board-desk[data-board]")
    return tab


def captions(tab: Tab) -> list[str]:
    """What hangs on the wall, in its order."""
    found: list[str] = tab.page.locator(f"{PIN} .klein-pin-caption").all_inner_texts()
    return found


def hangs(tab: Tab, *words: str) -> None:
    """Wait until just this hangs on the wall, in this order."""
    expect(tab.page.locator(f"{PIN} .klein-pin-caption")).to_have_text(list(words))


def pin(tab: Tab, words: str) -> Locator:
    """The pin with that caption."""
    return tab.page.get_by_role("option", name=words)


def picked(tab: Tab) -> list[str]:
    """The captions of the picked pins."""
    chosen = tab.page.locator(f"{PIN}[aria-selected='true'] .klein-pin-caption")
    found: list[str] = chosen.all_inner_texts()
    return found


def kept(site: Site, tab: Tab) -> dict[str, list[str]]:
    """The prompts of each board, as the server keeps them."""
    moodboard, who = site.services.moodboard, owner(tab)
    return {
        one.title: [pin.request.prompt for pin in moodboard.pins(who, one.id)]
        for one in moodboard.boards(who)
    }


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


def board_id(site: Site, tab: Tab) -> str:
    return site.services.moodboard.boards(owner(tab))[0].id
