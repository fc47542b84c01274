"""Strength: 1 is the stock call, 0 is absence, and between them a reference counts ever more."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from klein_ui.bench.photos import Album, photo
from klein_ui.contract import Reference, Request
from klein_ui.engine.attention import attention, in_a_row, placed
from klein_ui.engine.klein import KleinEngine
from klein_ui.engine.velocity import JointVelocity, PlainVelocity

from .rendering import clean_latents, load, prepared, render, request

STRENGTHS = (0.0, 0.05, 0.2, 0.4, 0.6, 0.8, 0.95, 1.0)


@pytest.fixture(scope="module")
def engine(small_model: Path) -> KleinEngine:
    sizes = {"first": (64, 64), "second": (96, 80), "third": (48, 112)}
    photos = {name: photo(*size, seed) for seed, (name, size) in enumerate(sizes.items())}
    return load(small_model, Album(photos))


def velocity(engine: KleinEngine, wanted: Request) -> Tensor:
    """What the first step is told, shape (1, tokens, channels)."""
    with torch.inference_mode():
        job = prepared(engine, wanted)
        answer: Tensor = job.velocity(job.noise, 0)
        return answer


def faded(strength: float) -> Request:
    return request("first", Reference("second", strength=strength), "third")


def masked(engine: KleinEngine, hidden: int) -> Tensor:
    """The first step with all three references in the sequence, where no token but its own sees
    the reference at the slot `hidden`."""
    with torch.inference_mode():
        job = prepared(engine, faded(1.0))
        looked_at = placed(faded(1.0), engine._references)
        before = job.prompt.embeds.shape[1] + job.noise.shape[1]
        sizes = [one.encoded.latents.shape[1] for one in looked_at]
        first = before + sum(sizes[:hidden])
        own = slice(first, first + sizes[hidden])
        bias = torch.zeros(1, 1, before + sum(sizes), before + sum(sizes))
        bias[..., own] = -torch.inf
        bias[..., own, own] = 0.0
        assert isinstance(job.velocity, JointVelocity)
        told = {"attention_mask": bias}
        return JointVelocity(job.velocity.forward, in_a_row(looked_at), told)(job.noise, 0)


def test_full_strength_is_the_stock_call(engine: KleinEngine) -> None:
    looked_at = placed(faded(1.0), engine._references)
    assert attention(looked_at, 64, torch.float32) is None
    bare = render(engine, request("first", "second", "third"))
    assert np.array_equal(render(engine, faded(1.0)), bare)


def test_strength_0_leaves_the_reference_out_and_the_others_in_their_places(
    engine: KleinEngine,
) -> None:
    one, three = placed(faded(0.0), engine._references)
    assert (one.slot, three.slot) == (0, 2)
    assert set(in_a_row((one, three)).ids[0, :, 0].tolist()) == {10, 30}
    without = velocity(engine, request("first", "third"))
    assert not torch.equal(velocity(engine, faded(0.0)), without)


def test_strength_0_equals_the_masked_sequence(engine: KleinEngine) -> None:
    left_out = velocity(engine, faded(0.0))
    assert torch.allclose(left_out, masked(engine, hidden=1), atol=2e-6)
    assert (left_out - velocity(engine, faded(1.0))).abs().max() > 1e-3


def test_the_only_reference_at_strength_0_is_no_reference(engine: KleinEngine) -> None:
    alone = request(Reference("first", strength=0.0))
    assert isinstance(prepared(engine, alone).velocity, PlainVelocity)
    assert np.array_equal(render(engine, alone), render(engine, request()))


def test_the_bias_is_the_logarithm_on_the_references_own_keys(engine: KleinEngine) -> None:
    looked_at = placed(faded(0.25), engine._references)
    told = attention(looked_at, 64, torch.bfloat16)
    assert told is not None
    bias = told["attention_mask"]
    assert bias.dtype == torch.bfloat16
    assert bias.shape == (1, 1, 1, 64 + 16 + 30 + 21)
    expected = torch.tensor(0.25).log().to(torch.bfloat16)
    assert torch.all(bias[..., 80:110] == expected)
    assert not bias[..., :80].any()
    assert not bias[..., 110:].any()


@pytest.mark.parametrize("measure", [velocity, clean_latents])
def test_more_strength_is_further_from_absent_and_nearer_to_full(
    engine: KleinEngine, measure: Any
) -> None:
    found = [measure(engine, faded(strength)) for strength in STRENGTHS]
    assert all(bool(one.isfinite().all()) for one in found)
    from_absent = [(one - found[0]).norm().item() for one in found]
    to_full = [(one - found[-1]).norm().item() for one in found]
    assert from_absent == sorted(set(from_absent))
    assert to_full == sorted(set(to_full), reverse=True)


@pytest.mark.parametrize("strength", [1e-300, 1e-12])
def test_next_to_nothing_is_next_to_absent(engine: KleinEngine, strength: float) -> None:
    near, absent = velocity(engine, faded(strength)), velocity(engine, faded(0.0))
    assert torch.allclose(near, absent, atol=2e-6)


def test_a_strength_changes_no_encoding(engine: KleinEngine) -> None:
    render(engine, faded(1.0))
    before = engine.references_encoded
    assert not np.array_equal(render(engine, faded(0.5)), render(engine, faded(1.0)))
    assert engine.references_encoded == before
