"""Real prompts, typed into a real browser, make pictures that follow the hour and the terrain."""

from collections.abc import Callable
from io import BytesIO

import pytest
from PIL import Image

from klein_ui.engine import choosing, loader
from klein_ui.postcard.captions import resolve
from klein_ui.postcard.judge import judge, shrink

from .tab import Site, Tab

PROMPTS = {
    "the sea by day": {"sky": "day", "terrain": "sea"},
    "the sea at night": {"sky": "night", "terrain": "sea"},
    "a desert at sunset": {"sky": "sunset", "terrain": "desert"},
    "a desert by day": {"sky": "day", "terrain": "desert"},
    "green hills at dawn": {"sky": "dawn", "terrain": "hills", "terrain_colour": "green"},
    "a forest in the fog": {"sky": "fog", "terrain": "forest"},
}
LONG_MS = 60_000


@pytest.fixture(scope="module")
def real_site(serve: Callable[..., Site]) -> Site:
    """The page over the built-in model, loaded as the app loads it."""
    choice = choosing.resolve("postcard", "cpu", None)
    return serve(None, lambda report, pictures: loader.load(choice, 2**28, report, pictures))


def typed(tab: Tab, prompt: str) -> Image.Image:
    """The full picture of `prompt`, typed in place of what stood there."""
    tab.page.keyboard.press("ControlOrMeta+a")
    tab.type(prompt, 30)
    tab.settle(LONG_MS)
    assert tab.shown().prompt == prompt
    with Image.open(BytesIO(tab.png())) as picture:
        return picture.convert("RGB")


@pytest.mark.long
def test_pictures_follow_the_hour_and_the_terrain(
    open_tab: Callable[..., Tab], real_site: Site
) -> None:
    tab = open_tab(at=real_site)
    pictures = {prompt: shrink(typed(tab, prompt)) for prompt in PROMPTS}
    for attribute in ("sky", "terrain"):
        seen = {
            prompt: judge(pictures[prompt], resolve(said), attribute)
            for prompt, said in PROMPTS.items()
        }
        assert seen == {prompt: said[attribute] for prompt, said in PROMPTS.items()}


def test_the_page_says_that_the_model_is_the_built_in_one(
    open_tab: Callable[..., Tab], real_site: Site
) -> None:
    tab = open_tab(at=real_site)
    assert tab.page.get_by_text("not klein").is_visible()
