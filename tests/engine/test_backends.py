"""Kernels of the attention: what is there is used, by one model alone; what is not says so."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers.models.attention_dispatch import AttentionBackendName, _AttentionBackendRegistry

from klein_ui import flags, models
from klein_ui.bench.photos import Album, photo
from klein_ui.contract import EngineFailed, Reference
from klein_ui.engine import backends, choosing, loader
from klein_ui.engine.device import choose

from .rendering import clean_latents, load, render, request


def test_torchs_own_choice_is_the_stock_picture(small_model: Path) -> None:
    plain, ours = load(small_model, Album()), load(small_model, Album())
    backends.use(ours._pipeline.transformer, "native")
    assert np.array_equal(render(ours, request()), render(plain, request()))


def test_other_kernels_round_in_another_way(small_model: Path) -> None:
    album = Album({"one": photo(64, 64, 0)})
    plain, ours = load(small_model, album), load(small_model, album)
    backends.use(ours._pipeline.transformer, "math")
    difference = (clean_latents(ours, request("one")) - clean_latents(plain, request("one"))).abs()
    assert 0 < float(difference.max()) < 1e-4


def test_no_other_model_is_touched(small_model: Path) -> None:
    before = _AttentionBackendRegistry.get_active_backend()[0]
    plain, ours = load(small_model, Album()), load(small_model, Album())
    backends.use(ours._pipeline.transformer, "math")
    transformer = plain._pipeline.transformer
    assert transformer.transformer_blocks[0].attn.processor._attention_backend is None
    assert _AttentionBackendRegistry.get_active_backend()[0] is before


def test_kernels_without_a_mask_leave_a_strength_to_torch(
    small_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backends, "MASKLESS", frozenset({"math"}))
    album = Album({"one": photo(64, 64, 0)})
    choice = choosing.Choice(models.from_folder(small_model), choose("cpu"), attention="math")
    ours = loader.load(choice, 2**28, lambda progress: None, album)
    plain = load(small_model, album)
    half, whole = (request(Reference("one", strength=share)) for share in (0.5, 1.0))
    assert torch.equal(clean_latents(ours, half), clean_latents(plain, half))
    assert not torch.equal(clean_latents(ours, whole), clean_latents(plain, whole))


def test_a_frame_records_what_is_not_the_stock_attention(small_model: Path) -> None:
    choice = choosing.Choice(models.from_folder(small_model), choose("cpu"))
    paths = {
        open_path(choice): "eager",
        open_path(replace(choice, attention="math")): "eager, math attention",
        open_path(replace(choice, asks_once=True)): "eager, kept image keys",
    }
    assert all(found == wanted for found, wanted in paths.items())
    with pytest.raises(EngineFailed, match="needs a CUDA device"):
        open_path(replace(choice, attention="flash"))


def open_path(choice: choosing.Choice) -> str:
    return loader.open_pipeline(choice, lambda progress: None)[1].path


def test_the_settings_name_them_all() -> None:
    assert tuple(backends.BACKENDS) == flags.ATTENTION


def test_every_name_is_known_to_diffusers() -> None:
    assert set(backends.BACKENDS.values()) <= set(AttentionBackendName.__members__)


@pytest.mark.parametrize(
    ("name", "device", "why"),
    [
        ("flash", "cpu", "it needs a CUDA device, and this one is cpu"),
        ("xformers", "cuda", "its package is not installed, or too old"),
        ("flashy", "cpu", "there are no such kernels"),
    ],
)
def test_what_cannot_run_says_why(name: str, device: str, why: str) -> None:
    with pytest.raises(EngineFailed) as caught:
        backends.check(name, device)
    assert str(caught.value).startswith(f"--attention {name} cannot be used: {why}; choose native")


def test_what_can_run_is_let_through() -> None:
    assert backends.usable("cpu") == ("native", "math")
    backends.check("math", "cpu")
