"""The estimates of room to work, against the stock code run with tensors that have no storage."""

import weakref
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKLFlux2, Flux2Transformer2DModel
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from transformers import Qwen3Config, Qwen3Model

from klein_ui import models
from klein_ui.engine.work import SAFETY, Sizes, Widths, largest, usual, work

KLEIN = Widths(transformer=3072, text=2560, text_layers=27, vae=256)
BF16 = 2
HALF = torch.bfloat16


class Peak(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of what is alive."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.peak_bytes: int = 0
        self._alive: dict[int, int] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        made = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(made):
            if isinstance(tensor, torch.Tensor):
                self._count(tensor.untyped_storage())
        self.peak_bytes = max(self.peak_bytes, sum(self._alive.values()))
        return made

    def _count(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key not in self._alive:
            self._alive[key] = storage.nbytes()
            weakref.finalize(storage, self._alive.pop, key)


def peak_bytes(make: Callable[[], Any], run: Callable[[Any], Any]) -> int:
    """The most that `run` has alive beside the weights of what `make` makes in bfloat16."""
    with FakeTensorMode(allow_non_fake_inputs=True), torch.inference_mode():
        torch.set_default_dtype(HALF)
        try:
            made = make().eval()
        finally:
            torch.set_default_dtype(torch.float32)
        counted = Peak()
        with counted:
            run(made)
    return counted.peak_bytes


@pytest.mark.parametrize("sizes", [usual(models.KLEIN_4B), largest(models.KLEIN_4B)])
def test_a_step_takes_what_is_estimated(sizes: Sizes) -> None:
    tokens = (sizes.picture_px + sizes.references_px) // 256

    def run(transformer: Any) -> None:
        transformer(
            hidden_states=torch.zeros(1, tokens, 128, dtype=HALF),
            encoder_hidden_states=torch.zeros(1, sizes.text_tokens, 7680, dtype=HALF),
            timestep=torch.zeros(1, dtype=HALF),
            img_ids=torch.zeros(1, tokens, 4),
            txt_ids=torch.zeros(1, sizes.text_tokens, 4),
            return_dict=False,
        )

    counted = peak_bytes(
        lambda: Flux2Transformer2DModel(
            in_channels=128,
            num_layers=1,
            num_single_layers=2,
            attention_head_dim=128,
            num_attention_heads=24,
            joint_attention_dim=7680,
            guidance_embeds=False,
        ),
        run,
    )
    estimate = work(KLEIN, sizes, BF16).steps_bytes / SAFETY
    assert 0.95 * estimate <= counted <= estimate


@pytest.mark.parametrize("sides", [(1024, 1024), (2048, 1024)])
def test_the_vae_takes_what_is_estimated(sides: tuple[int, int]) -> None:
    rows, columns = (side // 8 for side in sides)
    counted = peak_bytes(
        AutoencoderKLFlux2, lambda vae: vae.decode(torch.zeros(1, 32, rows, columns, dtype=HALF))
    )
    estimate = work(KLEIN, Sizes(sides[0] * sides[1], 0, 512), BF16).vae_bytes / SAFETY
    assert counted == pytest.approx(estimate, rel=0.01)


def test_encoding_a_picture_takes_less_than_decoding_it() -> None:
    counted = peak_bytes(
        AutoencoderKLFlux2, lambda vae: vae.encode(torch.zeros(1, 3, 1024, 1024, dtype=HALF))
    )
    assert counted < work(KLEIN, usual(models.KLEIN_4B), BF16).vae_bytes / SAFETY


def test_a_prompt_takes_what_is_estimated() -> None:
    config = Qwen3Config(
        hidden_size=2560,
        intermediate_size=9728,
        num_hidden_layers=27,
        num_attention_heads=32,
        num_key_value_heads=8,
    )

    def run(encoder: Any) -> None:
        tokens = torch.zeros(1, 512, dtype=torch.int64)
        states = encoder(
            input_ids=tokens,
            attention_mask=torch.ones_like(tokens),
            output_hidden_states=True,
            use_cache=False,
        ).hidden_states
        torch.stack([states[k] for k in (9, 18, 27)], dim=1).permute(0, 2, 1, 3).reshape(1, 512, -1)

    counted = peak_bytes(lambda: Qwen3Model(config), run)
    estimate = work(KLEIN, usual(models.KLEIN_4B), BF16).text_bytes / SAFETY
    assert 0.95 * estimate <= counted <= estimate


def test_kept_keys_of_references_are_counted() -> None:
    """25 layers, keys and values, 4 references of 4096 tokens."""
    sizes = largest(models.KLEIN_4B)
    plain, kept = (
        work(widths, sizes, BF16).steps_bytes for widths in (KLEIN, replace(KLEIN, kept_layers=25))
    )
    assert kept - plain == 25 * 2 * 4 * 4096 * 3072 * BF16
