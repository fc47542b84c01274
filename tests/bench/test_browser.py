"""The probe in a real page, and one small run from key to picture."""

import base64
import io
from collections.abc import Iterator
from urllib.parse import quote

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("playwright", reason="the browser tests need playwright")

from playwright.sync_api import Browser, Page

from klein_ui.bench import engines
from klein_ui.bench.browser import PROBE, Typist, chromium, find_chromium
from klein_ui.bench.photos import photo
from klein_ui.bench.plan import Plan
from klein_ui.bench.session import measure
from klein_ui.bench.stamp import number_of, stamped

CHROMIUM = find_chromium()
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="the browser tests need Chromium"),
]

PAGE = '<label>Prompt <textarea autofocus></textarea></label><img width="300">'
SHOW = "(url) => { document.querySelector('img').src = url; }"
DRAW = """async (url) => {
  const image = new Image();
  image.src = url;
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  canvas.getContext("2d").drawImage(image, 0, 0);
  canvas.dataset.seq = "1";
  document.querySelector("img").replaceWith(canvas);
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert CHROMIUM is not None
    with chromium(CHROMIUM) as opened:
        yield opened


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of one text box and one image, with the probe in it."""
    page = browser.new_page()
    page.add_init_script(path=PROBE)
    page.goto("data:text/html;charset=utf-8," + quote(PAGE))
    yield page
    page.close()


def picture_url(prompt: str) -> str:
    """A JPEG that carries the number of `prompt`."""
    out = io.BytesIO()
    Image.fromarray(stamped(photo(256, 256, 1), number_of(prompt))).save(out, "JPEG")
    return "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode()


def test_keys_have_the_number_of_the_text(page: Page) -> None:
    typist = Typist(page)
    page.get_by_label("Prompt").click()
    for letter in "añ 雪":
        page.keyboard.insert_text(letter)
    keys = typist.take().keys
    assert [key.number for key in keys] == [number_of(text) for text in ("a", "añ", "añ ", "añ 雪")]
    assert np.all(np.diff([key.at_ms for key in keys]) >= 0)
    assert typist.take().keys == ()


def test_a_typed_letter_replaces_the_selected_prompt(page: Page) -> None:
    typist = Typist(page)
    page.get_by_label("Prompt").click()
    for letter in "a b":
        typist.press(letter)
    typist.begin_anew()
    typist.press("c")
    assert typist.take().keys[-1].number == number_of("c")


@pytest.mark.parametrize("script", [SHOW, DRAW])
def test_a_picture_is_seen_and_known(page: Page, script: str) -> None:
    typist = Typist(page)
    page.evaluate(script, picture_url("a lake"))
    assert typist.shows("a lake", 5.0)
    (picture,) = typist.take().pictures
    assert picture.number == number_of("a lake")
    assert typist.shows("a lake", 0.0)


def test_pictures_are_seen_in_their_order(page: Page) -> None:
    typist = Typist(page)
    for prompt in ("a", "ab", "a"):
        page.evaluate(SHOW, picture_url(prompt))
        assert typist.shows(prompt, 5.0)
    assert [one.number for one in typist.take().pictures] == list(map(number_of, ("a", "ab", "a")))


def test_a_picture_that_does_not_come_is_not_waited_for_forever(page: Page) -> None:
    assert not Typist(page).shows("never", 0.05)


@pytest.mark.long
def test_a_small_run_of_ours(browser: Browser) -> None:
    single, burst = measure(browser, "ours", engines.spec_of("fake-0"), Plan(keys=2, runs=1))
    assert (single.keys, single.missing) == (2, 0)
    assert single.overhead_median_ms is not None
    assert single.down_median_ms is not None
    assert (burst.keys, burst.lost_runs, burst.stale_pictures) == (30, 0, 0)
