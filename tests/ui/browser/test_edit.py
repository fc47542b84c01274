"""The Edit tab: images in, in order, on and off, with roles; the last state is what is shown."""

from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from klein_ui.contract import Request

from .editing import COLOURS, add, instruct
from .tab import Tab


def handle(tab: Tab, number: int) -> Locator:
    return tab.page.get_by_role(
        "button", name=f"Move image {number}: arrow keys, or drag", exact=True
    )


def colours(tab: Tab, request: Request) -> list[str]:
    """The names of a request's references, by their pixels."""
    found = []
    for reference in request.references:
        pixel = tuple(tab.site.services.pictures.get(reference.digest)[0, 0].tolist())
        found.append(next(name for name, value in COLOURS.items() if value == pixel))
    return found


def test_images_and_instruction_make_the_request(edit: Tab, files: dict[str, Path]) -> None:
    add(edit, files["red"], files["green"], files["blue"])
    request = instruct(edit, "make it night")
    assert colours(edit, request) == ["red", "green", "blue"]
    assert request.prompt == "make it night"
    assert request.width / request.height == pytest.approx(96 / 64, rel=0.07)


def test_nothing_is_made_of_images_alone_and_image_one_is_shown(
    edit: Tab, files: dict[str, Path]
) -> None:
    renders = edit.site.engine.counts.renders
    add(edit, files["red"])
    expect(edit.page.locator(".klein-before")).to_be_visible()
    expect(edit.page.get_by_text("Add an image, then type")).to_be_hidden()
    assert edit.site.engine.counts.renders == renders


def test_keys_and_buttons_reorder_switch_and_remove(edit: Tab, files: dict[str, Path]) -> None:
    add(edit, files["red"], files["green"], files["blue"])
    instruct(edit, "dusk")
    handle(edit, 3).focus()
    edit.page.keyboard.press("ArrowUp")
    edit.page.keyboard.press("ArrowUp")
    edit.settle()
    assert colours(edit, edit.shown()) == ["blue", "red", "green"]
    expect(handle(edit, 1)).to_be_focused()
    edit.page.get_by_role("switch", name="Use image 2").click()
    edit.settle()
    assert colours(edit, edit.shown()) == ["blue", "green"]
    expect(edit.page.locator(".klein-number")).to_have_text(["image 1", "off", "image 2"])
    edit.page.get_by_label("Remove image 1").click()
    edit.settle()
    assert colours(edit, edit.shown()) == ["green"]


def test_a_card_is_dragged_to_another_place(edit: Tab, files: dict[str, Path]) -> None:
    add(edit, files["red"], files["green"], files["blue"])
    instruct(edit, "dusk")
    first = handle(edit, 1).bounding_box()
    last = edit.page.locator(".klein-card").last.bounding_box()
    assert first is not None
    assert last is not None
    edit.page.mouse.move(first["x"] + 5, first["y"] + 20)
    edit.page.mouse.down()
    edit.page.mouse.move(last["x"] + 5, last["y"] + last["height"] - 4, steps=8)
    edit.page.mouse.up()
    edit.settle()
    assert colours(edit, edit.shown()) == ["green", "blue", "red"]
    edit.page.get_by_role("button", name="Undo").click()
    edit.settle()
    assert colours(edit, edit.shown()) == ["red", "green", "blue"]


def test_one_more_than_the_model_takes_comes_switched_off(
    edit: Tab, files: dict[str, Path]
) -> None:
    add(edit, *files.values())
    request = instruct(edit, "dusk")
    assert len(request.references) == 3
    edit.page.get_by_role("switch", name="Use the image at place 4, off").click()
    expect(edit.page.locator("#klein-edit-message-text")).to_contain_text("switch one off first")
    edit.page.get_by_role("switch", name="Use image 1").click()
    edit.page.get_by_role("switch", name="Use the image at place 4, off").click()
    edit.settle()
    assert colours(edit, edit.shown()) == ["green", "blue", "grey"]


def test_roles_are_told_and_can_be_kept_back(edit: Tab, files: dict[str, Path]) -> None:
    add(edit, files["red"], files["green"])
    instruct(edit, "dusk")
    edit.page.get_by_label("Role of image 2").fill("style")
    edit.settle()
    assert edit.shown().prompt == "dusk. Use the style of image 2."
    expect(
        edit.page.get_by_text("The model reads: dusk. Use the style of image 2.")
    ).to_be_visible()
    edit.page.get_by_label("Tell the model the roles").uncheck()
    edit.settle()
    assert edit.shown().prompt == "dusk"
    assert edit.shown().references[1].role == "style"


def test_strength_travels_and_its_drag_is_one_step_back(edit: Tab, files: dict[str, Path]) -> None:
    add(edit, files["red"])
    instruct(edit, "dusk")
    edit.page.get_by_label("Strength of image 1").focus()
    for _ in range(4):
        edit.page.keyboard.press("ArrowLeft")
    edit.settle()
    assert edit.shown().references[0].strength == pytest.approx(0.8)
    edit.page.get_by_role("button", name="Undo").click()
    edit.settle()
    assert edit.shown().references[0].strength == 1


def test_the_result_becomes_image_one_and_undo_takes_it_back(
    edit: Tab, files: dict[str, Path]
) -> None:
    add(edit, files["red"], files["green"])
    made = instruct(edit, "dusk")
    seq = edit.seq()
    edit.page.get_by_role("button", name="Use as image 1").click()
    edit.page.wait_for_function(
        f"document.querySelector('{edit.canvas}').dataset.promptSeq > {seq}"
    )
    edit.settle()
    chained = edit.shown()
    first = chained.references[0]
    store = edit.site.services.pictures
    assert store.made_by(first.digest) == made
    assert first.made_by
    assert colours(edit, made) == ["red", "green"]
    assert chained.references[1] == made.references[1]
    edit.page.get_by_role("button", name="Undo").click()
    edit.settle()
    assert colours(edit, edit.shown()) == ["red", "green"]


def test_a_live_picture_is_taken_to_the_edit_tab(tab: Tab) -> None:
    tab.type("a red sun")
    tab.settle()
    made = tab.shown()
    tab.page.get_by_role("button", name="Edit this").click()
    expect(tab.page.locator(".klein-card")).to_have_count(1)
    tab.edit()
    request = instruct(tab, "at night")
    assert tab.site.services.pictures.made_by(request.references[0].digest) == made
    tab.page.get_by_role("tab", name="Live").click()
    expect(tab.page.get_by_label("Prompt", exact=True)).to_have_value("a red sun")
    expect(tab.page.locator("#klein-stage .klein-picture")).to_be_visible()


def test_two_drags_are_two_steps_back(edit: Tab, files: dict[str, Path]) -> None:
    add(edit, files["red"])
    instruct(edit, "dusk")
    slider = edit.page.get_by_label("Strength of image 1")
    for value in ("0.5", "0.2"):
        slider.fill(value)
        slider.dispatch_event("pointerup")
    edit.page.get_by_role("button", name="Undo").click()
    edit.settle()
    assert edit.shown().references[0].strength == pytest.approx(0.5)
