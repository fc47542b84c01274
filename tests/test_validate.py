"""Whatever comes from outside becomes a request within the limits, or one sentence."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klein_ui import validate
from klein_ui.contract import Blend, InvalidRequest, Request
from klein_ui.models import GRID_PX, KLEIN_4B, KLEIN_BASE_4B, POSTCARD

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
FIELDS = ("prompt", "seed", "width", "height", "steps", "draft")


def test_missing_fields_get_the_defaults_of_the_model() -> None:
    request = validate.asked({}, POSTCARD).request
    assert (request.prompt, request.seed, request.steps) == ("", 0, POSTCARD.steps)
    assert (request.width, request.height) == (POSTCARD.default_side, POSTCARD.default_side)
    assert request.model == "postcard"


@given(st.dictionaries(st.sampled_from(FIELDS), anything))
def test_anything_becomes_a_request_within_the_limits_or_one_sentence(
    raw: dict[str, object],
) -> None:
    try:
        asked = validate.asked(raw, KLEIN_4B)
    except InvalidRequest as error:
        assert error.field in FIELDS
        assert str(error).endswith(".")
        assert "\n" not in str(error)
        return
    for request in (asked.request, *asked.drafts):
        assert type(request.seed) is int
        assert 0 <= request.seed <= validate.MAX_SEED
        assert request.width % GRID_PX == request.height % GRID_PX == 0
        assert request.width * request.height <= KLEIN_4B.max_area
        assert 1 <= request.steps <= KLEIN_4B.max_steps
        request.prompt.encode("utf-8")


@pytest.mark.parametrize("value", [True, math.nan, math.inf, 2.5, "4", [4], None, 0, 9, -1, 10**30])
def test_steps_that_widgets_let_pass_are_refused(value: object) -> None:
    with pytest.raises(InvalidRequest, match="steps must be a whole number from 1 to 8"):
        validate.asked({"steps": value}, KLEIN_4B)


def test_a_whole_number_may_come_as_a_float() -> None:
    assert validate.asked({"steps": 4.0}, KLEIN_4B).request.steps == 4


@pytest.mark.parametrize("side", [127, 130, 2049, 64])
def test_sides_off_the_grid_or_the_limits_are_refused(side: int) -> None:
    with pytest.raises(InvalidRequest):
        validate.asked({"width": side}, KLEIN_4B)


def test_an_area_beyond_the_model_names_the_remedy() -> None:
    with pytest.raises(InvalidRequest, match="choose at most"):
        validate.asked({"width": 2048, "height": 2048}, KLEIN_4B)


def test_prompts_keep_every_script_and_lose_control_characters() -> None:
    kept = "夜の山 🌋 שקיעה\tline\nnext"
    assert validate.prompt(kept) == kept
    assert validate.prompt("a\x00b\x1b[0m\ud800") == "ab[0m"


def test_prompts_are_at_most_2000_characters() -> None:
    assert len(validate.prompt("x" * 2000)) == 2000
    with pytest.raises(InvalidRequest, match="2,001 characters; shorten it to at most 2,000"):
        validate.prompt("x" * 2001)


def test_drafts_keep_the_shape_and_get_smaller() -> None:
    asked = validate.asked({"width": 1024, "height": 512, "draft": 512}, KLEIN_4B)
    assert [(d.width, d.height) for d in asked.drafts] == [(512, 256), (384, 192), (256, 128)]
    assert {d.prompt for d in asked.drafts} == {asked.request.prompt}


@pytest.mark.parametrize("draft", [512, 1024])
def test_a_draft_as_large_as_the_picture_is_the_picture(draft: int) -> None:
    asked = validate.asked({"width": 512, "height": 512, "draft": draft}, KLEIN_4B)
    assert asked.drafts == ()


DIGEST = "a" * 64


def looked_at(count: int) -> list[dict[str, object]]:
    return [{"digest": f"{number:064x}"} for number in range(count)]


def test_references_keep_their_order_and_what_was_said_of_them() -> None:
    images = looked_at(3)
    images[1] |= {"role": " style \n", "strength": 0.5, "made_by": DIGEST}
    request = validate.asked({"prompt": "x", "references": images}, POSTCARD).request
    assert [r.digest[-1] for r in request.references] == ["0", "1", "2"]
    second = request.references[1]
    assert (second.role, second.strength, second.made_by) == ("style", 0.5, DIGEST)
    assert request.prompt == "x. Use the style of image 2."


def test_roles_can_be_kept_from_the_model() -> None:
    images = [{"digest": DIGEST, "role": "style"}]
    asked = validate.asked({"prompt": "x", "references": images, "roles": False}, POSTCARD)
    assert asked.request.prompt == "x"
    assert asked.request.references[0].role == "style"


@pytest.mark.parametrize(("small", "area"), [(True, 128 * 128), (False, 256 * 256)])
def test_drafts_may_see_the_references_small(small: bool, area: int) -> None:
    raw = {"prompt": "x", "references": looked_at(1), "small_references": small}
    asked = validate.asked(raw, POSTCARD)
    assert asked.request.reference_area == POSTCARD.reference_area
    assert {draft.reference_area for draft in asked.drafts} == {area}


def test_mask_and_background_lock_need_an_image() -> None:
    raw: dict[str, object] = {"prompt": "x", "mask": DIGEST, "keep_background": True}
    alone = validate.asked(raw, POSTCARD).request
    assert (alone.mask, alone.keep_background) == ("", False)
    request = validate.asked(raw | {"references": looked_at(1)}, POSTCARD).request
    assert (request.mask, request.keep_background) == (DIGEST, True)


def test_one_reference_too_many_says_what_to_do() -> None:
    with pytest.raises(InvalidRequest, match="at 3 images at once; switch off or remove 1"):
        validate.asked({"references": looked_at(4)}, POSTCARD)


@pytest.mark.parametrize(
    "fields",
    [
        {"references": "x"},
        {"references": ["x"]},
        {"references": [{}]},
        {"references": [{"digest": "../../etc/passwd"}]},
        {"references": [{"digest": DIGEST.upper()}]},
        {"references": [{"digest": DIGEST, "strength": 1.5}]},
        {"references": [{"digest": DIGEST, "strength": True}]},
        {"references": [{"digest": DIGEST, "strength": float("nan")}]},
        {"references": [{"digest": DIGEST, "role": "x" * 81}]},
        {"references": [{"digest": DIGEST, "role": 5}]},
        {"references": [{"digest": DIGEST, "made_by": "x"}]},
        {"references": [{"digest": DIGEST}], "mask": "x"},
        {"keep_background": "yes"},
        {"roles": 1},
        {"small_references": None},
    ],
)
def test_wrong_references_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(InvalidRequest):
        validate.asked({"prompt": "x"} | fields, POSTCARD)


@pytest.mark.parametrize("value", [0.5, 11, "4", True, None, float("nan"), float("inf")])
def test_a_guidance_that_makes_no_sense_is_refused(value: object) -> None:
    with pytest.raises(InvalidRequest, match="guidance must be a number from 1 to 10"):
        validate.asked({"guidance_scale": value}, KLEIN_BASE_4B)


def test_guidance_is_for_weights_that_take_it() -> None:
    base = validate.asked({"guidance_scale": 2.5}, KLEIN_BASE_4B).request
    distilled = validate.asked({"guidance_scale": 2.5}, KLEIN_4B).request
    assert (base.guidance_scale, distilled.guidance_scale) == (2.5, 1.0)


def test_drafts_of_base_weights_take_fewer_steps() -> None:
    made = validate.asked({}, KLEIN_BASE_4B)
    assert made.request.steps == 50
    assert {draft.steps for draft in made.drafts} == {KLEIN_BASE_4B.draft_steps}
    small = validate.asked({"width": 512, "height": 512}, KLEIN_BASE_4B)
    assert [(draft.width, draft.steps) for draft in small.drafts] == [(512, 12)]
    few = validate.asked({"steps": 5}, KLEIN_BASE_4B)
    assert {draft.steps for draft in few.drafts} == {5}


def blended(**other: object) -> Request:
    raw = {"prompt": "a", "seed": 1, "blend": {"prompt": "b", "seed": 2, **other}}
    return validate.asked(raw, POSTCARD).request


def test_a_blend_is_of_the_picture_and_its_drafts() -> None:
    raw = {"prompt": "a", "blend": {"prompt": "b", "seed": 2, "share": 0.3}, "width": 512}
    asked = validate.asked(raw, KLEIN_4B)
    assert asked.request.blend == Blend("b", 2, 0.3)
    assert {draft.blend for draft in asked.drafts} == {asked.request.blend}


def test_the_ends_of_a_blend_are_the_requests_themselves() -> None:
    assert blended(share=0) == validate.asked({"prompt": "a", "seed": 1}, POSTCARD).request
    assert blended(share=1) == validate.asked({"prompt": "b", "seed": 2}, POSTCARD).request
    assert blended(prompt="a", seed=1).blend is None


def test_the_roles_are_said_behind_both_prompts() -> None:
    raw = {
        "prompt": "a",
        "references": [{"digest": DIGEST, "role": "style"}],
        "blend": {"prompt": "b"},
    }
    blend = validate.asked(raw, POSTCARD).request.blend
    assert blend == Blend("b. Use the style of image 1.", 0, 0.5)


@pytest.mark.parametrize(
    "blend",
    [
        5,
        "x",
        [1],
        {"prompt": 3},
        {"prompt": "x" * 2001},
        {"seed": -1},
        {"seed": "1"},
        {"share": 1.1},
        {"share": float("nan")},
        {"share": True},
    ],
)
def test_a_wrong_blend_is_refused(blend: object) -> None:
    with pytest.raises(InvalidRequest):
        validate.asked({"prompt": "x", "blend": blend}, POSTCARD)
