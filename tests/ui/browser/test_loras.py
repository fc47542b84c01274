"""The LoRAs in the settings: chosen while typing, bounded, found, fetched, and kept."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from klein_ui.contract import InvalidLora, Lora, Progress
from klein_ui.engine.fake import FakeEngine
from klein_ui.loading import Report, Source
from klein_ui.models import POSTCARD

from .tab import Site, Tab
from .test_looks import CONTRAST

OTHER = replace(POSTCARD, name="other", title="Other")
LONG = "a_rather_long-name.of-a-lora_without_any_blank-in-it_v2_final_final_rank16_step_003000"
NOT_THERE = "The hub has no LoRA “no/such”; check the name."
PHONE = {"viewport": {"width": 390, "height": 844}}


@dataclass
class Studio:
    """A site with a folder of LoRAs, and a hub that gives “alice/new” while its gate is open."""

    site: Site
    folder: Path
    gate: threading.Event = field(default_factory=threading.Event)

    def put(self, *names: str) -> None:
        """Put files there."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            (self.folder / f"{name}.safetensors").write_bytes(b"")


@pytest.fixture(scope="module")
def shop(
    serve: Callable[..., Site], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], Studio]:
    folder = tmp_path_factory.mktemp("data") / "loras"
    gate = threading.Event()

    def fetch(hub_id: str, report: Report) -> str:
        report(Progress("downloading", "Downloading new: 62 of 180 MB", 0.25))
        assert gate.wait(20)
        if hub_id != "alice/new":
            raise InvalidLora(f"The hub has no LoRA “{hub_id}”; check the name.")
        (folder / "new.safetensors").write_bytes(b"")
        return "new"

    other = Source(OTHER, lambda report: FakeEngine(render_s=0.02))
    site = serve(
        FakeEngine(render_s=0.02), others=(other,), folder_of_loras=folder, fetch_lora=fetch
    )
    return lambda: Studio(site, folder, gate)


@pytest.fixture
def studio(shop: Callable[[], Studio]) -> Studio:
    """The site with one LoRA more than may be on."""
    made = shop()
    if made.folder.exists():
        for path in made.folder.iterdir():
            path.unlink()
    made.put("ink", "wash", "film 2", "film 10")
    made.gate.set()
    return made


@pytest.fixture
def tab(open_tab: Callable[..., Tab], studio: Studio) -> Tab:
    return open_tab(at=studio.site)


def desk(tab: Tab) -> Locator:
    return tab.page.locator(f"#{tab.desk}-desk")


def switch(tab: Tab, name: str) -> Locator:
    return desk(tab).get_by_role("switch", name=f"Use {name}", exact=True)


def scale(tab: Tab, name: str) -> Locator:
    return desk(tab).get_by_role("slider", name=f"Scale of {name}", exact=True)


def line(tab: Tab) -> Locator:
    return desk(tab).locator(".klein-loras > .klein-lora-line")


def hub_line(tab: Tab) -> Locator:
    return desk(tab).locator(".klein-lora-hub .klein-lora-line")


def ask_the_hub(tab: Tab, hub_id: str) -> None:
    part = desk(tab).locator(".klein-lora-hub")
    if part.get_attribute("open") is None:
        part.locator("summary").click()
    part.get_by_label("Hub id").fill(hub_id)
    part.get_by_role("button", name="Get").click()


def loras(tab: Tab) -> tuple[Lora, ...]:
    """Those in the picture, once it is that of what is chosen now."""
    tab.settle()
    return tab.shown().loras


def test_they_are_switched_and_scaled_while_typing(tab: Tab) -> None:
    calls: list[str] = []
    tab.type("a lake")
    assert loras(tab) == ()
    tab.page.on("request", lambda request: calls.append(request.url))
    switch(tab, "ink").click()
    expect(tab.page.get_by_label("Prompt", exact=True)).to_be_focused()
    tab.settle()
    assert calls == []
    assert loras(tab) == (Lora("ink", 1.0),)
    tab.type("s")
    assert loras(tab) == (Lora("ink", 1.0),)
    scale(tab, "ink").fill("-0.55")
    switch(tab, "wash").click()
    expect(desk(tab).locator(".klein-loras-count")).to_have_text("2 of 3")
    assert loras(tab) == (Lora("ink", -0.55), Lora("wash", 1.0))
    switch(tab, "ink").click()
    expect(scale(tab, "ink")).to_be_hidden()
    assert loras(tab) == (Lora("wash", 1.0),)
    switch(tab, "ink").click()
    expect(scale(tab, "ink")).to_have_value("-0.55")
    assert (tab.shown().prompt, loras(tab)[0]) == ("a lakes", Lora("ink", -0.55))


def test_a_scale_of_nothing_is_no_lora(tab: Tab) -> None:
    tab.type("a lake")
    tab.settle()
    without = tab.shown()
    switch(tab, "ink").click()
    scale(tab, "ink").fill("0")
    expect(desk(tab).locator("output")).to_contain_text(["off"])
    tab.settle()
    assert tab.shown() == without


def test_the_keyboard_does_it_too(tab: Tab) -> None:
    tab.type("a lake")
    switch(tab, "film 2").focus()
    tab.page.keyboard.press("Space")
    expect(switch(tab, "film 2")).to_be_checked()
    tab.page.keyboard.press("Tab")
    expect(scale(tab, "film 2")).to_be_focused()
    for _ in range(3):
        tab.page.keyboard.press("ArrowLeft")
    assert loras(tab) == (Lora("film 2", 0.85),)


def test_a_name_is_a_label_and_the_order_is_that_of_people(tab: Tab) -> None:
    names = desk(tab).locator(".klein-lora-name span")
    expect(names).to_have_text(["film 2", "film 10", "ink", "wash"])
    names.nth(1).click()
    expect(switch(tab, "film 10")).to_be_checked()


def test_one_more_than_three_is_a_sentence_and_nothing_is_lost(tab: Tab) -> None:
    tab.type("a lake")
    for name in ("ink", "wash", "film 2"):
        switch(tab, name).click()
    tab.settle()
    switch(tab, "film 10").click()
    alert = desk(tab).get_by_role("alert")
    expect(alert).to_have_text("3 LoRAs work together at most; switch one off first.")
    expect(switch(tab, "film 10")).not_to_be_checked()
    assert [one.name for one in loras(tab)] == ["film 2", "ink", "wash"]
    switch(tab, "ink").click()
    expect(line(tab)).to_have_text("")
    switch(tab, "film 10").click()
    assert [one.name for one in loras(tab)] == ["film 10", "film 2", "wash"]


def test_an_empty_folder_is_named_and_a_file_put_there_found(
    open_tab: Callable[..., Tab], studio: Studio
) -> None:
    for path in studio.folder.iterdir():
        path.unlink()
    tab = open_tab(at=studio.site)
    expect(desk(tab).locator(".klein-loras-empty")).to_contain_text(str(studio.folder))
    studio.put("fresh")
    desk(tab).get_by_role("button", name="Refresh").click()
    expect(switch(tab, "fresh")).to_be_visible()
    expect(line(tab)).to_have_text("1 in the folder.")
    expect(desk(tab).locator(".klein-loras-empty")).to_be_hidden()
    studio.put("fresher")
    tab.page.evaluate("window.dispatchEvent(new Event('focus'))")
    expect(switch(tab, "fresher")).to_be_visible()


def test_a_folder_that_cannot_be_read_says_so_until_it_can(tab: Tab, studio: Studio) -> None:
    page = "**/gradio_api/live/loras"
    sentence = "The folder of LoRAs cannot be read; check that the app may open “x”."
    tab.page.route(page, lambda route: route.fulfill(json={"sentence": sentence}))
    refresh = desk(tab).get_by_role("button", name="Refresh")
    refresh.click()
    expect(desk(tab).get_by_role("alert")).to_have_text(sentence)
    expect(switch(tab, "ink")).to_be_visible()
    tab.page.unroute(page)
    refresh.click()
    expect(line(tab)).to_have_text("4 in the folder.")


def test_of_many_some_are_looked_for(open_tab: Callable[..., Tab], studio: Studio) -> None:
    studio.put(*(f"style {number}" for number in range(8)))
    tab = open_tab(at=studio.site)
    switch(tab, "ink").click()
    desk(tab).get_by_label("Find a LoRA").fill("STYLE 3")
    shown = desk(tab).locator(".klein-lora:visible span")
    expect(shown).to_have_text(["ink", "style 3"])
    desk(tab).get_by_label("Find a LoRA").fill("")
    expect(shown).to_have_count(12)


def test_a_reload_keeps_the_choice_of_each_tab(tab: Tab) -> None:
    switch(tab, "ink").click()
    scale(tab, "ink").fill("0.3")
    tab.edit()
    switch(tab, "wash").click()
    tab.page.reload()
    tab.desk = "klein"
    tab.page.get_by_label("Prompt", exact=True).click()
    expect(switch(tab, "ink")).to_be_checked()
    tab.type("a lake")
    assert loras(tab) == (Lora("ink", 0.3),)
    tab.edit()
    expect(switch(tab, "wash")).to_be_checked()
    expect(switch(tab, "ink")).not_to_be_checked()


def test_the_edit_tab_draws_with_them(tab: Tab, files: dict[str, Path]) -> None:
    tab.edit()
    tab.page.locator(".klein-files").set_input_files(files["red"])
    switch(tab, "ink").click()
    tab.page.get_by_label("Instruction", exact=True).fill("make it night")
    assert loras(tab) == (Lora("ink", 1.0),)
    assert len(tab.shown().references) == 1


def test_one_whose_file_is_gone_can_be_switched_off(tab: Tab, studio: Studio) -> None:
    switch(tab, "ink").click()
    (studio.folder / "ink.safetensors").unlink()
    desk(tab).get_by_role("button", name="Refresh").click()
    lost = desk(tab).locator(".klein-lora-lost:visible")
    expect(lost).to_have_text("not in the folder")
    switch(tab, "ink").click()
    expect(switch(tab, "ink")).to_have_count(0)


def test_the_choice_outlives_another_model(tab: Tab) -> None:
    tab.type("a lake")
    switch(tab, "ink").click()
    tab.page.get_by_label("Model", exact=True).select_option("other")
    tab.until(lambda: tab.shown().model == "other")
    assert loras(tab) == (Lora("ink", 1.0),)
    tab.page.get_by_label("Model", exact=True).select_option("postcard")
    tab.until(lambda: tab.shown().model == "postcard")


def test_one_from_the_hub_comes_with_progress_and_is_on(tab: Tab, studio: Studio) -> None:
    tab.type("a lake")
    tab.edit()
    studio.gate.clear()
    ask_the_hub(tab, " alice/new ")
    bar = desk(tab).get_by_role("progressbar", name="Getting the LoRA")
    expect(bar).to_have_attribute("value", "0.25")
    expect(hub_line(tab)).to_have_text("Downloading new: 62 of 180 MB")
    studio.gate.set()
    expect(hub_line(tab)).to_have_text("“new” is there and on.")
    expect(bar).to_be_hidden()
    expect(switch(tab, "new")).to_be_checked()
    tab.page.get_by_role("tab", name="Live").click()
    tab.desk = "klein"
    expect(switch(tab, "new")).not_to_be_checked()
    switch(tab, "new").click()
    assert loras(tab) == (Lora("new", 1.0),)


def test_one_from_the_hub_waits_where_three_are_on(tab: Tab) -> None:
    for name in ("ink", "wash", "film 2"):
        switch(tab, name).click()
    ask_the_hub(tab, "alice/new")
    expect(hub_line(tab)).to_have_text("“new” is there; switch another one off to use it.")
    expect(switch(tab, "new")).not_to_be_checked()


def test_what_the_hub_has_not_is_one_sentence_and_typing_goes_on(tab: Tab) -> None:
    ask_the_hub(tab, "no/such")
    expect(desk(tab).get_by_role("alert")).to_have_text(NOT_THERE)
    expect(desk(tab).get_by_label("Hub id")).to_have_value("no/such")
    tab.page.get_by_label("Prompt", exact=True).focus()
    tab.type("a lake")
    assert loras(tab) == ()
    ask_the_hub(tab, "alice/new")
    expect(hub_line(tab)).to_have_text("“new” is there and on.")


def test_a_second_page_waits_for_its_turn(
    tab: Tab, open_tab: Callable[..., Tab], studio: Studio
) -> None:
    studio.gate.clear()
    ask_the_hub(tab, "alice/new")
    expect(hub_line(tab)).to_contain_text("62 of 180 MB")
    second = open_tab(at=studio.site)
    ask_the_hub(second, "no/such")
    expect(second.page.get_by_role("alert")).to_contain_text("Another LoRA is on its way")
    studio.gate.set()
    expect(hub_line(tab)).to_have_text("“new” is there and on.")


@pytest.mark.parametrize("context", [PHONE], indirect=True, ids=["phone"])
def test_a_phone_shows_all_of_it(open_tab: Callable[..., Tab], studio: Studio) -> None:
    studio.put(LONG)
    tab = open_tab(at=studio.site)
    tab.page.get_by_role("button", name="Settings").click()
    for name in (LONG, "ink", "wash", "film 2"):
        switch(tab, name).click()
    ask_the_hub(tab, "no/such")
    expect(hub_line(tab)).to_have_text(NOT_THERE)
    assert tab.page.evaluate("document.documentElement.scrollWidth") <= 390
    for part in (switch(tab, LONG), scale(tab, LONG), desk(tab).get_by_label("Hub id")):
        box = part.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
        assert box["height"] >= 24


@pytest.mark.parametrize(
    "context", [{"color_scheme": theme} for theme in ("light", "dark")], indirect=True
)
def test_text_stands_out(tab: Tab) -> None:
    for name in ("ink", "wash", "film 2", "film 10"):
        switch(tab, name).click()
    ask_the_hub(tab, "no/such")
    expect(hub_line(tab)).to_have_text(NOT_THERE)
    expect(desk(tab).get_by_role("alert")).to_have_count(2)
    assert tab.page.evaluate(CONTRAST) == []


def test_a_page_that_may_keep_nothing_still_draws(
    open_tab: Callable[..., Tab], studio: Studio
) -> None:
    def forbid(page: Page) -> None:
        page.add_init_script(
            "Object.defineProperty(window, 'sessionStorage', { get() { throw Error('no'); } });"
        )

    tab = open_tab(forbid, at=studio.site)
    tab.type("a lake")
    switch(tab, "ink").click()
    assert loras(tab) == (Lora("ink", 1.0),)
