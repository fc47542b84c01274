"""What the tests of the Edit tab do with it."""

from pathlib import Path

from playwright.sync_api import expect

from klein_ui.contract import Request

from .tab import Tab

COLOURS = {"red": (200, 30, 30), "green": (30, 160, 60), "blue": (30, 60, 200), "grey": (90,) * 3}


def add(tab: Tab, *paths: Path) -> None:
    """Add images, and wait for their cards."""
    before = tab.page.locator(".klein-card").count()
    tab.page.set_input_files(".klein-files", list(paths))
    expect(tab.page.locator(".klein-card")).to_have_count(before + len(paths))


def instruct(tab: Tab, text: str) -> Request:
    """Type an instruction; the request of its full picture."""
    tab.page.get_by_label("Instruction", exact=True).click()
    tab.type(text)
    tab.settle()
    return tab.shown()


def stroke(tab: Tab, *across: float) -> None:
    """Paint one line at half the height, from the first to the last part of the width."""
    box = tab.page.locator(".klein-region").bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    tab.page.mouse.move(box["x"] + box["width"] * across[0], middle)
    tab.page.mouse.down()
    tab.page.mouse.move(box["x"] + box["width"] * across[-1], middle, steps=4)
    tab.page.mouse.up()


def await_region(tab: Tab) -> None:
    """Wait until the painted region is the app's."""
    tab.page.wait_for_function(
        "document.querySelector(\"[data-tool='region']\").dataset.active === 'yes'"
    )
