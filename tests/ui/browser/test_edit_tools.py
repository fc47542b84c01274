"""The Edit tab's tools: the region, the background lock, and what lies over the result."""

from pathlib import Path

import numpy as np
from playwright.sync_api import expect

from .editing import add, await_region, instruct, stroke
from .tab import Tab


def test_a_painted_region_travels_as_a_mask(edit: Tab, files: dict[str, Path]) -> None:
    add(edit, files["red"])
    edit.page.get_by_role("button", name="Region", exact=True).click()
    # Before anything is asked for: the hint must not lie in the way.
    stroke(edit, 0.5, 0.7)
    await_region(edit)
    instruct(edit, "dusk")
    request = edit.shown()
    mask = edit.site.services.pictures.get(request.mask)
    assert mask.shape == (request.height, request.width, 3)
    assert mask[request.height // 2, request.width // 2].tolist() == [255] * 3
    assert 0.02 < float(np.mean(mask > 127)) < 0.5
    edit.page.get_by_role("button", name="Remove region").click()
    edit.settle()
    assert edit.shown().mask == ""


def test_strokes_in_quick_succession_are_all_kept(edit: Tab, files: dict[str, Path]) -> None:
    add(edit, files["red"])
    instruct(edit, "dusk")
    edit.page.get_by_role("button", name="Region", exact=True).click()
    sent: list[str] = []
    edit.page.on("requestfinished", lambda request: sent.append(request.url.rpartition("/")[2]))
    for place in (0.15, 0.5, 0.85):
        stroke(edit, place, place)
    edit.until(lambda: sent.count("pictures") == 3)
    await_region(edit)
    edit.settle()
    request = edit.shown()
    mask = edit.site.services.pictures.get(request.mask)[request.height // 2, :, 0]
    assert [int(mask[int(request.width * at)]) for at in (0.15, 0.5, 0.85)] == [255] * 3
    assert mask[int(request.width * 0.33)] == 0


def test_a_region_goes_when_the_picture_gets_another_shape(
    edit: Tab, files: dict[str, Path]
) -> None:
    add(edit, files["red"])
    instruct(edit, "dusk")
    edit.page.get_by_role("button", name="Region", exact=True).click()
    stroke(edit, 0.5, 0.7)
    await_region(edit)
    edit.page.locator("#klein-edit-aspect").get_by_text("9:16").click()
    expect(edit.page.locator("#klein-edit-message-text")).to_contain_text("another shape")
    edit.settle()
    assert edit.shown().mask == ""


def test_tools_say_that_they_need_an_image(edit: Tab) -> None:
    for name in ("Before / after", "Show changes", "Keep background", "Region"):
        tool = edit.page.get_by_role("button", name=name, exact=True)
        tool.click()
        expect(tool).to_have_attribute("aria-pressed", "false")
        expect(edit.page.locator("#klein-edit-message-text")).to_contain_text("Add an image first")


def test_the_background_lock_travels(edit: Tab, files: dict[str, Path]) -> None:
    add(edit, files["red"])
    instruct(edit, "dusk")
    edit.page.get_by_role("button", name="Keep background").click()
    edit.settle()
    assert edit.shown().keep_background


def test_before_and_after_and_changes_lie_over_the_result(
    edit: Tab, files: dict[str, Path]
) -> None:
    add(edit, files["red"])
    instruct(edit, "dusk")
    edit.page.get_by_role("button", name="Before / after").click()
    edit.page.get_by_label("Before and after").fill("25")
    assert "75%" in str(edit.page.locator(".klein-before").get_attribute("style"))
    edit.page.get_by_role("button", name="Show changes").click()
    heat = edit.page.locator(".klein-heat")
    expect(heat).to_be_visible()
    edit.page.wait_for_function("document.querySelector('.klein-heat').naturalWidth > 0")


def test_each_image_tells_what_came_from_it(edit: Tab, files: dict[str, Path]) -> None:
    add(edit, files["red"], files["green"])
    instruct(edit, "dusk")
    edit.page.get_by_role("button", name="Which image did this come from?").click()
    captions = edit.page.locator(".klein-source figcaption")
    expect(captions.nth(1)).to_be_visible()
    shares = [int(text.split()[0]) for text in captions.all_inner_texts()]
    assert 98 <= sum(shares) <= 102
