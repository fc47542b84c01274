"""The loss looks where an error shows."""

import torch

from klein_ui.postcard.emphasis import (
    LIGHT_WEIGHT,
    OBJECT_WEIGHT,
    SKYLINE_WEIGHT,
    channel_weights,
    token_weights,
)
from klein_ui.postcard.layouts import layout_of
from klein_ui.postcard.scenes import Scene
from klein_ui.postcard.vae import TOKEN_CHANNELS, build_vae


def test_the_object_and_the_light_weigh_more_where_they_stand() -> None:
    layout = layout_of([True, True, False])
    grid = token_weights(Scene(object="house"), layout, 16, 16).reshape(16, 16)
    row, column = int(0.76 * 16), int(layout.object_x * 16)
    assert grid[row, column] == OBJECT_WEIGHT
    assert grid[int(layout.light_y * 16), int(layout.light_x * 16)] == LIGHT_WEIGHT
    assert grid[0, 0] == 1


def test_the_skyline_weighs_more_and_an_empty_sky_and_ground_do_not() -> None:
    empty = Scene(light="none", sky="fog", object="none")
    grid = token_weights(empty, layout_of([False] * 3), 16, 8).reshape(16, 8)
    assert set(grid[4:11].flatten().tolist()) == {SKYLINE_WEIGHT}
    assert set(torch.cat([grid[:3], grid[13:]]).flatten().tolist()) == {1.0}


def test_the_light_in_front_of_the_skyline_takes_no_weight_away() -> None:
    layout = layout_of([True, True, True])
    with_light = token_weights(Scene(light="sun"), layout, 16, 16)
    without = token_weights(Scene(light="none", sky="fog"), layout, 16, 16)
    assert bool((with_light >= without).all())


def test_channels_weigh_as_they_move_the_pixels() -> None:
    torch.manual_seed(0)
    vae = build_vae().eval()
    weights = channel_weights(vae, torch.randn(2, TOKEN_CHANNELS, 4, 4))
    assert weights.shape == (TOKEN_CHANNELS,)
    assert float(weights.mean()) == 1 or abs(float(weights.mean()) - 1) < 1e-5
    assert float(weights.max()) > float(weights.min())
