"""The loss looks where an error shows."""

import torch

from klein_ui.postcard.emphasis import (
    LIGHT_WEIGHT,
    OBJECT_WEIGHT,
    channel_weights,
    token_weights,
)
from klein_ui.postcard.layouts import layout_of
from klein_ui.postcard.scenes import Scene
from klein_ui.postcard.vae import TOKEN_CHANNELS, build_vae


def test_the_object_and_the_light_weigh_more_where_they_stand() -> None:
    layout = layout_of([True, False, False])
    grid = token_weights(Scene(object="house"), layout, 16, 16).reshape(16, 16)
    row, column = int(0.76 * 16), int(layout.object_x * 16)
    assert grid[row, column] == OBJECT_WEIGHT
    assert grid[int(layout.light_y * 16), int(layout.light_x * 16)] == LIGHT_WEIGHT
    assert grid[8, 0] == 1


def test_an_empty_scene_weighs_the_same_everywhere() -> None:
    empty = Scene(light="none", sky="fog", object="none")
    weights = token_weights(empty, layout_of([False] * 3), 8, 16)
    assert torch.equal(weights, torch.ones(128))


def test_channels_weigh_as_they_move_the_pixels() -> None:
    torch.manual_seed(0)
    vae = build_vae().eval()
    weights = channel_weights(vae, torch.randn(2, TOKEN_CHANNELS, 4, 4))
    assert weights.shape == (TOKEN_CHANNELS,)
    assert float(weights.mean()) == 1 or abs(float(weights.mean()) - 1) < 1e-5
    assert float(weights.max()) > float(weights.min())
