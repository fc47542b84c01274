"""What was encoded in one process is known in another, to the last bit."""

import pickle
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from klein_ui.bench.photos import Album, photo
from klein_ui.contract import Blend, Hooks, Stage
from klein_ui.engine.encodings import (
    Known,
    is_picture_of,
    is_prompt_of,
    plain,
    tensor,
)
from klein_ui.engine.klein import KleinEngine

from .rendering import load, render, request

DIGEST, OTHER = "a" * 64, "b" * 64
ALBUM = Album({DIGEST: photo(80, 64, 1), OTHER: photo(64, 64, 2)})


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int64])
def test_a_tensor_comes_back_as_it_was(dtype: torch.dtype) -> None:
    one = torch.arange(24).reshape(2, 3, 4).to(dtype).transpose(1, 2)
    arrived = pickle.loads(pickle.dumps(plain(one)))  # noqa: S301
    back = tensor(arrived, torch.device("cpu"))
    assert back.dtype == dtype
    assert torch.equal(back, one)


def test_an_engine_that_is_told_encodes_nothing_and_renders_the_same(small_model: Path) -> None:
    wanted = request(DIGEST, prompt="a tent", mask=OTHER)
    first, second = load(small_model, ALBUM), load(small_model, ALBUM)
    made = render(first, wanted)
    new = first.encodings.of(wanted, Known())
    assert (len(new.prompts), len(new.pictures)) == (1, 2)
    second.encodings.put(new)
    assert (render(second, wanted) == made).all()
    assert (second.prompts_encoded, second.references_encoded) == (0, 0)


def test_what_is_known_is_not_told_again(small_model: Path) -> None:
    engine = load(small_model, ALBUM)
    wanted = request(DIGEST)
    render(engine, wanted)
    new = engine.encodings.of(wanted, Known())
    assert not engine.encodings.of(wanted, new).prompts
    assert not engine.encodings.of(wanted, new).pictures


def test_only_what_a_picture_may_need_goes_along(small_model: Path) -> None:
    engine: KleinEngine = load(small_model, ALBUM)
    engine.render(request(OTHER, prompt="another"), Stage.FINAL, Hooks())
    blended = request(prompt="a", blend=Blend("b", 1, 0.5))
    engine.render(blended, Stage.FINAL, Hooks())
    assert {key[0] for key in engine.encodings.of(blended, Known()).prompts} == {"a", "b"}
    assert not engine.encodings.of(blended, Known()).pictures


def test_guidance_reads_the_empty_prompt_and_an_area_is_part_of_the_name() -> None:
    wanted = request(DIGEST, prompt="a")
    assert is_prompt_of(("", 0), wanted)
    assert not is_prompt_of(("b", 0), wanted)
    name = ("main", DIGEST, wanted.reference_area)
    assert is_picture_of(name, wanted)
    assert is_picture_of(("main", DIGEST, (64, 64)), wanted)
    assert not is_picture_of(name, replace(wanted, reference_area=4096))
