"""Between two requests: the ends are the two, the noise stays noise, nothing is encoded twice."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from klein_ui import models
from klein_ui.bench.photos import Album
from klein_ui.contract import Blend, Hooks, Request, Stage
from klein_ui.engine import choosing, loader
from klein_ui.engine.blend import blended_noise, turned
from klein_ui.engine.device import choose
from klein_ui.engine.fake import FakeEngine
from klein_ui.engine.klein import KleinEngine
from klein_ui.engine.noise import NoiseField

from .rendering import CACHE_BYTES, clean_latents, load, render, request

FIRST = request()
SECOND = request(prompt="a blue moon over the sea", seed=8)
FIELD = NoiseField(8, 2**28)


def between(share: float, first: Request = FIRST, second: Request = SECOND) -> Request:
    return replace(first, blend=Blend(second.prompt, second.seed, share))


@pytest.fixture(scope="module")
def engine(small_model: Path) -> KleinEngine:
    return load(small_model, Album())


@pytest.mark.parametrize(("share", "end"), [(0.0, FIRST), (1.0, SECOND)])
def test_the_ends_are_the_two_requests_exactly(
    engine: KleinEngine, share: float, end: Request
) -> None:
    assert torch.equal(clean_latents(engine, between(share)), clean_latents(engine, end))
    assert np.array_equal(render(engine, between(share)), render(engine, end))


def test_a_blend_with_itself_is_the_request(engine: KleinEngine) -> None:
    same = between(0.5, FIRST, FIRST)
    assert torch.equal(clean_latents(engine, same), clean_latents(engine, FIRST))


def test_a_little_blend_is_near_and_more_is_further(engine: KleinEngine) -> None:
    found = [clean_latents(engine, between(share)) for share in (0.0, 1e-6, 0.2, 0.5, 0.8, 1.0)]
    assert torch.allclose(found[0], found[1], atol=1e-3)
    away = [(one - found[0]).norm().item() for one in found]
    left = [(one - found[-1]).norm().item() for one in found]
    assert away == sorted(set(away))
    assert left == sorted(set(left), reverse=True)


def test_a_walk_encodes_each_prompt_once_and_each_share_is_a_picture_of_its_own(
    small_model: Path,
) -> None:
    engine = load(small_model, Album())
    shares = (0.25, 0.5, 0.75)
    pictures = {render(engine, between(share)).tobytes() for share in shares}
    assert engine.prompts_encoded == 2
    assert len(pictures) == 3
    assert all(engine.has(between(share)) for share in shares)
    assert not engine.has(FIRST)


def test_guidance_is_of_the_blend(small_base_model: Path) -> None:
    engine = load(small_base_model, Album())
    guided = replace(between(1.0), guidance_scale=4.0)
    assert np.array_equal(
        render(engine, guided), render(engine, replace(SECOND, guidance_scale=4.0))
    )
    halfway = render(engine, replace(between(0.5), guidance_scale=4.0))
    assert not np.array_equal(halfway, render(engine, between(0.5)))


def test_trimmed_prompts_of_two_lengths_meet(small_model: Path) -> None:
    choice = choosing.Choice(models.from_folder(small_model), choose("cpu"), trims_text=True)
    engine = loader.load(choice, CACHE_BYTES, lambda progress: None, Album())
    long = request(prompt="a blue moon " * 3, seed=8)
    lengths = {engine._prompts.encode(one.prompt).embeds.shape[1] for one in (FIRST, long)}
    assert len(lengths) == 2
    assert render(engine, between(0.5, FIRST, long)).shape == (64, 64, 3)
    assert render(engine, between(0.5, long, FIRST)).shape == (64, 64, 3)
    assert np.array_equal(render(engine, between(1.0, FIRST, long)), render(engine, long))


@pytest.mark.parametrize("share", [0.0, 0.1, 0.35, 0.5, 0.9, 1.0])
def test_turned_noise_is_standard_normal(share: float) -> None:
    pairs = [(FIELD.latents(seed, 64, 64), FIELD.latents(seed + 1, 64, 64)) for seed in (0, 2, 4)]
    noise = torch.cat([turned(first, second, share) for first, second in pairs])
    count = noise.numel()
    # Four standard errors of the mean, and of the variance, of that many standard normals.
    assert abs(noise.mean().item()) < 4 / count**0.5
    assert abs(noise.var().item() - 1) < 4 * (2 / count) ** 0.5
    neighbours = (noise[..., 1:] * noise[..., :-1]).mean().item()
    assert abs(neighbours) < 4 / count**0.5


def test_halfway_is_as_near_to_the_one_as_to_the_other() -> None:
    first, second = FIELD.latents(1, 64, 64), FIELD.latents(2, 64, 64)
    noise = turned(first, second, 0.5)
    for end in (first, second):
        likeness = torch.cosine_similarity(noise.flatten(), end.flatten(), dim=0).item()
        assert likeness == pytest.approx(math.sqrt(0.5), abs=0.02)


def test_a_draft_has_the_composition_of_its_full_picture() -> None:
    wanted = between(0.3)
    large, small = (blended_noise(FIELD, wanted, side, side) for side in (64, 16))
    summed = large.reshape(1, 8, 16, 4, 16, 4).sum(dim=(3, 5)) / 4
    assert torch.allclose(small, summed, atol=1e-5)


def test_one_seed_is_one_noise_whatever_the_share() -> None:
    one_seed = between(0.5, FIRST, replace(SECOND, seed=FIRST.seed))
    assert torch.equal(blended_noise(FIELD, one_seed, 8, 8), FIELD.latents(FIRST.seed, 8, 8))


@pytest.mark.parametrize(("share", "end"), [(0.0, FIRST), (1.0, SECOND)])
def test_the_scripted_engine_blends_too(share: float, end: Request) -> None:
    fake = FakeEngine(render_s=0)

    def pixels(wanted: Request) -> bytes:
        return fake.render(wanted, Stage.FINAL, Hooks()).pixels.tobytes()

    assert pixels(between(share)) == pixels(end)
    assert pixels(between(0.5)) not in {pixels(FIRST), pixels(SECOND)}
