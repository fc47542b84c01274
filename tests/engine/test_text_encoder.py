"""A cut text encoder: the same hidden states from fewer weights."""

from pathlib import Path

import pytest
import torch
from transformers import Qwen3Config, Qwen3ForCausalLM

from klein_ui.engine.text_encoder import open_text_encoder


@pytest.fixture(scope="module", params=[True, False], ids=["tied", "untied"])
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six layers of Qwen3, saved."""
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=50, hidden_size=32, intermediate_size=64, num_hidden_layers=6,
        num_attention_heads=2, num_key_value_heads=1, head_dim=16,
        tie_word_embeddings=request.param,
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("encoder")
    Qwen3ForCausalLM(config).eval().save_pretrained(folder)
    return folder


def states(encoder: Qwen3ForCausalLM) -> tuple[torch.Tensor, ...]:
    ids = torch.arange(12)[None]
    mask = torch.tensor([[1] * 8 + [0] * 4])
    with torch.inference_mode():
        output = encoder.model(input_ids=ids, attention_mask=mask, output_hidden_states=True)
    found: tuple[torch.Tensor, ...] = output.hidden_states
    return found


@pytest.mark.parametrize("layers", [(1, 2, 4), (5,), (2, 6)])
def test_the_states_that_are_read_are_the_same_to_the_bit(
    whole: Path, layers: tuple[int, ...]
) -> None:
    stock = states(Qwen3ForCausalLM.from_pretrained(whole))
    ours = states(open_text_encoder(whole, layers, torch.float32))
    assert all(torch.equal(stock[layer], ours[layer]) for layer in layers)


def test_what_is_not_read_is_not_there(whole: Path, capfd: pytest.CaptureFixture[str]) -> None:
    encoder = open_text_encoder(whole, (1, 2), torch.float32)
    assert len(encoder.model.layers) == 2
    assert not list(encoder.lm_head.parameters())
    everything = Qwen3ForCausalLM.from_pretrained(whole)
    share = sum(w.numel() for w in encoder.parameters()) / everything.num_parameters()
    assert share < 0.5
    assert "UNEXPECTED" not in capfd.readouterr().err
