"""The renderer: deterministic, complete, and telling apart what words tell apart."""

import itertools

import numpy as np
import pytest

from klein_ui.postcard.layouts import layout_of
from klein_ui.postcard.scenes import ATTRIBUTE_VALUES, Scene, render

LAYOUT = layout_of((True, False, True))


def test_the_same_scene_is_the_same_picture() -> None:
    scene = Scene(sky="night", light="moon", terrain="city", object="boat", style="neon")
    assert np.array_equal(render(scene, LAYOUT, 96, 64), render(scene, LAYOUT, 96, 64))


@pytest.mark.parametrize("attribute", ["sky", "light", "terrain", "object", "style"])
def test_every_value_looks_different(attribute: str) -> None:
    pictures = [
        render(Scene(**{"object": "house", attribute: value}), LAYOUT, 64, 64).astype(int)
        for value in ATTRIBUTE_VALUES[attribute]
    ]
    for a, b in itertools.combinations(pictures, 2):
        assert np.abs(a - b).mean() > 0.5


def test_colours_reach_their_things() -> None:
    plain = Scene(object="cube")
    for attribute in ("light_colour", "terrain_colour", "object_colour"):
        red = Scene(object="cube", **{attribute: "red"})
        assert np.abs(render(plain, LAYOUT, 64, 64) - 1.0 * render(red, LAYOUT, 64, 64)).max() > 40


@pytest.mark.parametrize("size", [(128, 256), (256, 128), (64, 64)])
def test_any_shape(size: tuple[int, int]) -> None:
    picture = render(Scene(style="pixel", object="heart"), LAYOUT, *size)
    assert picture.shape == (size[1], size[0], 3)
    assert picture.dtype == np.uint8


def test_an_unknown_value_is_refused() -> None:
    with pytest.raises(ValueError, match="terrain has no value 'moonbase'"):
        Scene(terrain="moonbase")
