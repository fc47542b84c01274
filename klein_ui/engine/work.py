"""Room to work: bytes of intermediate results, by the widths of a model and the sizes of a render.

The three counts of widths below were taken from the stock code with fake tensors of the shapes of
klein 4B, 9B and dev, which have sizes but no storage; `tests/engine/test_work.py` counts again.
"""

from dataclasses import dataclass

from klein_ui.models import GRID_PX, ModelRow

STEP_WIDTHS = 22
"""Of the transformer, for each token: the most that is alive at once, in the single-stream blocks
(21.2 to 21.5 for 4608 to 25088 tokens). Fused attention keeps no square of the tokens."""

DECODE_WIDTHS = 3
"""Of the VAE's second level, for each pixel: input, norm and its activation in the last block of
the decoder (1538 bytes a pixel in bfloat16; the encoder takes 1286)."""

TEXT_WIDTHS = 14
"""Of the text encoder, for each token, beside the output of each layer (11.1 to 13.6)."""

SAFETY = 1.5
"""For what fake tensors do not show: workspaces of kernels, gaps between blocks of memory, and the
prompts and images that the caches keep on the device. Chosen, not measured."""


@dataclass(frozen=True, slots=True)
class Widths:
    """Channels of a token in the transformer and the text encoder, and of a pixel in the VAE.

    `text_layers` outputs are kept until the prompt is read. `kept_layers` is how many layers keep
    keys and values of references: none but in KV-trained weights.
    """

    transformer: int
    text: int
    text_layers: int
    vae: int
    kept_layers: int = 0


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much a render looks at. `references_px` is for all of them together."""

    picture_px: int
    references_px: int
    text_tokens: int


@dataclass(frozen=True, slots=True)
class Work:
    """Bytes of intermediate results while each part of a model runs; never at the same time."""

    text_bytes: int
    steps_bytes: int
    vae_bytes: int

    @property
    def most_bytes(self) -> int:
        """What a render takes beside the weights."""
        return max(self.text_bytes, self.steps_bytes, self.vae_bytes)


def largest(row: ModelRow) -> Sizes:
    """The largest picture of `row`, with as many references as it takes, each at its largest."""
    return Sizes(row.max_area, row.max_references * row.reference_area, row.max_sequence_length)


def usual(row: ModelRow) -> Sizes:
    """The picture that `row` makes unless told otherwise."""
    return Sizes(row.default_side**2, 0, row.max_sequence_length)


def work(widths: Widths, sizes: Sizes, number_bytes: int) -> Work:
    """What a render of `sizes` takes, for numbers of `number_bytes`."""
    token_px = GRID_PX**2
    reference_tokens = sizes.references_px // token_px
    tokens = sizes.text_tokens + sizes.picture_px // token_px + reference_tokens
    # Keys and values.
    kept = 2 * widths.kept_layers * widths.transformer * reference_tokens * number_bytes
    text_widths = widths.text_layers + TEXT_WIDTHS
    return Work(
        text_bytes=_safe(sizes.text_tokens * widths.text * text_widths * number_bytes),
        steps_bytes=step_bytes(tokens, widths.transformer, number_bytes) + kept,
        vae_bytes=_safe(sizes.picture_px * widths.vae * DECODE_WIDTHS * number_bytes),
    )


def step_bytes(tokens: int, width: int, number_bytes: int) -> int:
    """What one step of `tokens`, text and images among them, takes in a transformer of `width`."""
    return _safe(tokens * width * STEP_WIDTHS * number_bytes)


def _safe(bytes_: int) -> int:
    return int(bytes_ * SAFETY)
