"""A link brings the request back, whatever its prompt, and is bounded."""

import zlib
from base64 import urlsafe_b64encode
from dataclasses import replace
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from klein_ui import models, permalink, roles, validate
from klein_ui.contract import InvalidRequest, Reference, Request

ROW = models.KLEIN_BASE_4B

raws = st.fixed_dictionaries(
    {
        "prompt": st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
        | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=10).map(
            lambda text: (text * 2000)[:2000]
        ),
        "seed": st.integers(0, 2**32 - 1),
        "width": st.sampled_from([512, 1024, 128]),
        "height": st.sampled_from([512, 768]),
        "steps": st.integers(1, 50),
        "guidance_scale": st.floats(1, 10),
        "loras": st.lists(
            st.fixed_dictionaries(
                {
                    "name": st.text(min_size=1, max_size=20).filter(validate.is_lora_name),
                    "scale": st.floats(-2, 2),
                }
            ),
            max_size=3,
            unique_by=lambda lora: str(lora["name"]),
        ),
    }
)


def opened(query: str) -> Request:
    return validate.asked(permalink.fields(query), ROW).request


@settings(max_examples=200)
@given(raws)
def test_a_link_gives_back_the_very_request(raw: dict[str, object]) -> None:
    request = validate.asked(raw, ROW).request
    query = permalink.query(request)
    assert opened(query) == request
    assert opened(f"?{query}") == request
    assert len(query) <= permalink.MAX_QUERY_CHARS
    # Nothing in it ends the query or has to be escaped once more.
    assert quote(query, safe="=&%+") == query


def test_the_longest_prompts_still_fit() -> None:
    for prompt in ("🌋" * 2000, "".join(chr(0x20000 + 7 * i) for i in range(2000)), "a b" * 600):
        request = validate.asked({"prompt": prompt}, ROW).request
        query = permalink.query(request)
        assert len(query) <= permalink.MAX_QUERY_CHARS
        assert opened(query) == request


def test_a_short_link_can_be_read() -> None:
    query = permalink.query(validate.asked({"prompt": "a red sun", "seed": 7}, ROW).request)
    assert query.startswith("prompt=a+red+sun&seed=7&width=1024")


def test_nothing_of_anybodys_images_is_in_it() -> None:
    reference = Reference("ab" * 32, "style", made_by="cd" * 32)
    plain = validate.asked({"prompt": "a red sun"}, ROW).request
    edit = replace(
        plain,
        prompt=roles.compiled(plain.prompt, [reference]),
        references=(reference,),
        mask="ef" * 32,
        keep_background=True,
    )
    assert permalink.query(edit) == permalink.query(plain)


def packed(data: bytes) -> str:
    return f"z={urlsafe_b64encode(zlib.compress(data)).decode()}"


@pytest.mark.parametrize(
    "query",
    [
        "seed=x",
        "seed=-1",
        "seed=" + "9" * 5000,
        "seed=٣",
        "guidance_scale=nan",
        "guidance_scale=inf",
        "guidance_scale=one",
        "lora=1",
        "lora=x+ink",
        "lora=nan+ink",
        "width=513",
        "prompt=%ff",
        "z=!!!",
        "z=YWJj",
        "z=",
        packed(bytes(10**6)),
        packed(b"prompt=" + b"\xff"),
        packed(b"prompt=long enough to be cut")[:-8],
        "a=1&" * 100,
        "prompt=" + "a" * 20_000,
    ],
)
def test_a_broken_link_is_one_sentence(query: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        opened(query)
    assert "\n" not in str(refused.value)


@given(st.text(max_size=100))
def test_any_query_is_a_request_or_a_sentence(query: str) -> None:
    try:
        assert isinstance(opened(query), Request)
    except InvalidRequest as refused:
        assert str(refused)
