"""What leaves the page comes back to it, and makes the very same pixels."""

import base64
import io
import json
import mimetypes
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from klein_ui import validate
from klein_ui.contract import Frame, Pixels
from klein_ui.engine import choosing, loader
from klein_ui.models import POSTCARD
from klein_ui.moodboard import NO_BOARD
from klein_ui.provenance import archive
from klein_ui.provenance.reading import read
from klein_ui.ui import client
from klein_ui.ui import desk as desks

from .tab import Site, Tab, request_in

LONG_MS = 60_000
PROMPT = "a red sun <b>over</b> the sea & “hills”, watercolour"
DROP = """async ([selector, files]) => {
  const transfer = new DataTransfer();
  for (const { name, type, base64 } of files) {
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    transfer.items.add(new File([bytes], name, { type }));
  }
  const where = document.querySelector(selector);
  for (const kind of ["dragover", "drop"]) {
    const options = { bubbles: true, cancelable: true, dataTransfer: transfer };
    where.dispatchEvent(new DragEvent(kind, options));
  }
}"""
COPY = {"permissions": ["clipboard-read", "clipboard-write"]}


@pytest.fixture(scope="module")
def real_site(serve: Callable[..., Site]) -> Site:
    """The page over the built-in model, loaded as the app loads it."""
    choice = choosing.resolve("postcard", "cpu", None)
    return serve(None, lambda report, pictures: loader.load(choice, 2**28, report, pictures))


def pixels_of(data: bytes) -> Pixels:
    with Image.open(io.BytesIO(data)) as picture:
        return np.array(picture.convert("RGB"))


def drop(tab: Tab, *paths: Path, on: str = "body") -> None:
    """Drop files onto the page, as a hand does."""
    files = [
        {
            "name": path.name,
            "type": mimetypes.guess_type(path.name)[0] or "",
            "base64": base64.b64encode(path.read_bytes()).decode(),
        }
        for path in paths
    ]
    tab.page.evaluate(DROP, [on, files])


def saved(tab: Tab, item: str, folder: Path) -> Path:
    """What the menu beside Download saves."""
    tab.page.get_by_role("button", name="More ways to save").locator("visible=true").click()
    with tab.page.expect_download() as started:
        tab.page.get_by_role("menuitem", name=item).locator("visible=true").click()
    path = folder / str(started.value.suggested_filename)
    started.value.save_as(path)
    return path


def drawn(tab: Tab) -> Pixels:
    """The pixels of the picture on screen, lossless."""
    return pixels_of(tab.png())


def shown(tab: Tab, prompt: str, timeout_ms: float = LONG_MS) -> Pixels:
    """The final picture, once the page has taken over the request of `prompt`."""
    box = tab.page.get_by_label("Prompt", exact=True)
    expect(box).to_have_value(prompt, timeout=timeout_ms)
    tab.settle(timeout_ms)
    return drawn(tab)


def fresh(open_tab: Callable[..., Tab], page: Page, at: Site) -> Tab:
    """The app opened anew, with nothing kept in the browser's tab."""
    page.close()
    return open_tab(at=at)


def set_up(tab: Tab) -> Pixels:
    """A picture that none of the defaults makes."""
    tab.page.locator("#klein-aspect").get_by_text("4:3", exact=True).click()
    tab.page.locator("#klein-seed input").fill("4711")
    tab.page.locator("#klein-prompt textarea").click()
    tab.type(PROMPT, 5)
    tab.settle(LONG_MS)
    assert (tab.shown().seed, tab.shown().width != tab.shown().height) == (4711, True)
    return drawn(tab)


def test_a_png_dropped_on_a_fresh_page_makes_the_very_same_pixels(
    open_tab: Callable[..., Tab], real_site: Site, tmp_path: Path
) -> None:
    tab = open_tab(at=real_site)
    before = set_up(tab)
    path = saved(tab, "PNG", tmp_path)
    assert np.array_equal(pixels_of(path.read_bytes()), before)
    tab = fresh(open_tab, tab.page, real_site)
    # A fresh page begins with the defaults; the cache of frames has nothing to do with the answer.
    drop(tab, path)
    assert np.array_equal(shown(tab, PROMPT), before)
    assert tab.shown() == request_in(path.read_bytes())
    expect(tab.page.locator("#klein-message-text")).to_contain_text("the same picture")


@pytest.mark.parametrize("kind", ["WebP", "JPEG"])
def test_a_lossy_picture_and_its_request(
    open_tab: Callable[..., Tab], site: Site, tmp_path: Path, kind: str
) -> None:
    tab = open_tab()
    before = set_up(tab)
    path = saved(tab, kind, tmp_path)
    (entry,) = archive.read(io.BytesIO(path.read_bytes())).entries
    assert entry.record.request == tab.shown()
    picture, manifest = tmp_path / entry.file, tmp_path / "manifest.json"
    picture.write_bytes(archive.picture(io.BytesIO(path.read_bytes()), entry))
    with zipfile.ZipFile(path) as packed:
        manifest.write_bytes(packed.read("manifest.json"))
    tab = fresh(open_tab, tab.page, site)
    drop(tab, picture, manifest)
    assert np.array_equal(shown(tab, PROMPT), before)


@pytest.mark.parametrize("context", [COPY], indirect=True)
def test_a_link_opens_the_same_request(open_tab: Callable[..., Tab], site: Site) -> None:
    tab = open_tab()
    before = set_up(tab)
    tab.page.get_by_role("button", name="More ways to save").click()
    tab.page.get_by_role("menuitem", name="Copy link").click()
    expect(tab.page.locator("#klein-message-text")).to_have_text("Link copied.")
    url = tab.page.evaluate("navigator.clipboard.readText()")
    assert url.startswith(f"{site.url}?prompt=")
    other = fresh(open_tab, tab.page, site)
    other.page.goto(url + "&__theme=dark")
    assert np.array_equal(shown(other, PROMPT), before)
    # What else stood in the address stays there.
    assert other.page.evaluate("location.search") == "?__theme=dark"


@pytest.mark.parametrize("query", ["z=AAAA", "prompt=a&seed=x", "prompt=a&width=<script>"])
def test_a_wrong_link_is_one_sentence_and_the_app_works(
    open_tab: Callable[..., Tab], site: Site, query: str
) -> None:
    tab = open_tab()
    tab.page.goto(f"{site.url}?{query}")
    alert = tab.page.locator("#klein-message-text[role='alert']")
    expect(alert).to_contain_text("link is incomplete or damaged")
    tab.errors[:] = [one for one in tab.errors if "422" not in one]
    tab.page.get_by_label("Prompt", exact=True).click()
    tab.type("a lake")
    tab.settle()
    assert tab.page.evaluate("location.search") == ""


def test_a_link_can_be_copied_by_hand_where_the_clipboard_is_denied(
    open_tab: Callable[..., Tab],
) -> None:
    tab = open_tab(
        lambda page: page.add_init_script(
            "Object.defineProperty(navigator, 'clipboard', { value: undefined });"
        )
    )
    tab.type("a lake")
    tab.settle()
    tab.page.get_by_role("button", name="More ways to save").click()
    tab.page.get_by_role("menuitem", name="Copy link").click()
    field = tab.page.get_by_label("Copy this link")
    expect(field).to_be_visible()
    assert "prompt=a+lake" in field.input_value()
    selected = field.evaluate("(field) => field.selectionEnd - field.selectionStart")
    assert selected == len(field.input_value())
    tab.page.keyboard.press("Escape")
    expect(field).to_have_count(0)


def test_the_menu_by_keys_moves_nothing_else(tab: Tab) -> None:
    more = tab.page.get_by_role("button", name="More ways to save")
    copy = tab.page.get_by_role("button", name="Copy", exact=True)
    place = copy.bounding_box()
    more.focus()
    tab.page.keyboard.press("Enter")
    items = tab.page.get_by_role("menuitem").locator("visible=true")
    expect(items.first).to_be_focused()
    assert copy.bounding_box() == place
    tab.page.keyboard.press("ArrowUp")
    expect(items.last).to_be_focused()
    tab.page.keyboard.press("ArrowDown")
    expect(items.first).to_be_focused()
    tab.page.keyboard.press("Escape")
    expect(items).to_have_count(0)
    expect(more).to_be_focused()
    assert more.get_attribute("aria-expanded") == "false"


def test_on_the_edit_tab_a_picture_stays_an_image_and_its_request_is_offered(
    open_tab: Callable[..., Tab], site: Site, tmp_path: Path
) -> None:
    tab = open_tab()
    tab.type("a lake")
    tab.settle()
    path = saved(tab, "PNG", tmp_path)
    tab = fresh(open_tab, tab.page, site).edit()
    drop(tab, path)
    expect(tab.page.locator("#klein-edit-desk .klein-card")).to_have_count(1)
    offer = tab.page.get_by_role("button", name="Open its request")
    offer.click()
    expect(offer).to_have_count(0)
    tab.desk = desks.LIVE
    shown(tab, "a lake")


def test_a_request_with_images_opens_on_the_edit_tab(
    open_tab: Callable[..., Tab], site: Site, files: dict[str, Path], tmp_path: Path
) -> None:
    tab = open_tab().edit()
    drop(tab, next(iter(files.values())))
    expect(tab.page.locator("#klein-edit-desk .klein-card")).to_have_count(1)
    tab.page.locator("#klein-edit-desk .klein-role").fill("style")
    tab.page.get_by_role("button", name="Keep background").click()
    tab.page.get_by_label("Instruction", exact=True).click()
    tab.type("make it night")
    tab.settle()
    before, request = drawn(tab), tab.shown()
    assert (request.keep_background, request.prompt != "make it night") == (True, True)
    path = saved(tab, "PNG", tmp_path)
    other = fresh(open_tab, tab.page, site)
    drop(other, path)
    other.page.wait_for_selector("#klein-edit-desk .klein-card")
    other.desk = tab.desk
    expect(other.page.get_by_label("Instruction", exact=True)).to_have_value("make it night")
    other.settle()
    assert other.shown() == request
    assert np.array_equal(drawn(other), before)


def test_what_holds_no_request_goes_to_the_edit_tab_as_before(
    tab: Tab, files: dict[str, Path]
) -> None:
    drop(tab, next(iter(files.values())))
    expect(tab.page.locator("#klein-edit-desk .klein-card")).to_have_count(1)


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("a.zip", b"PK\x03\x04" + b"\0" * 99, "archive is damaged"),
        ("a.json", b'{"a": 1}', "holds no request"),
        ("a.pdf", b"%PDF-1.7", "PDF holds no requests"),
    ],
)
def test_what_cannot_be_opened_is_one_sentence(
    tab: Tab, tmp_path: Path, name: str, data: bytes, sentence: str
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    drop(tab, path)
    expect(tab.page.locator("#klein-message-text[role='alert']")).to_contain_text(sentence)
    tab.errors[:] = [one for one in tab.errors if "422" not in one]


def owner_of(tab: Tab) -> str:
    """How the server calls the browser of `tab`: what it typed is kept under that name."""
    assert tab.site.services.history.flush()
    rows = tab.site.services.ledger.rows("SELECT owner FROM states ORDER BY number DESC LIMIT 1")
    return str(rows[0]["owner"])


def pinned(tab: Tab, prompts: list[str]) -> list[Frame]:
    """Type each, pin it for the browser of `tab`."""
    frames = []
    for prompt in prompts:
        tab.page.keyboard.press("ControlOrMeta+a")
        tab.type(prompt, 5)
        tab.settle()
        kept = tab.site.services.shelf.get(tab.frames()[-1]["header"]["frame"])
        assert kept is not None
        assert kept.frame is not None
        frames.append(kept.frame)
        tab.site.services.moodboard.pin(owner_of(tab), kept.frame)
    return frames


@pytest.mark.parametrize("kind", ["zip", "sheet.png"])
def test_a_board_leaves_and_comes_back(
    open_tab: Callable[..., Tab], site: Site, tmp_path: Path, kind: str
) -> None:
    tab = open_tab()
    frames = pinned(tab, ["a lake", "the sea", "hills"])
    board = site.services.moodboard
    (first,) = board.boards(owner_of(tab))
    reply = tab.page.request.post(
        f"{site.url}gradio_api/live/export", data=json.dumps({"board": first.id, "as": kind})
    )
    assert reply.ok
    path = tmp_path / ("board.zip" if kind == "zip" else "sheet.png")
    path.write_bytes(reply.body())
    assert read(path.read_bytes()).requests == tuple(frame.request for frame in frames)
    drop(tab, path)
    expect(tab.page.locator("#klein-message-text")).to_contain_text("is a new board with 3 pins")
    _, second = board.boards(owner_of(tab))
    for frame, pin in zip(frames, board.pins(owner_of(tab), second.id), strict=True):
        assert pin.request == frame.request
        png = board.picture(owner_of(tab), pin.id)
        assert np.array_equal(pixels_of(png), frame.pixels)


RUN = """async ([board, kind]) => {
  const said = [];
  const speak = { notice: (one) => said.push(one), refused: (more) => said.push(...more) };
  await createExport({ export: "/gradio_api/live/export" }, speak).run(board, [], kind);
  return said;
}"""
CALL = "(given) => window.run(given)"


def test_exports_are_saved_by_their_names_or_say_why_not(tab: Tab) -> None:
    pinned(tab, ["a lake"])
    (board,) = tab.site.services.moodboard.boards(owner_of(tab))
    scripts = [(client.ASSETS / f"{name}.js").read_text() for name in ("saving", "exporting")]
    tab.page.add_script_tag(content="\n".join([*scripts, f"window.run = {RUN}"]))
    with tab.page.expect_download() as started:
        said = tab.page.evaluate(CALL, [board.id, "sheet.pdf"])
    assert started.value.suggested_filename == "Moodboard-1.pdf"
    assert said == ["The contact sheet is being made…", "Saved."]
    said = tab.page.evaluate(CALL, ["nowhere", "zip"])
    assert said == ["The files are being packed…", NO_BOARD]
    tab.errors[:] = [one for one in tab.errors if "404" not in one]


def test_a_size_that_no_choice_makes_is_kept_until_another_is_chosen(
    tab: Tab, site: Site, tmp_path: Path
) -> None:
    asked = validate.asked({"prompt": "a cup", "seed": 5, "width": 304, "height": 160}, POSTCARD)
    frame = site.services.dispatcher.render(asked.request).result(10)
    path = tmp_path / "odd.png"
    path.write_bytes(site.services.exporter.export(frame).data)
    drop(tab, path)
    assert np.array_equal(shown(tab, "a cup"), frame.pixels)
    # The widgets have said by then what was put into them, which changes nothing.
    tab.page.get_by_label("Prompt", exact=True).click()
    tab.page.keyboard.press("End")
    tab.type("s")
    tab.settle()
    assert (tab.shown().width, tab.shown().height) == (304, 160)
    tab.page.locator("#klein-aspect").get_by_text("4:3", exact=True).click()
    tab.page.wait_for_function("document.querySelector('.klein-size').textContent === '256 × 192'")


def test_what_is_different_here_is_said(tab: Tab, site: Site, tmp_path: Path) -> None:
    asked = validate.asked({"prompt": "a cup", "seed": 5}, POSTCARD)
    frame = site.services.dispatcher.render(asked.request).result(10)
    other = replace(frame, request=replace(frame.request, model="klein-9b"))
    path = tmp_path / "other.png"
    path.write_bytes(site.services.exporter.export(other).data)
    drop(tab, path)
    alert = tab.page.locator("#klein-message-text[role='alert']")
    expect(alert).to_contain_text("made with “klein-9b” and is drawn with postcard here")
    assert np.array_equal(shown(tab, "a cup"), frame.pixels)
