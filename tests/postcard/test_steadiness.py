"""What the measure of steadiness counts."""

import numpy as np
from PIL import Image

from klein_ui.postcard.captions import Caption, resolve
from klein_ui.postcard.layouts import layout_of
from klein_ui.postcard.scenes import render
from klein_ui.postcard.steadiness import apart, completes, letters, measure


def test_only_the_last_letter_of_a_known_word_completes_it() -> None:
    found = [after for _, after, says in letters("a red sun") if says]
    assert found == ["a red sun"]
    assert completes("over the sea,") is False
    assert completes("at night")


def test_pictures_that_follow_the_words_are_steady() -> None:
    caption = Caption("sea", {"terrain": "sea"}, resolve({"terrain": "sea"}))

    def paint(prompt: str, seed: int, size: int) -> Image.Image:
        said = {"terrain": "sea"} if prompt == "sea" else {}
        return Image.fromarray(render(resolve(said), layout_of([seed >= 1000] * 3), size, size))

    found = measure(paint, [caption], 128)
    assert found["a letter that completes no word"] == 0
    assert found["a letter that completes a word"] > 1
    assert found["between seeds"] > 1
    assert found["composition kept at twice the size"] == 1


def test_equal_pictures_are_not_apart() -> None:
    black, white = (Image.fromarray(np.full((4, 4, 3), v, np.uint8)) for v in (0, 255))
    assert apart(black, black) == 0
    assert apart(black, white) == 255
