"""The tokenizer: a byte-level BPE trained on captions, in the class that klein uses."""

from __future__ import annotations

import json
from collections.abc import Iterable

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import Qwen2Tokenizer
from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX

PAD = "<|endoftext|>"
END = "<|im_end|>"
MAX_TOKENS = 128

CHAT_TEMPLATE = (
    "{% for message in messages %}{{ message['content'] | trim }}" + END + END + "{% endfor %}"
)
"""The prompt and two end marks, at whose places the text encoder sums the prompt up."""


def train_tokenizer(texts: Iterable[str], vocabulary: int = 1536) -> Qwen2Tokenizer:
    """Learn the merges from captions; every byte is in the vocabulary, so any text is legal."""
    learner = Tokenizer(models.BPE())
    learner.normalizer = normalizers.NFC()
    learner.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PRETOKENIZE_REGEX), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    learner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[PAD, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        min_frequency=3,
        show_progress=False,
    )
    learner.train_from_iterator(texts, trainer)
    return _as_qwen(learner)


def _as_qwen(learner: Tokenizer) -> Qwen2Tokenizer:
    learned = json.loads(learner.to_str())["model"]
    merges = [tuple(m) if isinstance(m, list) else tuple(m.split(" ")) for m in learned["merges"]]
    return Qwen2Tokenizer(
        vocab=learned["vocab"],
        merges=merges,
        unk_token=PAD,
        eos_token=END,
        pad_token=PAD,
        chat_template=CHAT_TEMPLATE,
        model_max_length=MAX_TOKENS,
        padding_side="right",
    )
