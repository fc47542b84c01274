"""The tokenizer: any text survives, and the class is the one that klein loads."""

from pathlib import Path

import numpy as np
import pytest
from transformers import Qwen2Tokenizer

from klein_ui.postcard.captions import random_caption
from klein_ui.postcard.model import tokenize
from klein_ui.postcard.tokenizer import MAX_TOKENS, train_tokenizer


@pytest.fixture(scope="module")
def tokenizer() -> Qwen2Tokenizer:
    rng = np.random.default_rng(0)
    return train_tokenizer((random_caption(rng).text for _ in range(2000)), vocabulary=700)


@pytest.mark.parametrize(
    "text", ["a red sun", "🙂 été 日本", "", "x" * 300, "<|im_end|> hello", "\x00\t"]
)
def test_any_text_is_legal_and_survives(tokenizer: Qwen2Tokenizer, text: str) -> None:
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text
    ids, mask = tokenize(tokenizer, [text])
    assert ids.shape == mask.shape == (1, MAX_TOKENS)


def test_it_can_be_saved_and_loaded(tokenizer: Qwen2Tokenizer, tmp_path: Path) -> None:
    tokenizer.save_pretrained(tmp_path)
    again = Qwen2Tokenizer.from_pretrained(tmp_path)
    texts = ["a red sun over blue mountains at night", "ein Haus"]
    for one, other in zip(tokenize(tokenizer, texts), tokenize(again, texts), strict=True):
        assert one.equal(other)


def test_captions_fit_well(tokenizer: Qwen2Tokenizer) -> None:
    rng = np.random.default_rng(9)
    lengths = [len(tokenizer(random_caption(rng).text)["input_ids"]) for _ in range(200)]
    assert max(lengths) < MAX_TOKENS / 2
