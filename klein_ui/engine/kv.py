"""KV-trained weights: what the references give to the attention is computed once and kept.

In these weights (`Flux2KleinKVPipeline`) the tokens of the references attend only to each other
and are modulated at the fixed timestep 0. Their keys and values therefore depend on no prompt,
noise, size or step: only on the references and their order. The stock pipeline computes them in
the first step of every call; here they outlive the call.

A step from kept keys is the stock pipeline's first step in other shapes: the same sums for each
row of each matrix. On the CPU with one thread the two are equal to the last bit. Several threads
share the rows between them by their number, and where a share ends a kernel may add up in
another order: then latents differ by some 1e-6. Ours do not depend on what was kept before.

Other weights can be asked in the same way (`ask_once`). They were not trained for it, and their
pictures become others.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from diffusers.models.transformers.transformer_flux2 import (
    Flux2KVAttnProcessor,
    Flux2KVCache,
    Flux2KVParallelSelfAttnProcessor,
)
from torch import Tensor

from klein_ui.cache import ByteLRU, CacheStats
from klein_ui.engine.adapters import InUse
from klein_ui.engine.attention import Placed, in_a_row
from klein_ui.engine.velocity import Forward

WHOLE_OR_NOT = "This model uses an image whole or not at all; set its strength to 0 or 100 %."

Key = tuple[str, InUse, tuple[tuple[str, int, int], ...]]


def ask_once(transformer: Any) -> None:
    """From now on keys and values of references are kept, whatever the weights were trained for."""
    for block in transformer.transformer_blocks:
        block.attn.set_processor(Flux2KVAttnProcessor())
    for block in transformer.single_transformer_blocks:
        block.attn.set_processor(Flux2KVParallelSelfAttnProcessor())


def keeps_keys(transformer: Any) -> bool:
    """Whether the attention of `transformer` can read from kept keys and values."""
    return isinstance(transformer.transformer_blocks[0].attn.processor, Flux2KVAttnProcessor)


class ReferenceKeys:
    """The keys and values of ordered references, by revision, LoRAs, digests, areas and slots."""

    def __init__(self, transformer: Any, revision: str, max_bytes: int) -> None:
        self._transformer = transformer
        self._revision = revision
        self._cache: ByteLRU[Key, Flux2KVCache] = ByteLRU(max_bytes)
        self.extracted = 0

    def of(self, looked_at: Sequence[Placed], loras: InUse = ()) -> Flux2KVCache:
        """The keys and values of the references in their order; never to be changed or cleared.

        `loras` are those that the transformer has now.
        """
        slots = tuple((one.digest, one.area, one.slot) for one in looked_at)
        key = (self._revision, loras, slots)
        kept = self._cache.get(key)
        if kept is None:
            kept = self._extract(looked_at)
            self._cache.put(key, kept, size_bytes(kept))
        return kept

    def stats(self) -> CacheStats:
        """Counts of the cache of keys and values."""
        return self._cache.stats()

    def clear(self) -> None:
        """Drop all keys and values."""
        self._cache.clear()

    def _extract(self, looked_at: Sequence[Placed]) -> Flux2KVCache:
        """A pass over the references alone.

        The transformer wants text and picture as well, and no reference looks at either: one
        token of zeros each. So the first render runs the same steps as all that follow it.
        """
        self.extracted += 1
        tokens = in_a_row(looked_at)
        reference = tokens.latents.to(self._transformer.dtype)
        config = self._transformer.config
        text = reference.new_zeros(1, 1, config.joint_attention_dim)
        latents = torch.cat([reference, reference.new_zeros(1, 1, config.in_channels)], dim=1)
        ids = tokens.ids.new_zeros(1, 1, 4)
        _, kept = self._transformer(
            hidden_states=latents,
            timestep=reference.new_zeros(1),
            guidance=None,
            encoder_hidden_states=text,
            txt_ids=ids,
            img_ids=torch.cat([tokens.ids, ids], dim=1),
            return_dict=False,
            kv_cache_mode="extract",
            num_ref_tokens=reference.shape[1],
        )
        return kept


@dataclass(frozen=True, slots=True, eq=False)
class KeptVelocity:
    """`Flux2KleinKVPipeline` with images, as its steps after the first: all from kept keys."""

    forward: Forward
    kept: Flux2KVCache

    def __call__(self, latents: Tensor, step: int) -> Tensor:
        """See `Velocity`."""
        ids = self.forward.plan.latent_ids
        return self.forward(latents, ids, step, kv_cache=self.kept, kv_cache_mode="cached")


def size_bytes(kept: Flux2KVCache) -> int:
    """Bytes of all keys and values in `kept`."""
    layers = (*kept.double_block_caches, *kept.single_block_caches)
    return sum(layer.k_ref.nbytes + layer.v_ref.nbytes for layer in layers)
