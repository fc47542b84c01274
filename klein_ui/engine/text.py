"""Prompts to embeddings: the pipeline's own recipe without the work it throws away."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from klein_ui.cache import ByteLRU, CacheStats
from klein_ui.engine.ways import ways_of
from klein_ui.models import ModelRow

TRIMMED_TOKENS = (32, 64, 128, 256)
"""Lengths that a trimmed prompt is padded to; few of them, so that few shapes are run."""


PromptKey = tuple[str, int]
"""A prompt, and how many tokens it has at least."""


@dataclass(frozen=True, slots=True, eq=False)
class PromptEmbeds:
    """`embeds`, shape (1, length, layers * hidden), `text_ids` (1, length, 4).

    `cut_tokens` is how many tokens of the prompt did not fit.
    """

    embeds: Tensor
    text_ids: Tensor
    cut_tokens: int


class PromptEncoder:
    """Encodes each prompt once; a cached one costs a look-up.

    The stock pipeline pads every prompt to `max_sequence_length`, and the picture attends to the
    padding. With `trims_text` it is cut to the next of `TRIMMED_TOKENS`: less work, and a picture
    that is a little different. What is kept is the same: no token looks at those behind it, nor
    at padding before it.
    """

    def __init__(
        self, pipeline: Any, row: ModelRow, max_bytes: int, *, trims_text: bool = False
    ) -> None:
        self._pipeline = pipeline
        self._ways = ways_of(pipeline)
        self._trims_text = trims_text
        self._layers = row.text_encoder_out_layers
        self._length = row.max_sequence_length
        self._cache: ByteLRU[PromptKey, PromptEmbeds] = ByteLRU(max_bytes)
        self.encoded = 0

    def encode(self, prompt: str, at_least: int = 0) -> PromptEmbeds:
        """The embeddings of `prompt`, equal to the pipeline's `encode_prompt`.

        Where prompts are trimmed, they are `at_least` so many tokens long, padding included.
        """
        key = (prompt, at_least)
        cached = self._cache.get(key)
        if cached is None:
            cached = self._encode(prompt, at_least)
            self._cache.put(key, cached, cached.embeds.nbytes + cached.text_ids.nbytes)
        return cached

    def length(self, prompt: str) -> int:
        """How many tokens the embeddings of `prompt` have, without encoding it."""
        if not self._trims_text:
            return self._length
        tokens, _ = self._tokens(prompt)
        kept = self._kept(int(tokens["attention_mask"].sum()))
        return len(range(self._length)[kept])

    @property
    def kept(self) -> ByteLRU[PromptKey, PromptEmbeds]:
        """The embeddings that are kept; what is put there is not encoded again."""
        return self._cache

    def stats(self) -> CacheStats:
        """Counts of the prompt cache."""
        return self._cache.stats()

    def clear(self) -> None:
        """Drop all embeddings."""
        self._cache.clear()

    def _encode(self, prompt: str, at_least: int) -> PromptEmbeds:
        self.encoded += 1
        device = self._pipeline._execution_device
        tokens, cut_tokens = self._tokens(prompt)
        kept = self._kept(max(at_least, int(tokens["attention_mask"].sum())))
        output = self._body()(
            input_ids=tokens["input_ids"][:, kept].to(device),
            attention_mask=tokens["attention_mask"][:, kept].to(device),
            output_hidden_states=True,
            use_cache=False,
        )
        # Stacked as the pipeline does: (1, layers, length, hidden) to (1, length, layers * hidden).
        states = torch.stack([output.hidden_states[k] for k in self._layers], dim=1)
        embeds = states.permute(0, 2, 1, 3).flatten(2)
        text_ids = self._pipeline._prepare_text_ids(torch.empty(1, self._length, 0))[:, kept]
        return PromptEmbeds(embeds, text_ids.to(device), cut_tokens)

    def _kept(self, tokens: int) -> slice:
        """Where a prompt of so many tokens is among those it was padded to."""
        lengths = (*TRIMMED_TOKENS, self._length) if self._trims_text else (self._length,)
        length = min(self._length, next(n for n in lengths if n >= min(tokens, self._length)))
        if self._pipeline.tokenizer.padding_side == "left":
            return slice(self._length - length, self._length)
        return slice(length)

    def _tokens(self, prompt: str) -> tuple[Any, int]:
        tokenizer = self._pipeline.tokenizer
        wording = self._ways.worded(prompt)
        starts = wording.adds_start
        whole = len(tokenizer(wording.text, add_special_tokens=starts)["input_ids"])
        tokens = tokenizer(
            wording.text,
            add_special_tokens=starts,
            return_tensors="pt",
            padding="max_length",
            truncation=True,
            max_length=self._length,
        )
        return tokens, max(0, whole - self._length)

    def _body(self) -> Any:
        """The encoder without its LM head, whose logits over the vocabulary nobody reads.

        Under offload the hooks that move the weights sit on the whole module.
        """
        encoder = self._pipeline.text_encoder
        return encoder if hasattr(encoder, "_hf_hook") else encoder.model
