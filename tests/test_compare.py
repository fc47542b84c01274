"""What changed is seen, what should not have changed comes back exactly."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from klein_ui import compare
from klein_ui.contract import Pixels

SIDE = 128
SQUARE = slice(32, 80)
# The square and as far as its blocks and the blend reach.
NEAR = slice(32 - 16, 80 + 16)
DEEP = slice(32 + 8, 80 - 8)

shapes = st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(3))
pictures = arrays.arrays(np.uint8, shapes)


def scene(side: int = SIDE) -> Pixels:
    """Soft shapes in many colours, as in a photo."""
    coarse = np.random.default_rng(0).integers(20, 236, (8, 8, 3), dtype=np.uint8)
    return np.array(Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC))


def through_decoder(pixels: Pixels, amount: float = 5.0) -> Pixels:
    """`pixels` with the small errors that a way through the model leaves everywhere."""
    errors = np.random.default_rng(1).normal(0, amount, pixels.shape)
    return np.clip(pixels + errors, 0, 255).round().astype(np.uint8)


def with_square(pixels: Pixels) -> Pixels:
    changed = pixels.copy()
    changed[SQUARE, SQUARE] = 255 - changed[SQUARE, SQUARE]
    changed[SQUARE, SQUARE, 0] = 255
    return changed


def outside(*, of: slice) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    mask = np.ones((SIDE, SIDE), bool)
    mask[of, of] = False
    return mask


def test_what_fits_already_is_the_same_array() -> None:
    pixels = scene()
    assert compare.fitted(pixels, SIDE, SIDE) is pixels


@given(pictures, st.integers(1, 40), st.integers(1, 40))
def test_a_fitted_picture_has_exactly_the_size(pixels: Pixels, width: int, height: int) -> None:
    assert compare.fitted(pixels, width, height).shape == (height, width, 3)


def test_fitting_fills_and_crops_about_the_middle() -> None:
    pixels = np.zeros((64, 192, 3), np.uint8)
    pixels[:, 64:128] = 255
    assert (compare.fitted(pixels, 64, 64) == 255).all()
    # Nothing of a taller frame is left empty.
    assert compare.fitted(np.full((64, 192, 3), 9, np.uint8), 32, 64).min() == 9


def test_within_never_enlarges_and_keeps_the_shape() -> None:
    assert compare.within(scene(), 32).shape == (32, 32, 3)
    assert compare.within(scene()[:64], 32).shape == (16, 32, 3)
    assert compare.within(scene(), 500).shape == scene().shape
    assert compare.within(np.zeros((64, 64, 4), np.uint8), 32).shape == (32, 32, 4)


@given(pictures)
def test_nothing_changed_is_nought(pixels: Pixels) -> None:
    heat = compare.change(pixels, pixels)
    assert heat.shape == pixels.shape[:2]
    assert heat.dtype == np.float32
    assert not heat.any()


@given(pictures, st.data())
def test_change_is_a_part_and_the_same_both_ways(one: Pixels, data: st.DataObject) -> None:
    other = data.draw(arrays.arrays(np.uint8, one.shape))
    heat = compare.change(one, other)
    assert heat.min() >= 0
    assert heat.max() <= 1
    assert np.allclose(heat, compare.change(other, one), atol=1e-6)


def test_black_to_white_is_a_whole_change() -> None:
    black = np.zeros((64, 64, 3), np.uint8)
    assert compare.change(black, black + 255) == pytest.approx(1, abs=1e-5)


def test_a_change_of_colour_alone_is_seen() -> None:
    """Two colours of nearly the same lightness."""
    green, red = (np.full((64, 64, 3), colour, np.uint8) for colour in ((0, 100, 0), (196, 0, 0)))
    assert compare.change(green, red).min() > 0.4


def test_a_larger_step_is_a_larger_change() -> None:
    grey = np.full((64, 64, 3), 100, np.uint8)
    means = [float(compare.change(grey, grey + step).mean()) for step in (5, 20, 60, 120)]
    assert means == sorted(set(means))


def test_change_tells_where() -> None:
    heat = compare.change(scene(), through_decoder(with_square(scene())))
    assert heat[DEEP, DEEP].mean() > 10 * heat[outside(of=NEAR)].mean()


def test_a_change_of_one_pixel_of_noise_is_small() -> None:
    sparkle = through_decoder(scene(), 8.0)
    assert compare.change(scene(), sparkle).max() < 0.08


def test_the_original_is_fitted_first() -> None:
    assert compare.change(scene(SIDE), compare.fitted(scene(SIDE), 64, 32)).max() < 0.05
    assert compare.locked(scene(), scene()[:64, :32]).shape == (64, 32, 3)


def test_an_edge_beyond_the_last_whole_block_is_seen() -> None:
    before = np.zeros((66, 66, 3), np.uint8)
    after = before.copy()
    after[64:, 64:] = 255
    heat = compare.change(before, after)
    assert heat[65, 65] > 0.5
    assert not heat[:56, :56].any()


def test_blocks_lie_true_in_a_picture_of_no_whole_number_of_them() -> None:
    before = np.zeros((65, 65, 3), np.uint8)
    after = before.copy()
    after[:, 60:] = 255
    heat = compare.change(before, after)
    assert heat[30, 59] < 0.5 < heat[30, 60]


@given(pictures)
def test_a_result_that_equals_the_original_stays(pixels: Pixels) -> None:
    assert np.array_equal(compare.locked(pixels, pixels), pixels)


@given(pictures, st.data())
def test_where_both_are_equal_a_lock_changes_nothing(one: Pixels, data: st.DataObject) -> None:
    other = data.draw(arrays.arrays(np.uint8, one.shape))
    kept = compare.locked(one, other)
    assert np.array_equal(kept[one == other], one[one == other])
    low, high = np.minimum(one, other), np.maximum(one, other)
    assert ((kept >= low) & (kept <= high)).all()


@pytest.mark.parametrize("error", [0.0, 2.0, 5.0, 8.0])
def test_a_changed_square_stays_and_the_rest_returns_exactly(error: float) -> None:
    result = through_decoder(with_square(scene()), error)
    kept = compare.locked(scene(), result)
    away = outside(of=NEAR)
    assert np.array_equal(kept[away], scene()[away])
    assert np.array_equal(kept[DEEP, DEEP], result[DEEP, DEEP])


def test_an_error_alone_is_taken_back_wholly() -> None:
    assert np.array_equal(compare.locked(scene(), through_decoder(scene())), scene())


def test_a_change_of_everything_stays() -> None:
    """Where all changed the median is no measure of the error."""
    result = 255 - scene()
    result[..., 1] = 0
    assert np.mean(compare.locked(scene(), result) == result) > 0.95


def masked(area: slice, side: int = SIDE) -> Pixels:
    mask = np.zeros((side, side, 3), np.uint8)
    mask[area, area] = 255
    return mask


def test_outside_of_the_mask_are_the_originals_pixels() -> None:
    result = 255 - scene()
    shown = compare.composited(scene(), result, masked(SQUARE))
    away = outside(of=SQUARE)
    assert np.array_equal(shown[away], scene()[away])
    assert np.array_equal(shown[DEEP, DEEP], result[DEEP, DEEP])


def test_the_edge_is_soft_and_inside() -> None:
    black = np.zeros((256, 256, 3), np.uint8)
    row = compare.composited(black, black + 255, masked(slice(64, 192), 256))[128, :, 0].astype(int)
    edge_px = round(compare.EDGE_PART * 256)
    assert row[63] == 0
    assert 0 < row[64] < 255
    assert (np.diff(row[63 : 64 + edge_px]) > 0).all()
    assert (row[64 + edge_px - 1 : 192 - edge_px + 1] == 255).all()
    assert np.array_equal(row, row[::-1])


def test_the_edge_is_round_about_a_corner() -> None:
    black = np.zeros((256, 256, 3), np.uint8)
    mask = black + 255
    mask[:64, :64] = 0
    shown = compare.composited(black, black + 255, mask)[..., 0]
    assert shown[63, 63] == 0
    # Three pixels deep, but farther from the corner than from the straight edge.
    assert shown[66, 66] > shown[66, 20] > 0


def test_a_narrow_mask_still_lets_something_through() -> None:
    black = np.zeros((512, 512, 3), np.uint8)
    mask = black.copy()
    mask[:, 250:254] = 255
    assert compare.composited(black, black + 255, mask)[256, 252, 0] > 0


def test_the_edge_of_the_picture_is_no_edge_of_the_mask() -> None:
    result = 255 - scene()
    mask = np.zeros((SIDE, SIDE, 3), np.uint8)
    mask[:, :64] = 255
    shown = compare.composited(scene(), result, mask)
    assert np.array_equal(shown[:, :56], result[:, :56])
    assert np.array_equal(compare.composited(scene(), result, mask * 0), scene())
    assert np.array_equal(compare.composited(scene(), result, mask * 0 + 255), result)


def test_a_mask_of_another_size_is_fitted() -> None:
    result = 255 - scene()
    small = compare.composited(scene(), result, masked(slice(16, 40), 64))
    large = compare.composited(scene(), result, masked(SQUARE))
    assert np.abs(small.astype(int) - large).mean() < 2


@given(pictures, st.data())
def test_a_mask_below_half_leaves_the_original(one: Pixels, data: st.DataObject) -> None:
    other = data.draw(arrays.arrays(np.uint8, one.shape))
    light = data.draw(arrays.arrays(np.uint8, one.shape[:2]))
    shown = compare.composited(one, other, np.repeat(light[..., None], 3, axis=2))
    assert np.array_equal(shown[light < 128], one[light < 128])


def test_the_heat_map_is_clear_where_nothing_changed() -> None:
    heat = np.array([[0.0, 0.01, 0.1, 0.3, 1.0]], np.float32)
    (row,) = compare.heat_map(heat)
    assert list(row[:2, 3]) == [0, 0]
    assert (np.diff(row[1:, 3].astype(int)) > 0).all()
    assert row.shape == (5, 4)


def test_the_heat_map_has_one_hue_seen_on_light_and_dark() -> None:
    ramp = compare.heat_map(np.linspace(0.05, 1, 50, dtype=np.float32)[None])[0].astype(float)
    red, green, blue, alpha = ramp.T
    assert ((red > blue) & (blue > green)).all()
    strong = alpha > 100
    for ground in (0, 255):
        over = ramp[:, :3] * alpha[:, None] / 255 + ground * (1 - alpha[:, None] / 255)
        assert (np.abs(over - ground).max(axis=1)[strong] > 60).all()


@given(pictures, st.data())
def test_nothing_is_written_to(one: Pixels, data: st.DataObject) -> None:
    other = data.draw(arrays.arrays(np.uint8, one.shape))
    for pixels in (one, other):
        pixels.flags.writeable = False
    compare.locked(one, other)
    compare.composited(one, other, other)
    compare.heat_map(compare.change(one, other))
