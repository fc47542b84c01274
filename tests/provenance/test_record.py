"""A request goes into a picture and comes back the same."""

import io
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from klein_ui import images, provenance
from klein_ui.contract import (
    Blend,
    Frame,
    KleinError,
    Lora,
    Origin,
    Reference,
    Request,
    Stage,
    Timings,
)
from klein_ui.engine.fake import bands

prompts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=50)
requests = st.builds(
    Request,
    prompt=prompts,
    seed=st.integers(0, 2**32 - 1),
    width=st.just(64),
    height=st.just(32),
    steps=st.integers(1, 8),
    guidance_scale=st.just(1.0),
    model=st.just("postcard"),
    references=st.lists(st.builds(Reference, st.text("0123", max_size=4)), max_size=2).map(tuple),
    loras=st.lists(st.builds(Lora, st.text("ab", max_size=2), st.floats(0.1, 2)), max_size=2).map(
        tuple
    ),
    blend=st.none() | st.builds(Blend, prompts, st.integers(0, 2**32 - 1), st.floats(0, 1)),
)


def frame(request: Request) -> Frame:
    origin = Origin("abc", "CPU", "float32", "torch")
    return Frame(request, Stage.FINAL, bands(request), Timings(), origin)


@given(requests)
def test_the_request_of_a_png_is_the_request_it_was_made_from(request: Request) -> None:
    saved = images.png(bands(request), provenance.texts(frame(request)))
    with Image.open(io.BytesIO(saved)) as picture:
        assert provenance.request_from(picture.info[provenance.CHUNK]) == request
        assert f"Seed: {request.seed}" in picture.info["parameters"]


@pytest.mark.parametrize(
    "chunk", ["", "{", "[]", "{}", '{"schema": 1}', '{"schema": 1, "request": 3}']
)
def test_what_is_no_request_is_one_sentence(chunk: str) -> None:
    with pytest.raises(KleinError, match="holds no request"):
        provenance.request_from(chunk)


def test_a_newer_schema_says_what_to_do() -> None:
    with pytest.raises(KleinError, match="update the app"):
        provenance.request_from('{"schema": 2}')


@given(requests)
def test_a_record_of_the_request_alone_is_read_as_well(request: Request) -> None:
    assert provenance.request_from(provenance.request_json(request)) == request


@given(requests, requests)
def test_equal_requests_alone_have_equal_digests(one: Request, other: Request) -> None:
    same = provenance.request_digest(one) == provenance.request_digest(other)
    assert same == (one == other)
    assert provenance.request_digest(one) == provenance.request_digest(replace(one))


def test_a_picture_of_before_there_were_loras_is_still_read() -> None:
    request = Request("c", 3, 64, 32, 4, 1.0, "postcard")
    record = json.loads(provenance.request_json(request))
    del record["request"]["loras"]
    assert provenance.request_from(json.dumps(record)) == request


def test_a_request_without_a_blend_is_told_as_before_there_were_any() -> None:
    request = Request("c", 3, 64, 32, 4, 1.0, "postcard")
    assert "blend" not in provenance.request_json(request)
    blended = replace(request, blend=Blend("d, e", 4, 0.25))
    assert provenance.request_digest(blended) != provenance.request_digest(request)
    told = provenance.texts(frame(blended))["parameters"]
    assert told.endswith("Model: postcard, Blend seed: 4, Blend share: 0.25")


@pytest.mark.parametrize("blend", [5, "x", [], {"prompt": "x"}, {"else": 1}])
def test_a_blend_that_makes_no_sense_is_one_sentence(blend: object) -> None:
    record = json.loads(provenance.request_json(Request("c", 3, 64, 32, 4, 1.0, "postcard")))
    record["request"]["blend"] = blend
    with pytest.raises(KleinError, match="holds no request"):
        provenance.request_from(json.dumps(record))


def test_loras_are_told_with_the_files_they_were() -> None:
    request = Request("c", 3, 64, 32, 4, 1.0, "postcard", loras=(Lora("ink", 0.8), Lora("wash")))
    made = frame(request)
    told = provenance.texts(replace(made, origin=replace(made.origin, loras=("ab12", "cd34"))))
    record = json.loads(told[provenance.CHUNK])
    assert record["request"]["loras"][0] == {"name": "ink", "scale": 0.8}
    assert record["origin"]["loras"] == ["ab12", "cd34"]
    assert told["parameters"].startswith("c <lora:ink:0.8> <lora:wash:1>\nSteps: 4")


@pytest.mark.parametrize("loras", [5, ["ink"], [{"file": "ink"}], [["ink", 1]]])
def test_loras_that_make_no_sense_are_one_sentence(loras: object) -> None:
    record = json.loads(provenance.request_json(Request("c", 3, 64, 32, 4, 1.0, "postcard")))
    record["request"]["loras"] = loras
    with pytest.raises(KleinError, match="holds no request"):
        provenance.request_from(json.dumps(record))


def test_the_lineage_is_told_oldest_first_and_only_where_there_is_one() -> None:
    request = Request("c", 3, 64, 32, 4, 1.0, "postcard", (Reference("0" * 64, "style", 0.5),))
    earlier = [replace(request, prompt=prompt) for prompt in "ab"]
    told = provenance.texts(frame(request), earlier)
    assert json.loads(told[provenance.CHUNK])["lineage"] == [
        json.loads(provenance.request_json(one))["request"] for one in earlier
    ]
    assert provenance.request_from(told[provenance.CHUNK]) == request
    assert "lineage" not in json.loads(provenance.texts(frame(request))[provenance.CHUNK])
