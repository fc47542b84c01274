"""Images on their way into the Edit tab: pasted, dropped, late, bad; and over a reload."""

from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Route, expect

from klein_ui.ui import desk

from .editing import add, instruct
from .tab import Tab


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
