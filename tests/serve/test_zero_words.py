"""What ZeroGPU says, in one sentence: its titles and messages are those of `spaces` 0.51."""

import gradio as gr
import pytest

from klein_ui.serve import zero_words


@pytest.mark.parametrize(
    ("title", "said", "sentence"),
    [
        (
            "ZeroGPU quota exceeded",
            "You have exceeded your free ZeroGPU quota (9s requested vs. 3s left). "
            "Try again in 1:02:03. ",
            zero_words.USED_UP.format(when=" in 1:02:03"),
        ),
        (
            "ZeroGPU quota exceeded",
            "You have exceeded your Pro ZeroGPU quota (9s requested vs. 3s left). "
            "Try again in 1 day, 2:03:04. Add credits to keep using ZeroGPU. ",
            zero_words.USED_UP.format(when=" in 1 day, 2:03:04"),
        ),
        (
            "ZeroGPU quota exceeded",
            "You have exceeded your ZeroGPU runs limit. ",
            zero_words.TOO_OFTEN,
        ),
        (
            "ZeroGPU quota exceeded",
            "Space app has reached its GPU limit. Try re-running outside of examples if it ...",
            zero_words.SPACE_USED_UP,
        ),
        (
            "ZeroGPU quota exceeded",
            "No GPU was available after 60s. Try re-running outside of examples if it ...",
            zero_words.ALL_BUSY,
        ),
        (
            "ZeroGPU queue timeout",
            'No GPU was available after 60s. <a style="x" href="https://huggingface.co/join">a</a>',
            zero_words.ALL_BUSY,
        ),
        ("ZeroGPU pending credits exceeded", "You have too many …", zero_words.UNDER_WAY),
        ("ZeroGPU illegal duration", "The requested GPU duration (900s) …", zero_words.TOO_LONG),
        ("ZeroGPU client error", "No GPU was available", zero_words.ALL_BUSY),
        ("ZeroGPU client error", "Expired ZeroGPU proxy token", zero_words.EXPIRED),
        ("ZeroGPU worker error", "GPU task aborted", zero_words.BROKE_OFF),
        ("ZeroGPU worker error", "DeviceLost", zero_words.BROKE_OFF),
        (
            "ZeroGPU new words",
            "of a later version",
            zero_words.SILENT.format(name="ZeroGPU new words"),
        ),
    ],
)
def test_each_of_its_errors_says_what_to_do(title: str, said: str, sentence: str) -> None:
    error = gr.Error(said, title=title, print_exception=False)
    assert zero_words.sentence(error) == sentence
    assert zero_words.is_told(error)
    assert "<" not in sentence


def test_what_is_no_word_of_zero_gpu_is_named() -> None:
    error = ConnectionError("secret")
    assert zero_words.sentence(error) == zero_words.SILENT.format(name="ConnectionError")
    assert not zero_words.is_told(error)
