"""`python -m klein_ui.bench screenshots`: the pictures of the documentation, taken anew."""

import argparse
import io
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, FilePayload, Page

from klein_ui.bench import poster
from klein_ui.bench.apps import free_port
from klein_ui.bench.browser import chromium, find_chromium

PROMPT = "a red sun over blue mountains at night"
LONG_MS = 120_000
FRAME_MS, LAST_FRAME_MS = 160, 2_500
ANIMATION_WIDTH_PX = 960
WEBP_QUALITY = 80


@dataclass(frozen=True, slots=True)
class Shot:
    """One still picture of the app: its file, its window in pixels, and its colours."""

    name: str
    width_px: int
    height_px: int
    scheme: str


SHOTS = (
    Shot("live-light.png", 1440, 900, "light"),
    Shot("live-dark.png", 1440, 900, "dark"),
    Shot("live-phone.png", 390, 844, "light"),
)
EDIT_SHOTS = (
    Shot("edit-light.png", 1440, 960, "light"),
    Shot("edit-dark.png", 1440, 960, "dark"),
    Shot("edit-phone.png", 390, 844, "light"),
)
BOARD_SHOTS = (
    Shot("board-light.png", 1440, 900, "light"),
    Shot("board-phone.png", 390, 844, "light"),
)
ASPECTS = ("3:2", "1:1", "3:4", "16:9", "4:3", "1:1", "2:3", "3:2", "2:1", "4:3", "1:1", "16:9")
TILES = Shot("variations.png", 1440, 900, "light")
EDITED = ("a house by the mountains", "a boat at sunset, sea", "city at night, neon")
PIN_PICTURES = """() => [...document.querySelectorAll(".klein-hung img")].every((image) =>
  image.getBoundingClientRect().top > innerHeight || image.naturalWidth)"""
INSTRUCTION = "make it night"
ANIMATION = Shot("live.webp", 1280, 800, "light")


def add_to(commands: Any) -> None:
    """Add the subcommand to `commands`."""
    parser = commands.add_parser("screenshots", help="take the pictures of the documentation anew")
    parser.add_argument("folder", type=Path, help="where they go")
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Take them all; the exit status."""
    path = find_chromium()
    if path is None:
        print("There is no Chromium on this machine; install it first.", file=sys.stderr)
        return 2
    chosen.folder.mkdir(parents=True, exist_ok=True)
    with served() as url, chromium(path) as browser:
        for shot in SHOTS:
            with opened(browser, url, shot) as page:
                type_letters(page, PROMPT)
                page.screenshot(path=chosen.folder / shot.name)
        images = drawn(browser, url)
        for shot in EDIT_SHOTS:
            with opened(browser, url, shot) as page:
                edit(page, images)
                page.screenshot(path=chosen.folder / shot.name)
        with opened(browser, url, TILES) as page:
            vary(page)
            page.screenshot(path=chosen.folder / TILES.name)
        board_shots(browser, url, chosen.folder)
        with opened(browser, url, ANIMATION) as page:
            save_animation(list(typing_frames(page)), chosen.folder / ANIMATION.name)
    poster.save(chosen.folder / "sheet.webp")
    return 0


@contextmanager
def served() -> Iterator[str]:
    """The app on its built-in model, as `make run` starts it; yields its address."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        flags = ["--port", str(port), "--model", "postcard", "--data-dir", folder]
        process = subprocess.Popen(
            [sys.executable, "app.py", *flags], stdout=subprocess.PIPE, text=True
        )
        # Its first line says that the page is up.
        if process.stdout is None or not process.stdout.readline():
            raise RuntimeError("the app did not start; run it by hand to see why")
        try:
            yield f"http://127.0.0.1:{port}/"
        finally:
            process.terminate()
            process.wait()


@contextmanager
def opened(browser: Browser, url: str, shot: Shot) -> Iterator[Page]:
    """The page in a window of the shot's size and colours."""
    context = browser.new_context(
        viewport={"width": shot.width_px, "height": shot.height_px},
        color_scheme="dark" if shot.scheme == "dark" else "light",
    )
    try:
        page = context.new_page()
        page.goto(url, timeout=LONG_MS)
        page.get_by_role("textbox", name="Prompt", exact=True).click(timeout=LONG_MS)
        yield page
    finally:
        context.close()


def type_letters(page: Page, prompt: str) -> None:
    """Type `prompt` and wait for its full picture."""
    page.keyboard.type(prompt, delay=60)
    await_picture(page, final=True)


def drawn(browser: Browser, url: str) -> list[FilePayload]:
    """Pictures of the app itself, as files to upload."""
    images: list[FilePayload] = []
    with opened(browser, url, ANIMATION) as page:
        for prompt in EDITED:
            page.get_by_role("textbox", name="Prompt", exact=True).fill(prompt)
            await_picture(page, final=True)
            with page.expect_download() as download:
                page.get_by_role("button", name="Download").click()
            body = download.value.path().read_bytes()
            images.append({"name": "image.png", "mimeType": "image/png", "buffer": body})
    return images


def edit(page: Page, images: list[FilePayload]) -> None:
    """In the Edit tab, change the first image, with the others in the gallery."""
    page.get_by_role("tab", name="Edit").click()
    page.locator(".klein-files").set_input_files(images, timeout=LONG_MS)
    page.get_by_label("Role of image 3").fill("style", timeout=LONG_MS)
    page.get_by_role("switch", name="Use image 2").click()
    page.get_by_label("Instruction", exact=True).click()
    page.keyboard.type(INSTRUCTION, delay=60)
    await_picture(page, final=True, desk="klein-edit")
    page.get_by_role("button", name="Before / after").click()


def vary(page: Page) -> None:
    """Four seeds of one prompt beside each other."""
    type_letters(page, PROMPT)
    page.get_by_role("button", name="Variations").click()
    page.wait_for_function(
        """() => [...document.querySelectorAll(".klein-tile-picture")].every(
          (tile) => tile.dataset.stage === "final")""",
        timeout=LONG_MS,
    )


def board_shots(browser: Browser, url: str, folder: Path) -> None:
    """A board of one browser, seen in several windows."""
    with opened(browser, url, BOARD_SHOTS[0]) as page:
        for prompt, aspect in zip(poster.PROMPTS, ASPECTS, strict=True):
            pin(page, prompt, aspect)
        for shot in BOARD_SHOTS:
            page.set_viewport_size({"width": shot.width_px, "height": shot.height_px})
            page.emulate_media(color_scheme="dark" if shot.scheme == "dark" else "light")
            page.reload()
            page.get_by_role("tab", name="Moodboard").first.click(timeout=LONG_MS)
            pins = page.locator("#klein .klein-hung")
            pins.nth(len(poster.PROMPTS) - 1).wait_for(timeout=LONG_MS)
            if shot.width_px > shot.height_px:
                pins.nth(1).click()
                page.locator(".klein-palette button").first.wait_for()
            page.wait_for_function(PIN_PICTURES, timeout=LONG_MS)
            page.screenshot(path=folder / shot.name)


def pin(page: Page, prompt: str, aspect: str) -> None:
    """Draw `prompt` in `aspect` and keep it."""
    page.locator("#klein-aspect label").filter(has_text=aspect).first.click()
    page.get_by_role("textbox", name="Prompt", exact=True).fill(prompt)
    await_picture(page, final=True)
    with page.expect_response("**/live/pins"):
        page.get_by_role("button", name="Pin", exact=True).first.click()


def typing_frames(page: Page) -> Iterator[Image.Image]:
    """The window after each letter of the prompt, once its picture is there."""
    for index, letter in enumerate(PROMPT):
        page.keyboard.type(letter)
        await_picture(page, final=index == len(PROMPT) - 1)
        yield Image.open(io.BytesIO(page.screenshot())).convert("RGB")


def await_picture(page: Page, *, final: bool, desk: str = "klein") -> None:
    """Return once the picture on screen is the newest prompt's, the full one where `final`."""
    page.wait_for_function(
        """([desk, final]) => {
          const picture = document.querySelector(`#${desk}-stage .klein-picture`);
          const { seq, promptSeq, stage } = picture.dataset;
          return seq === promptSeq && (!final || stage === "final");
        }""",
        arg=[desk, final],
        timeout=LONG_MS,
    )


def save_animation(frames: list[Image.Image], path: Path) -> None:
    """The frames as a WebP that rests on its last one."""
    height_px = round(frames[0].height * ANIMATION_WIDTH_PX / frames[0].width)
    small = [frame.resize((ANIMATION_WIDTH_PX, height_px)) for frame in frames]
    small[0].save(
        path,
        save_all=True,
        append_images=small[1:],
        duration=[FRAME_MS] * (len(small) - 1) + [LAST_FRAME_MS],
        loop=0,
        quality=WEBP_QUALITY,
    )
