"""The Edit tab: images in, in order, on and off, with roles; the last state is what is shown."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Route, expect

from klein_ui.contract import Request
from klein_ui.ui import desk

from .tab import Tab

COLOURS = {"red": (200, 30, 30), "green": (30, 160, 60), "blue": (30, 60, 200), "grey": (90,) * 3}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Images of one colour each, 96 x 64 pixels."""
    folder = tmp_path_factory.mktemp("images")
    paths = {name: folder / f"{name}.png" for name in COLOURS}
    for name, path in paths.items():
        Image.new("RGB", (96, 64), COLOURS[name]).save(path)
    return paths


@pytest.fixture
def edit(tab: Tab) -> Tab:
    """The Edit tab in front."""
    return tab.edit()


def add(tab: Tab, *paths: Path) -> None:
    before = tab.page.locator(".klein-card").count()
    tab.page.set_input_files(".klein-files", list(paths))
    expect(tab.page.locator(".klein-card")).to_have_count(before + len(paths))


def instruct(tab: Tab, text: str) -> Request:
    tab.page.get_by_label("Instruction", exact=True).click()
    tab.type(text)
    tab.settle()
    return tab.shown()


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
    tab.page.wait_for_function(
        "document.querySelector(\"[data-tool='region']\").dataset.active === 'yes'"
    )


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


def test_images_are_pasted_and_dropped(edit: Tab, files: dict[str, Path]) -> None:
    for kind in ("paste", "drop"):
        edit.page.evaluate(
            """([kind, bytes]) => {
              const data = new DataTransfer();
              data.items.add(new File([new Uint8Array(bytes)], "x.png", { type: "image/png" }));
              const event = kind === "paste"
                ? new ClipboardEvent("paste", { clipboardData: data, bubbles: true })
                : new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true });
              document.body.dispatchEvent(event);
            }""",
            [kind, list(files["red"].read_bytes())],
        )
    expect(edit.page.locator(".klein-card")).to_have_count(2)


def test_pasting_text_with_a_picture_of_it_pastes_the_text(
    edit: Tab, files: dict[str, Path]
) -> None:
    kept = edit.page.evaluate(
        """(bytes) => {
          const data = new DataTransfer();
          data.items.add(new File([new Uint8Array(bytes)], "x.png", { type: "image/png" }));
          data.setData("text/plain", "words");
          const box = document.querySelector("#klein-edit-prompt textarea");
          const event = new ClipboardEvent("paste", {
            clipboardData: data, bubbles: true, cancelable: true,
          });
          return box.dispatchEvent(event);
        }""",
        list(files["red"].read_bytes()),
    )
    assert kept
    expect(edit.page.locator(".klein-card")).to_have_count(0)


def test_an_upload_that_lands_late_leaves_the_live_picture_alone(
    tab: Tab, files: dict[str, Path]
) -> None:
    tab.edit()
    held: list[Route] = []
    tab.page.route("**/gradio_api/live/pictures", lambda route: held.append(route))
    tab.page.set_input_files(".klein-files", [files["red"]])
    tab.page.get_by_role("tab", name="Live").click()
    tab.desk = desk.LIVE
    tab.page.get_by_label("Prompt", exact=True).click()
    tab.type("a red sun")
    held[0].continue_()
    expect(tab.page.locator(".klein-card")).to_have_count(1)
    tab.settle()
    assert tab.shown().prompt == "a red sun"


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


def test_images_survive_a_reload(edit: Tab, files: dict[str, Path]) -> None:
    add(edit, files["red"], files["green"])
    edit.page.get_by_label("Role of image 2").fill("style")
    edit.page.reload()
    edit.page.get_by_label("Prompt", exact=True).wait_for()
    edit.edit()
    expect(edit.page.locator(".klein-card")).to_have_count(2)
    expect(edit.page.get_by_label("Role of image 2")).to_have_value("style")


def png(size: tuple[int, int]) -> bytes:
    out = BytesIO()
    Image.new("L", size).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.png", b""),
        ("text.png", b"this is no picture at all"),
        ("truncated.png", png((200, 200))[:60]),
        ("tiny.png", png((1, 1))),
        ("long.png", png((20000, 1))),
        ("drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        ("photo.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"),
        ("huge.png", b"\x89PNG\r\n\x1a\n" + bytes(40 * 2**20)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_bad_image_is_one_sentence_and_nothing_is_lost(
    edit: Tab, files: dict[str, Path], tmp_path: Path, name: str, content: bytes
) -> None:
    add(edit, files["red"])
    before = instruct(edit, "dusk")
    path = tmp_path / name
    path.write_bytes(content)
    edit.page.set_input_files(".klein-files", [path])
    edit.page.wait_for_function(
        "document.querySelector('#klein-edit-message-text').textContent.length > 10"
    )
    assert edit.message().endswith(".")
    assert edit.message().count(". ") == 0
    assert edit.page.locator(".klein-card").count() == 1
    assert edit.text("Instruction") == "dusk"
    assert edit.shown() == before
    # Chromium itself logs every refused upload.
    edit.errors[:] = [error for error in edit.errors if "Failed to load resource" not in error]
    edit.type(" red")
    edit.settle()
    assert edit.shown().prompt == "dusk red"
