"""Prompts to embeddings: the pipeline's own recipe without the work it throws away."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from klein_ui.cache import ByteLRU, CacheStats
from klein_ui.models import ModelRow


@dataclass(frozen=True, slots=True, eq=False)
class PromptEmbeds:
    """`embeds`, shape (1, max_sequence_length, layers * hidden), `text_ids` (1, length, 4).

    `cut_tokens` is how many tokens of the prompt did not fit.
    """

    embeds: Tensor
    text_ids: Tensor
    cut_tokens: int


class PromptEncoder:
    """Encodes each prompt once; a cached one costs a look-up."""

    def __init__(self, pipeline: Any, row: ModelRow, max_bytes: int) -> None:
        self._pipeline = pipeline
        self._layers = row.text_encoder_out_layers
        self._length = row.max_sequence_length
        self._cache: ByteLRU[str, PromptEmbeds] = ByteLRU(max_bytes)
        self.encoded = 0

    def encode(self, prompt: str) -> PromptEmbeds:
        """The embeddings of `prompt`, equal to the pipeline's `encode_prompt`."""
        cached = self._cache.get(prompt)
        if cached is None:
            cached = self._encode(prompt)
            self._cache.put(prompt, cached, cached.embeds.nbytes + cached.text_ids.nbytes)
        return cached

    def stats(self) -> CacheStats:
        """Counts of the prompt cache."""
        return self._cache.stats()

    def _encode(self, prompt: str) -> PromptEmbeds:
        self.encoded += 1
        device = self._pipeline._execution_device
        tokens, cut_tokens = self._tokens(prompt)
        output = self._body()(
            input_ids=tokens["input_ids"].to(device),
            attention_mask=tokens["attention_mask"].to(device),
            output_hidden_states=True,
            use_cache=False,
        )
        # Stacked as the pipeline does: (1, layers, length, hidden) to (1, length, layers * hidden).
        states = torch.stack([output.hidden_states[k] for k in self._layers], dim=1)
        embeds = states.permute(0, 2, 1, 3).reshape(1, self._length, -1)
        text_ids = self._pipeline._prepare_text_ids(embeds).to(device)
        return PromptEmbeds(embeds, text_ids, cut_tokens)

    def _tokens(self, prompt: str) -> tuple[Any, int]:
        tokenizer = self._pipeline.tokenizer
        text = tokenizer.apply_chat_template(
            [{"role": "user", "content": prompt}],
            tokenize=False,
            add_generation_prompt=True,
            enable_thinking=False,
        )
        whole = len(tokenizer(text)["input_ids"])
        tokens = tokenizer(
            text,
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
