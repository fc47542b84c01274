"""Typing: the last picture is the last prompt's, whatever way the text came."""

import pytest
from playwright.sync_api import Page, expect

from klein_ui.validate import MAX_PROMPT_CHARS

from .conftest import FAILS_ON
from .tab import CANVAS, Tab


def test_the_prompt_has_the_focus(tab: Tab) -> None:
    expect(tab.page.get_by_role("textbox", name="Prompt", exact=True)).to_be_focused()


@pytest.mark.parametrize("delay_ms", [0, 15, 70])
def test_the_last_picture_is_of_the_last_prompt(tab: Tab, delay_ms: int) -> None:
    prompt = f"a quiet lake at dawn {delay_ms}"
    tab.type(prompt, delay_ms)
    tab.settle()
    assert tab.shown().prompt == prompt


def test_pictures_come_while_typing_and_never_go_back(tab: Tab) -> None:
    tab.type("mountains above a lake, watercolour", 60)
    tab.settle()
    seqs = [frame["seq"] for frame in tab.frames()]
    assert len(seqs) > 5
    assert seqs == sorted(seqs)


def test_nothing_jumps_while_typing(tab: Tab) -> None:
    boxes = (
        "['canvas', '#klein-prompt'].map((s) => document.querySelector(s).getBoundingClientRect())"
    )
    before = tab.page.evaluate(f"JSON.stringify({boxes}.map(({{x, y}}) => [x, y]))")
    tab.type("a lighthouse at dusk " * 8, 0)
    tab.settle()
    assert tab.page.evaluate(f"JSON.stringify({boxes}.map(({{x, y}}) => [x, y]))") == before


def test_an_empty_prompt_shows_no_picture_and_asks_for_none(tab: Tab) -> None:
    tab.type("sun")
    tab.settle()
    renders = tab.site.engine.counts.renders
    for _ in "sun":
        tab.page.keyboard.press("Backspace")
    expect(tab.page.get_by_text("Type what you want to see.")).to_be_visible()
    assert "" not in tab.site.engine.prompts[renders:]
    tab.type("moon")
    tab.settle()
    assert tab.shown().prompt == "moon"
    expect(tab.page.get_by_text("Type what you want to see.")).to_be_hidden()


def test_clear_empties_the_prompt_and_undo_brings_it_back(tab: Tab) -> None:
    tab.type("a cabin in snow")
    tab.page.get_by_role("button", name="Clear").click()
    expect(tab.page.get_by_label("Prompt", exact=True)).to_have_value("")
    tab.page.keyboard.press("Control+z")
    expect(tab.page.get_by_label("Prompt", exact=True)).to_have_value("a cabin in snow")
    tab.settle()
    assert tab.shown().prompt == "a cabin in snow"


def test_undo_makes_the_picture_of_what_it_brings_back(tab: Tab) -> None:
    tab.type("dune")
    tab.page.keyboard.press("Control+a")
    tab.type("x")
    tab.page.keyboard.press("Control+z")
    tab.settle()
    assert tab.shown().prompt == tab.text()


def test_a_paste_is_cut_at_the_limit_and_says_so(tab: Tab) -> None:
    _paste(tab.page, "word " * 500)
    tab.settle()
    assert tab.shown().prompt == ("word " * 500)[:MAX_PROMPT_CHARS]
    expect(tab.page.locator("#klein-counter")).to_have_text(
        "2,000 of 2,000 characters. The prompt is full."
    )


@pytest.mark.parametrize(
    "text", ["海の夜明け", "山水画", "בית ליד הים", "بحيرة هادئة", "🌋 at night 🌊", "👩🏽‍🎨"]
)
def test_every_script_arrives_as_typed(tab: Tab, text: str) -> None:
    tab.page.keyboard.insert_text(text)
    tab.settle()
    assert tab.shown().prompt == text


def test_right_to_left_text_runs_from_the_right(tab: Tab) -> None:
    tab.page.keyboard.insert_text("בית ליד הים")
    box = tab.page.get_by_label("Prompt", exact=True)
    assert box.evaluate("(box) => getComputedStyle(box).direction") == "rtl"


def test_composition_is_not_broken(tab: Tab) -> None:
    keys = tab.page.context.new_cdp_session(tab.page)
    for text in ("う", "うm", "うみ", "海"):
        keys.send(
            "Input.imeSetComposition",
            {"text": text, "selectionStart": len(text), "selectionEnd": len(text)},
        )
        expect(tab.page.get_by_label("Prompt", exact=True)).to_have_value(text)
        tab.page.wait_for_function(f"document.querySelector('{CANVAS}').dataset.promptSeq > 0")
    keys.send("Input.insertText", {"text": "海"})
    tab.settle()
    assert tab.text() == "海"
    assert tab.shown().prompt == "海"


def test_an_error_is_one_sentence_and_the_next_key_works(tab: Tab) -> None:
    tab.type("a storm")
    tab.settle()
    before = tab.seq()
    tab.type(f" {FAILS_ON}")
    alert = tab.page.get_by_role("alert")
    expect(alert).to_have_text("The scripted engine failed; type something else.")
    expect(tab.page.locator(CANVAS)).to_be_visible()
    assert tab.seq() >= before
    tab.page.keyboard.press("Backspace")
    tab.settle()
    expect(tab.page.locator("#klein-message-text")).to_have_text("")


def _paste(page: Page, text: str) -> None:
    page.evaluate(
        """(text) => {
          const data = new DataTransfer();
          data.setData("text/plain", text);
          const event = new ClipboardEvent("paste", { clipboardData: data, bubbles: true });
          if (!document.activeElement.dispatchEvent(event)) return;
          document.execCommand("insertText", false, text);
        }""",
        text,
    )
