"""What everybody must be able to use: sizes, names, keyboard, contrast, motion."""

import pytest
from playwright.sync_api import expect

from .tab import CANVAS, Tab

SIZES = {"desk": (1440, 900), "tablet": (1024, 768), "phone": (390, 844)}
THEMES = ("light", "dark")
NAMED_ROLES = {
    "button",
    "checkbox",
    "combobox",
    "group",
    "image",
    "progressbar",
    "radio",
    "slider",
    "spinbutton",
    "textbox",
}
CONTRAST = """() => {
  const channel = (v) => ((v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const parse = (css) => css.match(/[\\d.]+/g).map(Number);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const poor = [];
  for (const element of document.querySelectorAll("#klein *")) {
    const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    if (!own || !element.checkVisibility({ visibilityProperty: true })) continue;
    const front = light(parse(getComputedStyle(element).color));
    const back = light(ground(element));
    const ratio = (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
    if (ratio < 4.5) poor.push([element.textContent.trim(), ratio]);
  }
  return poor;
}"""


def _context(size: str, theme: str = "light", **more: object) -> dict[str, object]:
    width, height = SIZES[size]
    return {"viewport": {"width": width, "height": height}, "color_scheme": theme, **more}


@pytest.mark.parametrize("context", [_context(size) for size in SIZES], indirect=True, ids=SIZES)
def test_picture_and_prompt_are_seen_without_scrolling(tab: Tab) -> None:
    tab.type("a lake")
    tab.settle()
    size = tab.page.viewport_size
    assert size is not None
    for part in (CANVAS, "#klein-prompt textarea"):
        box = tab.page.locator(part).bounding_box()
        assert box is not None
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= size["height"]
        assert box["width"] >= 256
    page = "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
    width, height = tab.page.evaluate(page)
    assert width <= size["width"]
    assert height <= size["height"]


@pytest.mark.parametrize(
    "context", [{"viewport": {"width": 390, "height": 460}}], indirect=True, ids=["keyboard"]
)
def test_an_open_keyboard_leaves_picture_and_prompt(tab: Tab) -> None:
    tab.type("a lake")
    tab.settle()
    box = tab.page.locator("#klein-prompt textarea").bounding_box()
    picture = tab.page.locator(CANVAS).bounding_box()
    assert box is not None
    assert picture is not None
    assert box["y"] + box["height"] <= 460
    assert picture["height"] >= 160


@pytest.mark.parametrize("context", [_context("phone")], indirect=True, ids=["phone"])
def test_a_phone_folds_the_settings(tab: Tab) -> None:
    seed = tab.page.get_by_label("Seed", exact=True)
    fold = tab.page.get_by_role("button", name="Settings")
    expect(seed).to_be_hidden()
    fold.click()
    expect(seed).to_be_visible()
    expect(fold).to_have_attribute("aria-expanded", "true")
    assert tab.page.evaluate("document.documentElement.scrollWidth") <= 390
    fold.click()
    expect(seed).to_be_hidden()


@pytest.mark.parametrize(
    "context", [_context("desk"), _context("phone")], indirect=True, ids=["desk", "phone"]
)
def test_every_control_has_a_name(tab: Tab) -> None:
    fold = tab.page.get_by_role("button", name="Settings")
    if fold.is_visible():
        fold.click()
    session = tab.page.context.new_cdp_session(tab.page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    controls = [
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in nodes
        if not node["ignored"] and node["role"]["value"] in NAMED_ROLES
    ]
    assert ("textbox", "Prompt") in controls
    assert [role for role, name in controls if not name.strip()] == []


@pytest.mark.parametrize(
    "context", [_context(size, theme) for size in SIZES for theme in THEMES], indirect=True
)
def test_text_stands_out(tab: Tab) -> None:
    tab.type("a lake, neon")
    tab.settle()
    assert tab.page.evaluate(CONTRAST) == []


@pytest.mark.parametrize(
    ("context", "theme"),
    [(_context("desk", theme), theme) for theme in THEMES],
    indirect=["context"],
    ids=THEMES,
)
def test_the_theme_follows_the_system(tab: Tab, theme: str) -> None:
    ground = tab.page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = sum(int(part) for part in ground[4:-1].split(","))
    assert (brightness > 600) == (theme == "light")


def test_the_keyboard_reaches_everything_and_shows_where_it_is(tab: Tab) -> None:
    reached = set()
    for _ in range(40):
        tab.page.keyboard.press("Tab")
        reached.add(
            tab.page.evaluate(
                """() => {
                  const at = document.activeElement;
                  const style = getComputedStyle(at.closest("label.selected") ?? at);
                  const ring = style.outlineStyle !== "none" || style.boxShadow !== "none";
                  const name = at.id || at.closest("[id^=klein]")?.id || at.textContent.trim();
                  return name + (ring || at === document.body ? "" : " without ring");
                }"""
            )
        )
    assert {"klein-copy", "klein-download", "klein-clear", "klein-reroll", "klein-seed"} <= reached
    assert {"klein-aspect", "klein-side-length", "klein-draft", "klein-steps"} <= reached
    assert [name for name in reached if name.endswith("without ring")] == []


def test_help_opens_and_closes(tab: Tab) -> None:
    help_button = tab.page.locator(".klein-help > summary")
    help_button.click()
    expect(tab.page.get_by_text("new seed, another picture")).to_be_visible()
    tab.page.keyboard.press("Escape")
    expect(tab.page.get_by_text("new seed, another picture")).to_be_hidden()


@pytest.mark.parametrize("context", [{"reduced_motion": "reduce"}], indirect=True)
def test_reduced_motion_moves_nothing(tab: Tab) -> None:
    moving = tab.page.evaluate(
        """[...document.querySelectorAll("#klein *")].filter((element) => {
          const style = getComputedStyle(element);
          return style.animationName !== "none" || parseFloat(style.transitionDuration) > 0;
        }).length"""
    )
    assert moving == 0


def test_the_status_line_tells_what_a_picture_took(tab: Tab) -> None:
    tab.type("a lake at dawn", 60)
    tab.settle()
    numbers = tab.page.locator(".klein-numbers")
    expect(numbers).to_contain_text("Final")
    expect(numbers).to_contain_text(" ms")
    expect(
        tab.page.get_by_text("Built-in sketch model, for trying the app; not klein.")
    ).to_be_visible()


def test_nothing_global_but_one_name(tab: Tab) -> None:
    assert tab.page.evaluate("Object.keys(window).filter((k) => /klein/i.test(k))") == ["kleinLive"]
