"""The widgets: each changes the request, none needs the server to do so."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from playwright.sync_api import expect

from klein_ui import models
from klein_ui.engine.fake import FakeEngine

from .tab import Site, Tab


def test_the_seed_field_asks_again(tab: Tab) -> None:
    tab.type("a lake")
    tab.page.get_by_label("Seed", exact=True).fill("77")
    tab.settle()
    assert (tab.shown().prompt, tab.shown().seed) == ("a lake", 77)


def test_a_wrong_seed_is_refused_in_one_sentence(tab: Tab) -> None:
    tab.type("a lake")
    tab.page.get_by_label("Seed", exact=True).fill("-5")
    expect(tab.page.get_by_role("alert")).to_contain_text("The seed must be a whole number")
    tab.page.get_by_label("Seed", exact=True).fill("5")
    tab.settle()
    assert tab.shown().seed == 5


@pytest.mark.parametrize("way", ["button", "Control+Enter"])
def test_a_new_seed_makes_another_picture(tab: Tab, way: str) -> None:
    tab.type("a lake")
    tab.settle()
    if way == "button":
        tab.page.get_by_role("button", name="New seed").click()
    else:
        tab.page.keyboard.press(way)
    tab.page.wait_for_function("window.painted.at(-1).seq > 6")
    tab.settle()
    seed = tab.shown().seed
    assert seed != 0
    expect(tab.page.get_by_label("Seed", exact=True)).to_have_value(str(seed))
    expect(tab.page.get_by_label("Prompt", exact=True)).to_be_focused()
    assert tab.text() == "a lake"


def test_a_kept_seed_stays_after_a_pause(tab: Tab) -> None:
    tab.type("a lake")
    tab.settle()
    tab.page.wait_for_timeout(1_700)
    tab.type("s")
    tab.settle()
    assert tab.shown().seed == 0


def test_a_free_seed_changes_after_a_pause_only(tab: Tab) -> None:
    tab.page.get_by_label("Keep this seed").uncheck()
    tab.page.get_by_label("Prompt", exact=True).focus()
    tab.type("a lake")
    tab.settle()
    first = tab.shown().seed
    tab.type(" here")
    tab.settle()
    assert tab.shown().seed == first
    tab.page.wait_for_timeout(1_700)
    tab.type("!")
    tab.settle()
    assert tab.shown().seed != first


@pytest.mark.parametrize(
    ("aspect", "size"),
    [("16:9", (256, 144)), ("2:1", (256, 128)), ("2:3", (176, 256)), ("1:1", (256, 256))],
)
def test_the_aspect_sets_the_size(tab: Tab, aspect: str, size: tuple[int, int]) -> None:
    tab.type("a lake")
    tab.page.get_by_label("3:4", exact=True).check(force=True)
    tab.page.get_by_label(aspect, exact=True).check(force=True)
    tab.settle()
    assert (tab.shown().width, tab.shown().height) == size
    expect(tab.page.locator(".klein-size")).to_have_text(f"{size[0]} × {size[1]}")


@pytest.mark.parametrize("side", [128, 192, 512])
def test_every_aspect_at_every_size_is_allowed(tab: Tab, side: int) -> None:
    tab.type("a lake")
    sizes = tab.page.get_by_role("group", name="Size: longer side in pixels")
    sizes.get_by_label(str(side), exact=True).check(force=True)
    for aspect in ("1:1", "4:3", "3:4", "3:2", "2:3", "16:9", "9:16", "2:1"):
        tab.page.get_by_label(aspect, exact=True).check(force=True)
        tab.settle()
        assert tab.message() == ""
        assert max(tab.shown().width, tab.shown().height) >= side


def test_draft_size_and_steps_travel(tab: Tab) -> None:
    tab.type("a lake")
    drafts = tab.page.get_by_role("group", name="Draft size, while typing")
    drafts.get_by_label("192", exact=True).check(force=True)
    tab.page.get_by_label("number input for Steps").fill("2")
    tab.settle()
    assert tab.shown().steps == 2


def test_settings_alone_ask_for_nothing(tab: Tab) -> None:
    renders = tab.site.engine.counts.renders
    tab.page.get_by_label("16:9", exact=True).check(force=True)
    tab.page.get_by_label("Seed", exact=True).fill("9")
    tab.page.get_by_label("Prompt", exact=True).focus()
    tab.type("x")
    tab.settle()
    assert set(tab.site.engine.prompts[renders:]) == {"x"}


def test_chips_append_and_take_back_their_words(tab: Tab) -> None:
    chip = tab.page.get_by_role("button", name="watercolour")
    tab.type("a lake")
    chip.click()
    expect(tab.page.get_by_label("Prompt", exact=True)).to_have_value("a lake, watercolour")
    expect(chip).to_have_attribute("aria-pressed", "true")
    tab.settle()
    assert tab.shown().prompt == "a lake, watercolour"
    chip.click()
    expect(tab.page.get_by_label("Prompt", exact=True)).to_have_value("a lake")
    expect(chip).to_have_attribute("aria-pressed", "false")


def test_a_chip_can_be_undone_and_keeps_the_focus(tab: Tab) -> None:
    tab.type("a lake")
    tab.page.get_by_role("button", name="neon").click()
    expect(tab.page.get_by_label("Prompt", exact=True)).to_be_focused()
    tab.page.keyboard.press("Control+z")
    expect(tab.page.get_by_label("Prompt", exact=True)).to_have_value("a lake")


def test_a_chip_starts_an_empty_prompt(tab: Tab) -> None:
    tab.page.get_by_role("button", name="pixel art").click()
    tab.settle()
    assert tab.shown().prompt == "pixel art"


def test_slash_goes_back_to_the_prompt(tab: Tab) -> None:
    tab.page.get_by_role("button", name="Copy").focus()
    tab.page.keyboard.press("/")
    expect(tab.page.get_by_label("Prompt", exact=True)).to_be_focused()
    assert tab.text() == ""


def test_neither_typing_nor_a_setting_makes_a_gradio_call(tab: Tab) -> None:
    calls: list[str] = []
    tab.page.on("request", lambda request: calls.append(request.url))
    tab.type("a lake")
    tab.page.get_by_label("16:9", exact=True).check(force=True)
    tab.page.get_by_label("Seed", exact=True).fill("3")
    tab.settle()
    assert calls == []


def test_base_weights_have_a_guidance_to_set(
    serve: Callable[..., Site], open_tab: Callable[..., Tab]
) -> None:
    small = replace(models.KLEIN_BASE_4B, default_side=256, draft_side=128)
    tab = open_tab(at=serve(FakeEngine(render_s=0.03), row=small))
    tab.type("a lake")
    tab.settle()
    assert (tab.shown().steps, tab.shown().guidance_scale) == (50, 4.0)
    tab.page.get_by_label("number input for Guidance").fill("7.5")
    tab.page.keyboard.press("Enter")
    tab.until(lambda: tab.shown().guidance_scale == 7.5)
    tab.settle()


def test_distilled_weights_have_none(tab: Tab) -> None:
    expect(tab.page.get_by_text("Guidance: how closely")).to_have_count(0)
