"""A designer's day with the built-in model: nothing typed, pinned or exported is ever lost."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from playwright.sync_api import expect

from klein_ui.engine import choosing, loader

from .boards import board, captions, hangs, kept, owner, pin
from .tab import Site, Tab, request_in
from .test_export import LONG_MS, drawn, drop, pixels_of, saved

PARTS = ("a quiet lake at dawn", ", mountains", ", a small house by the water", ", watercolour")
SENTENCE = "".join(PARTS)
WORDS = ("a red desert at night", "a boat at sunset, sea", "snowy hills, pink sky", "a city, neon")


def real(serve: Callable[..., Site], data: Path) -> Site:
    """The app over the built-in model, as `make run` starts it, with its files in `data`."""
    choice = choosing.resolve("postcard", "cpu", None)
    return serve(
        None, lambda report, pictures: loader.load(choice, 2**28, report, pictures), data=data
    )


def test_a_day(serve: Callable[..., Site], open_tab: Callable[..., Tab], tmp_path: Path) -> None:
    first = real(serve, tmp_path)
    tab = open_tab(at=first)
    box = tab.page.get_by_label("Prompt", exact=True)

    # A long prompt, letter by letter, with a look at each part; back and forth, and on from there.
    for part in PARTS:
        tab.type(part, 15)
        tab.settle(LONG_MS)
    for _ in range(2):
        tab.page.keyboard.press("Alt+ArrowLeft")
    expect(box).not_to_have_value(SENTENCE)
    tab.page.keyboard.press("Alt+ArrowRight")
    box.press("End")
    tab.type(", at noon", 15)
    tab.settle(LONG_MS)
    moments = tab.page.locator(".klein-moment").count()
    assert moments >= 3

    # Five pins, arranged, told of, compared, blended.
    pin_this(tab)
    for words in WORDS:
        box.fill(words)
        tab.settle(LONG_MS)
        pin_this(tab)
    png = saved(tab, "PNG", tmp_path)
    pixels, request = drawn(tab), request_in(png.read_bytes())
    board(tab)
    expect(tab.page.locator("#klein .klein-hung")).to_have_count(5)
    order = captions(tab)
    pin(tab, order[4]).click()
    with tab.page.expect_response("**/pins/place"):
        tab.page.keyboard.press("Alt+ArrowLeft")
    order = [*order[:3], order[4], order[3]]
    hangs(tab, *order)
    pin(tab, order[0]).click()
    pin(tab, order[1]).click(modifiers=["Control"])
    bar = tab.page.locator(".klein-board-bar")
    bar.get_by_role("button", name="Compare").click()
    expect(tab.page.get_by_label("Two pins beside each other")).to_be_visible()
    tab.page.keyboard.press("Escape")
    bar.get_by_role("button", name="Blend").click()
    dialog = tab.page.get_by_label("Between two pins")
    picture = dialog.locator(".klein-blend-picture")
    expect(picture).to_have_attribute("data-stage", "final", timeout=LONG_MS)
    dialog.get_by_role("button", name="Pin this").click()
    expect(dialog.locator(".klein-pair-line")).to_contain_text("Pinned to", timeout=LONG_MS)
    tab.page.keyboard.press("Escape")
    expect(tab.page.locator("#klein .klein-hung")).to_have_count(6)
    order = captions(tab)

    # It leaves as a ZIP and as a contact sheet.
    tab.page.keyboard.press("Escape")
    for kind, name in (("ZIP opens", "board.zip"), ("Contact sheet, PNG", "sheet.png")):
        with tab.page.expect_download(timeout=LONG_MS) as started:
            bar.get_by_role("button", name="Export…").click()
            bar.get_by_role("menuitem", name=kind).click()
        started.value.save_as(tmp_path / name)

    # The page is loaded again, and the server started again: all is there.
    tab.page.reload()
    board(tab)
    hangs(tab, *order)
    tab.page.close()
    first.services.history.flush()
    first.services.dispatcher.stop()
    first.services.close()
    second = real(serve, tmp_path)
    again = open_tab(at=second)
    expect(again.page.locator(".klein-moment")).to_have_count(moments + len(WORDS))
    board(again)
    hangs(again, *order)
    assert list(kept(second, again)) == ["Moodboard"]

    # What was exported makes the same pixels, and the ZIP the same board.
    again.page.get_by_role("tab", name="Live").click()
    drop(again, png)
    expect(again.page.get_by_label("Prompt", exact=True)).to_have_value(WORDS[-1], timeout=LONG_MS)
    again.settle(LONG_MS)
    assert again.shown() == request
    assert np.array_equal(drawn(again), pixels)
    assert np.array_equal(pixels_of(png.read_bytes()), pixels)
    drop(again, tmp_path / "board.zip")
    again.until(lambda: sizes(second, again) == [6, 6])
    drop(again, tmp_path / "sheet.png")
    again.until(lambda: sizes(second, again) == [6, 6, 6])


def pin_this(tab: Tab) -> None:
    """Keep the picture on screen by the key."""
    tab.page.get_by_label("Prompt", exact=True).press("Control+s")
    line = tab.page.locator("#klein-message-text")
    expect(line).to_contain_text("Pinned to", timeout=LONG_MS)
    tab.page.evaluate("document.getElementById('klein-message-text').textContent = ''")


def sizes(site: Site, tab: Tab) -> list[int]:
    """How many pins each board has that the server keeps for this browser."""
    moodboard, who = site.services.moodboard, owner(tab)
    return [len(moodboard.pins(who, one.id)) for one in moodboard.boards(who)]
