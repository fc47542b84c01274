"""Real LoRAs over a real pipeline, small and of random weights, in a real browser."""

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diffusers import Flux2KleinPipeline
from PIL import Image
from playwright.sync_api import Locator, expect

from klein_ui import models
from klein_ui.bench import small_models
from klein_ui.bench.photos import Album
from klein_ui.contract import Lora, Loras, Pixels
from klein_ui.engine import choosing, loader
from klein_ui.engine.device import choose
from klein_ui.engine.klein import KleinEngine
from klein_ui.loras import LoraShelf
from tests.engine.lora_files import Numbers, as_diffusers, as_original, original_pairs, pairs, saved

from .tab import Site, Tab

CACHE_BYTES = 2**26
PROMPT = "a lake"


@dataclass(frozen=True)
class Small:
    """The small pipeline behind two sites: one with LoRAs, one that never had any."""

    site: Site
    plain: Site


def numbers(transformer: Any) -> dict[str, Numbers]:
    """Two LoRAs that fit, and one whose shapes do not."""
    wrong = pairs(transformer, 4, 2, only=r"\.attn\.to_q")
    return {
        "ink": as_diffusers(pairs(transformer, 4, 0, only=r"\.attn\.", size=1.0)),
        "wash": as_original(original_pairs(transformer, 9, 1)),
        "unfit": as_diffusers({name: (down[:, :-1], up) for name, (down, up) in wrong.items()}),
    }


@pytest.fixture(scope="module")
def small(serve: Callable[..., Site], tmp_path_factory: pytest.TempPathFactory) -> Small:
    folder = tmp_path_factory.mktemp("models") / "small"
    small_models.save(folder, Flux2KleinPipeline, small_models.TINY)
    choice = choosing.Choice(models.from_folder(folder), choose("cpu"))
    shelf = LoraShelf(tmp_path_factory.mktemp("data") / "loras")

    def engine(loras: Loras | None = None) -> KleinEngine:
        return loader.load(choice, CACHE_BYTES, lambda progress: None, Album(), loras)

    for name, keys in numbers(engine()._pipeline.transformer).items():
        saved(shelf.folder, name, keys)
    shelf.folder.joinpath("broken.safetensors").write_bytes(b"no safetensors")
    return Small(
        serve(
            None,
            lambda report, pictures: engine(shelf),
            row=choice.row,
            folder_of_loras=shelf.folder,
        ),
        serve(None, lambda report, pictures: engine(), row=choice.row),
    )


@pytest.fixture
def tab(open_tab: Callable[..., Tab], small: Small) -> Tab:
    return open_tab(at=small.site)


def use(tab: Tab, name: str) -> Locator:
    return tab.page.locator(f"#{tab.desk}-desk").get_by_role("switch", name=f"Use {name}")


def scale(tab: Tab, name: str) -> Locator:
    return tab.page.get_by_role("slider", name=f"Scale of {name}")


def pixels(tab: Tab, *loras: Lora) -> Pixels:
    """The full picture, which was made with `loras`."""
    tab.settle()
    assert tab.shown().loras == loras
    with Image.open(BytesIO(tab.png())) as picture:
        return np.asarray(picture.convert("RGB"))


@pytest.mark.long
def test_one_changes_the_picture_two_change_it_more_and_nothing_of_it_stays(
    tab: Tab, open_tab: Callable[..., Tab], small: Small
) -> None:
    use(tab, "ink").click()
    tab.type(PROMPT)
    with_ink = pixels(tab, Lora("ink"))
    use(tab, "wash").click()
    with_both = pixels(tab, Lora("ink"), Lora("wash"))
    scale(tab, "wash").fill("-1")
    turned = pixels(tab, Lora("ink"), Lora("wash", -1.0))
    scale(tab, "wash").fill("0")
    assert np.array_equal(pixels(tab, Lora("ink")), with_ink)
    scale(tab, "ink").fill("0")
    at_nothing = pixels(tab)
    plain = open_tab(at=small.plain)
    plain.type(PROMPT)
    without = pixels(plain)
    assert np.array_equal(at_nothing, without)
    pictures = [without, with_ink, with_both, turned]
    assert len({picture.tobytes() for picture in pictures}) == len(pictures)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("unfit", "“unfit.safetensors” does not fit this model at “transformer."),
        ("broken", "“broken.safetensors” is damaged or no safetensors file; get it again."),
    ],
)
def test_a_bad_file_is_its_sentence_and_the_next_key_without_it_is_drawn(
    tab: Tab, name: str, sentence: str
) -> None:
    use(tab, "ink").click()
    tab.type(PROMPT)
    pixels(tab, Lora("ink"))
    seq = tab.seq()
    use(tab, name).click()
    alert = tab.page.get_by_role("alert")
    expect(alert).to_contain_text(sentence)
    tab.type("s")
    expect(alert).to_contain_text(sentence)
    assert tab.seq() == seq
    expect(tab.page.locator(tab.canvas)).to_have_css("opacity", "1")
    use(tab, name).click()
    pixels(tab, Lora("ink"))
    assert tab.shown().prompt == f"{PROMPT}s"
    expect(tab.page.locator("#klein-message-text")).to_have_text("")


def test_a_file_that_is_gone_is_a_sentence_too(tab: Tab, small: Small) -> None:
    path: Path = small.site.services.loras.folder / "brief.safetensors"
    path.write_bytes(path.with_stem("ink").read_bytes())
    tab.page.get_by_role("button", name="Refresh").click()
    use(tab, "brief").click()
    tab.type(PROMPT)
    pixels(tab, Lora("brief"))
    path.unlink()
    tab.type("s")
    expect(tab.page.get_by_role("alert")).to_contain_text("There is no LoRA “brief”; put brief.saf")


def test_an_instruction_is_drawn_with_them(tab: Tab) -> None:
    tab.edit()
    use(tab, "ink").click()
    tab.page.get_by_label("Instruction", exact=True).fill(PROMPT)
    tab.settle()
    assert tab.shown().loras == (Lora("ink"),)
