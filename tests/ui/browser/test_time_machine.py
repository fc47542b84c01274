"""The strip under the picture: every typed state is found again, and no picture is made for it."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from PIL.GifImagePlugin import GifImageFile
from playwright.sync_api import expect

from klein_ui.contract import Frame, Stage, Timings
from klein_ui.engine.fake import FAKE_ORIGIN, FakeEngine, bands
from klein_ui.models import POSTCARD
from klein_ui.ui.owners import COOKIE, browser
from klein_ui.validate import asked

from .tab import CANVAS, Site, Tab
from .test_looks import CONTRAST, _context

MOMENTS = "#klein .klein-moment"
CURRENT = '#klein .klein-moment[aria-selected="true"]'
CORNER = f"""() => {{
  const copy = new OffscreenCanvas(1, 1).getContext("2d", {{ willReadFrequently: true }});
  copy.drawImage(document.querySelector("{CANVAS}"), -3, -3);
  return [...copy.getImageData(0, 0, 1, 1).data].slice(0, 3);
}}"""


@pytest.fixture
def own(serve: Callable[..., Site]) -> Site:
    """A page over an engine that counts for this test alone."""
    return serve(FakeEngine(render_s=0.01))


def typed(tab: Tab, *words: str) -> None:
    """Type one after the other, each up to its full picture and to its thumbnail."""
    for word in words:
        tab.type(word)
        tab.settle()
    tab.page.wait_for_function(
        "[...document.querySelectorAll('.klein-moment img')].every((image) => image.src)"
    )


def titles(tab: Tab) -> list[str]:
    """What is said of the moments, oldest first."""
    found: list[str] = tab.page.eval_on_selector_all(MOMENTS, "all => all.map((one) => one.title)")
    return found


def corner(prompt: str, seed: int = 0) -> list[int]:
    """The colour at the corner of the fake engine's picture of a prompt."""
    request = asked({"prompt": prompt, "seed": seed}, POSTCARD).request
    return [int(value) for value in bands(request)[3, 3]]


def shows(tab: Tab, prompt: str) -> None:
    """Wait until the canvas shows the picture of `prompt`, to what a JPEG does to a colour."""
    tab.page.wait_for_function(
        f"([want, near]) => ({CORNER})().every((value, at) => Math.abs(value - want[at]) <= near)",
        arg=[corner(prompt), 6],
    )


def scrub_to(tab: Tab, at: int) -> None:
    """Click the moment `at`, as with a mouse."""
    tab.page.locator(MOMENTS).nth(at).click()


def test_every_state_is_found_again_without_a_render(
    open_tab: Callable[..., Tab], own: Site
) -> None:
    tab = open_tab(at=own)
    typed(tab, "sun", " moon", " sea")
    tab.page.get_by_label("Moments, oldest first").focus()
    before = own.engine.counts.renders
    names = titles(tab)
    assert names[-1].startswith("sun moon")
    assert names[-1].endswith("]")
    for prompt in ("sun", "sun moon", "sun moon sea"):
        at = [number for number, _ in enumerate(names) if prompt_at(tab, number) == prompt][-1]
        scrub_to(tab, at)
        shows(tab, prompt)
        expect(tab.page.get_by_label("Prompt", exact=True)).to_have_value(prompt)
    tab.page.wait_for_timeout(700)
    assert own.engine.counts.renders == before
    assert tab.text() == "sun moon sea"


def prompt_at(tab: Tab, at: int) -> str:
    """The prompt of the moment `at`, as the server keeps it."""
    return str(states(tab)[at]["prompt"])


def states(tab: Tab) -> list[dict[str, object]]:
    """The states that the server keeps of this browser."""
    reply = tab.page.request.get(f"{tab.site.url}gradio_api/live/history")
    found: list[dict[str, object]] = reply.json()["states"]
    return found


def test_settings_come_back_and_typing_branches(open_tab: Callable[..., Tab], own: Site) -> None:
    tab = open_tab(at=own)
    typed(tab, "sun")
    first = states(tab)[-1]
    tab.page.get_by_label("Seed", exact=True).fill("77")
    tab.page.get_by_label("number input for Steps").fill("2")
    tab.page.get_by_label("4:3", exact=True).check(force=True)
    tab.settle()
    tab.page.wait_for_function(f"document.querySelectorAll('{MOMENTS}').length >= 4")
    at = [state["id"] for state in states(tab)].index(first["id"])
    before = own.engine.counts.renders
    scrub_to(tab, at)
    expect(tab.page.get_by_label("Seed", exact=True)).to_have_value("0")
    expect(tab.page.get_by_label("number input for Steps")).to_have_value(str(POSTCARD.steps))
    expect(tab.page.get_by_label("1:1", exact=True)).to_be_checked()
    tab.page.wait_for_timeout(700)
    assert own.engine.counts.renders == before
    # With the strip in focus a letter goes into the prompt.
    tab.type("s")
    tab.settle()
    assert tab.text() == "suns"
    newest = states(tab)[-1]
    assert (newest["prompt"], newest["seed"], newest["parent"]) == ("suns", 0, first["id"])


def test_undo_and_redo_go_along_the_branch(open_tab: Callable[..., Tab], own: Site) -> None:
    tab = open_tab(at=own)
    earlier = tab.page.get_by_role("button", name="The moment before")
    later = tab.page.get_by_role("button", name="The moment after")
    expect(earlier).to_be_disabled()
    tab.page.keyboard.insert_text("sun")
    tab.settle()
    tab.page.keyboard.insert_text(" moon")
    tab.settle()
    expect(later).to_be_disabled()
    before = own.engine.counts.renders
    tab.page.keyboard.press("Alt+ArrowLeft")
    shows(tab, "sun")
    assert tab.text() == "sun"
    expect(earlier).to_be_disabled()
    tab.page.keyboard.press("Alt+ArrowRight")
    shows(tab, "sun moon")
    assert tab.text() == "sun moon"
    earlier.click()
    shows(tab, "sun")
    later.click()
    shows(tab, "sun moon")
    assert own.engine.counts.renders == before
    earlier.click()
    tab.page.keyboard.insert_text(" sea")
    tab.settle()
    assert [state["prompt"] for state in states(tab)] == ["sun", "sun moon", "sun sea"]
    assert states(tab)[1]["parent"] == states(tab)[2]["parent"] == states(tab)[0]["id"]
    expect(later).to_be_disabled()
    earlier.click()
    assert tab.text() == "sun"


def test_arrow_keys_and_a_drag_scrub(open_tab: Callable[..., Tab], own: Site) -> None:
    tab = open_tab(at=own)
    for word in ("a", "b", "c", "d"):
        tab.page.keyboard.insert_text(word)
        tab.settle()
    tab.page.get_by_label("Moments, oldest first").focus()
    tab.page.keyboard.press("Home")
    shows(tab, "a")
    tab.page.keyboard.press("ArrowRight")
    shows(tab, "ab")
    expect(tab.page.locator("#klein .klein-caption ins")).to_have_text("b")
    expect(tab.page.get_by_label("Prompt", exact=True)).to_have_value("ab")
    boxes = [tab.page.locator(MOMENTS).nth(at).bounding_box() for at in (0, 3)]
    (left, right) = [(box["x"] + box["width"] / 2, box["y"] + 20) for box in boxes if box]
    tab.page.mouse.move(*right)
    tab.page.mouse.down()
    shows(tab, "abcd")
    tab.page.mouse.move(*left, steps=8)
    shows(tab, "a")
    tab.page.mouse.up()
    assert tab.text() == "a"
    assert tab.page.locator(CURRENT).count() == 1


def test_a_kept_picture_is_downloaded_as_it_was(open_tab: Callable[..., Tab], own: Site) -> None:
    tab = open_tab(at=own)
    typed(tab, "sun")
    tab.page.reload()
    tab.page.locator(MOMENTS).last.wait_for()
    with tab.page.expect_response("**/history/*/frame"):
        scrub_to(tab, tab.page.locator(MOMENTS).count() - 1)
    with tab.page.expect_download() as started:
        tab.page.get_by_role("button", name="Download").click()
    with Image.open(io.BytesIO(started.value.path().read_bytes())) as picture:
        assert list(picture.convert("RGB").getpixel((3, 3)) or ()) == corner("sun")  # type: ignore[arg-type]


def test_it_is_there_after_a_reload_and_a_restart(
    serve: Callable[..., Site], open_tab: Callable[..., Tab], tmp_path: Path
) -> None:
    first = serve(FakeEngine(render_s=0.01), data=tmp_path)
    tab = open_tab(at=first)
    typed(tab, "sun", " moon")
    count = tab.page.locator(MOMENTS).count()
    tab.page.reload()
    expect(tab.page.locator(MOMENTS)).to_have_count(count)
    assert tab.text() == ""
    first.services.close()

    again = serve(FakeEngine(render_s=0.01), data=tmp_path)
    other = open_tab(at=again)
    expect(other.page.locator(MOMENTS)).to_have_count(count)
    warm = again.engine.counts.renders
    other.page.keyboard.press("Alt+ArrowLeft")
    shows(other, "sun moon")
    assert other.text() == "sun moon"
    assert again.engine.counts.renders == warm


def fill(site: Site, tab: Tab, count: int) -> None:
    """Give this browser `count` typed states."""
    value = next(one["value"] for one in tab.page.context.cookies() if one["name"] == COOKIE)
    owner = browser(str(value))
    for number in range(count):
        request = asked({"prompt": f"lake {number}"}, POSTCARD).request
        frame = Frame(request, Stage.FINAL, bands(request), Timings(), FAKE_ORIGIN)
        site.services.history.record(owner, "0" * 16, frame)
        # What waits is bounded, and more of it would be lost.
        if number % 50 == 0:
            assert site.services.history.flush()
    assert site.services.history.flush()


def test_hundreds_of_states_are_looked_at_from_the_cache(
    open_tab: Callable[..., Tab], own: Site
) -> None:
    tab = open_tab(at=own)
    fill(own, tab, 320)
    tab.page.reload()
    expect(tab.page.locator(MOMENTS)).to_have_count(300)
    before = own.engine.counts.renders
    tab.page.get_by_label("Moments, oldest first").focus()
    for _ in range(20):
        tab.page.keyboard.press("ArrowLeft")
    shows(tab, "lake 300")
    tab.page.keyboard.press("Home")
    shows(tab, "lake 20")
    # The oldest one in sight brings the ones before.
    expect(tab.page.locator(MOMENTS)).to_have_count(320)
    tab.page.keyboard.press("Home")
    shows(tab, "lake 0")
    assert own.engine.counts.renders == before


@pytest.mark.parametrize(
    "context",
    [
        _context("desk", "light"),
        _context("phone", "dark"),
        *(
            pytest.param(_context(*one), marks=pytest.mark.long)
            for one in (("desk", "dark"), ("phone", "light"))
        ),
    ],
    indirect=True,
)
def test_it_stands_out_and_fits(open_tab: Callable[..., Tab], own: Site) -> None:
    tab = open_tab(at=own)
    tab.page.keyboard.insert_text("a quiet lake")
    tab.settle()
    tab.page.keyboard.insert_text(" at dawn")
    tab.settle()
    fill(own, tab, 40)
    tab.page.reload()
    expect(tab.page.locator(MOMENTS)).to_have_count(42)
    tab.page.get_by_label("Moments, oldest first").focus()
    tab.page.keyboard.press("Home")
    tab.page.keyboard.press("ArrowRight")
    shows(tab, "a quiet lake at dawn")
    assert tab.page.evaluate(CONTRAST) == []
    size = tab.page.viewport_size
    assert size is not None
    width = tab.page.evaluate("document.documentElement.scrollWidth")
    assert width <= size["width"]


def test_playing_shows_every_state_and_renders_none(
    open_tab: Callable[..., Tab], own: Site
) -> None:
    tab = open_tab(at=own)
    typed(tab, "sun", " moon", " sea")
    tab.page.evaluate(
        f"""() => {{
          window.seen = [];
          const canvas = document.querySelector("{CANVAS}");
          const note = () => window.seen.push(canvas.getAttribute("aria-label"));
          new MutationObserver(note).observe(canvas, {{ attributeFilter: ["aria-label"] }});
        }}"""
    )
    before = own.engine.counts.renders
    count = tab.page.locator(MOMENTS).count()
    tab.page.get_by_role("button", name="Play the moments").click()
    expect(tab.page.get_by_role("button", name="Pause")).to_have_attribute("aria-pressed", "true")
    expect(tab.page.get_by_role("button", name="Play the moments")).to_be_visible(timeout=15_000)
    seen = tab.page.evaluate("window.seen")
    assert list(dict.fromkeys(seen)) == list(
        dict.fromkeys(f"Picture: {state['prompt']}" for state in states(tab))
    )
    shows(tab, "sun moon sea")
    assert tab.page.locator(MOMENTS).count() == count
    assert own.engine.counts.renders == before


def test_a_letter_stops_the_playing(open_tab: Callable[..., Tab], own: Site) -> None:
    tab = open_tab(at=own)
    typed(tab, "sun", " moon", " sea")
    tab.page.get_by_role("button", name="Play the moments").click()
    expect(tab.page.get_by_role("button", name="Pause")).to_be_visible()
    tab.type("x")
    expect(tab.page.get_by_role("button", name="Play the moments")).to_be_visible()
    tab.settle()
    assert tab.text().endswith("x")
    shows(tab, tab.text())


@pytest.mark.parametrize(("name", "suffix"), [("Save clip", "webp"), ("Save clip as GIF", "gif")])
def test_how_it_came_to_be_is_saved(
    open_tab: Callable[..., Tab], own: Site, name: str, suffix: str
) -> None:
    tab = open_tab(at=own)
    for word in ("sun", " moon"):
        tab.page.keyboard.insert_text(word)
        tab.settle()
    with tab.page.expect_download() as saving:
        tab.page.get_by_role("button", name=name, exact=True).click()
    assert saving.value.suggested_filename == f"sun-moon-0.{suffix}"
    # The app that runs in this process left Pillow no reader of GIFs.
    opens: Any = GifImageFile if suffix == "gif" else Image.open
    with opens(Path(saving.value.path())) as clip:
        assert (clip.format, getattr(clip, "n_frames", 1)) == (suffix.upper(), 2)
