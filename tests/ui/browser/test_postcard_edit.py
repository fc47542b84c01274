"""Real edits in a real browser: `postcard` does what it is asked, and nothing beside it."""

from collections.abc import Callable
from dataclasses import asdict, replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from klein_ui import compare
from klein_ui.engine import choosing, loader
from klein_ui.postcard.judge import judge, shrink
from klein_ui.postcard.layouts import layout_of
from klein_ui.postcard.scenes import Scene, render

from .tab import Site, Tab

LONG_MS = 60_000
SIDE_PX = 256

HILLS = Scene(sky="day", light="sun", terrain="hills", object="house")
SEA = Scene(sky="sunset", light="sun", terrain="sea")
CITY = Scene(sky="day", light="sun", terrain="city", style="monochrome")

EDITS = {
    "make it night": replace(HILLS, sky="night"),
    "as a line drawing": replace(HILLS, style="line drawing"),
    "remove the house": replace(HILLS, object="none"),
    "make the house blue": replace(HILLS, object_colour="blue"),
}


@pytest.fixture(scope="module")
def real_site(serve: Callable[..., Site]) -> Site:
    """The page over the built-in model, loaded as the app loads it."""
    choice = choosing.resolve("postcard", "cpu", None)
    return serve(None, lambda report, pictures: loader.load(choice, 2**28, report, pictures))


@pytest.fixture
def edit(open_tab: Callable[..., Tab], real_site: Site) -> Tab:
    """The Edit tab over the built-in model."""
    return open_tab(at=real_site).edit()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Drawings to edit."""
    folder = tmp_path_factory.mktemp("drawings")
    scenes = {"hills": HILLS, "sea": SEA, "city": CITY}
    for name, scene in scenes.items():
        drawn = render(scene, layout_of([True, False, False]), SIDE_PX, SIDE_PX)
        Image.fromarray(drawn).save(folder / f"{name}.png")
    return {name: folder / f"{name}.png" for name in scenes}


def add(tab: Tab, *paths: Path) -> None:
    tab.page.set_input_files(".klein-files", list(paths))
    expect(tab.page.locator(".klein-card")).to_have_count(len(paths))


def result(tab: Tab) -> np.ndarray:
    tab.settle(LONG_MS)
    with Image.open(BytesIO(tab.png())) as picture:
        return np.asarray(picture.convert("RGB"))


def instruct(tab: Tab, text: str) -> np.ndarray:
    tab.page.get_by_label("Instruction", exact=True).click()
    tab.page.keyboard.press("ControlOrMeta+a")
    tab.type(text, 30)
    return result(tab)


FIRST, *OTHERS = EDITS


@pytest.mark.parametrize(
    "text", [FIRST, *(pytest.param(text, marks=pytest.mark.long) for text in OTHERS)]
)
def test_an_instruction_changes_what_it_names_and_keeps_the_rest(
    edit: Tab, files: dict[str, Path], text: str
) -> None:
    add(edit, files["hills"])
    target = EDITS[text]
    small = shrink(instruct(edit, text))
    named = next(n for n, v in asdict(target).items() if v != getattr(HILLS, n))
    assert judge(small, target, named) == getattr(target, named)
    assert judge(small, target, "terrain") == target.terrain


def test_order_and_switches_decide_what_comes_from_where(edit: Tab, files: dict[str, Path]) -> None:
    add(edit, files["hills"], files["sea"], files["city"])
    text = "use the terrain of image 2"
    assert judge(shrink(instruct(edit, text)), replace(HILLS, terrain="sea"), "terrain") == "sea"
    edit.page.get_by_role("switch", name="Use image 2").click()
    target = replace(HILLS, terrain="city")
    assert judge(shrink(result(edit)), target, "terrain") == "city"


def test_outside_of_a_region_not_one_bit_changes(edit: Tab, files: dict[str, Path]) -> None:
    add(edit, files["hills"])
    instruct(edit, "make it night")
    edit.page.get_by_role("button", name="Region", exact=True).click()
    box = edit.page.locator(".klein-region").bounding_box()
    assert box is not None
    edit.page.mouse.move(box["x"] + 30, box["y"] + 40)
    edit.page.mouse.down()
    edit.page.mouse.move(box["x"] + box["width"] - 30, box["y"] + 40, steps=4)
    edit.page.mouse.up()
    edit.page.wait_for_function(
        "document.querySelector(\"[data-tool='region']\").dataset.active === 'yes'"
    )
    pixels = result(edit)
    with Image.open(files["hills"]) as original:
        before = np.asarray(original)
    mask = edit.site.services.pictures.get(edit.shown().mask)
    outside = compare.fitted(mask, SIDE_PX, SIDE_PX)[..., 0] < 128
    assert np.array_equal(pixels[outside], before[outside])
    assert np.abs(pixels[~outside].astype(int) - before[~outside]).mean() > 20


def test_a_chain_of_edits_keeps_what_went_before(edit: Tab, files: dict[str, Path]) -> None:
    add(edit, files["hills"])
    instruct(edit, "make it night")
    seq = edit.seq()
    edit.page.get_by_role("button", name="Use as image 1").click()
    edit.page.wait_for_function(
        f"document.querySelector('{edit.canvas}').dataset.promptSeq > {seq}"
    )
    small = shrink(instruct(edit, "remove the house"))
    target = replace(HILLS, sky="night", object="none")
    assert judge(small, target, "sky") == "night"
    assert judge(small, target, "object") == "none"
