"""Anything at all for the validators, and images with bytes changed: a share by default."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from klein_ui import permalink, uploads, validate
from klein_ui.contract import InvalidPicture, InvalidRequest, KleinError
from klein_ui.models import KLEIN_4B
from klein_ui.ui import api, wire

from ..test_uploads import mutated
from .makers import words

SHARE, ALL = 400, 10_000
IMAGES_SHARE, ALL_IMAGES = 150, 2_000

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
digest = st.text("0123456789abcdef", min_size=64, max_size=64) | anything
reference = st.fixed_dictionaries(
    {},
    optional={"digest": digest, "role": anything, "strength": anything, "made_by": digest},
)
lora = st.fixed_dictionaries({}, optional={"name": st.text() | anything, "scale": anything})
blend = st.fixed_dictionaries(
    {}, optional={"prompt": anything, "seed": anything, "share": st.floats(-1, 2) | anything}
)
size = st.sampled_from([0, 16, 64, 128, 256, 1024, 2048, 10**9]) | anything
request = st.fixed_dictionaries(
    {},
    optional={
        "prompt": st.text() | anything,
        "seed": anything,
        "width": size,
        "height": size,
        "steps": st.integers(-1, 99) | anything,
        "draft": size,
        "guidance_scale": anything,
        "references": st.lists(reference, max_size=5) | anything,
        "roles": anything,
        "small_references": anything,
        "mask": digest,
        "keep_background": anything,
        "loras": st.lists(lora, max_size=5) | anything,
        "blend": blend | anything,
        "model": anything,
    },
)


def is_sentence(error: KleinError) -> bool:
    said = str(error)
    return said.endswith(".") and "\n" not in said and len(said) < 400


def check_validators(raw: dict[str, object], values: list[object], text: str) -> None:
    """Each of the ways in gives what is within the limits, or one sentence."""
    try:
        made = validate.asked(raw, KLEIN_4B)
    except InvalidRequest as error:
        assert is_sentence(error)
        assert error.field
    else:
        assert made.request.width * made.request.height <= KLEIN_4B.max_area
        made.request.prompt.encode()
    try:
        api.asked_by(values, KLEIN_4B)
    except InvalidRequest as error:
        assert is_sentence(error)
    for message in (text, words(**raw), json.dumps(values)):
        try:
            up = wire.up(message)
        except InvalidRequest as error:
            assert is_sentence(error)
        else:
            assert up.seq >= 0
    try:
        permalink.fields(text)
    except KleinError as error:
        assert is_sentence(error)


def check_image(data: bytes) -> None:
    """It is an upload within the limits, or one sentence."""
    try:
        pixels = uploads.decoded(data).pixels
    except InvalidPicture as error:
        assert is_sentence(error)
    else:
        assert pixels.dtype == np.uint8
        uploads.check_sides(pixels.shape[1], pixels.shape[0])


inputs = (request, st.lists(anything, max_size=6), st.text())


@given(*inputs)
@settings(max_examples=SHARE)
def test_a_share_of_anything(raw: dict[str, object], values: list[object], text: str) -> None:
    check_validators(raw, values, text)


@pytest.mark.long
@pytest.mark.timeout(1800)
@given(*inputs)
@settings(max_examples=ALL)
def test_ten_thousand_of_anything(raw: dict[str, object], values: list[object], text: str) -> None:
    check_validators(raw, values, text)


@given(mutated())
@settings(max_examples=IMAGES_SHARE)
def test_a_share_of_mutated_images(data: bytes) -> None:
    check_image(data)


@pytest.mark.long
@pytest.mark.timeout(1800)
@given(mutated())
@settings(max_examples=ALL_IMAGES)
def test_two_thousand_mutated_images(data: bytes) -> None:
    check_image(data)
