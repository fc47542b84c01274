"""What each family of stock pipelines does in its own way: how it words a prompt, and guides.

Chosen once by the class that the weights were saved for; all else is common to them.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from diffusers import Flux2Pipeline
from diffusers.pipelines.flux2.pipeline_flux2 import format_input
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Wording:
    """A prompt as the text encoder is given it, and whether tokens that mark its start are yet to
    be added."""

    text: str
    adds_start: bool = True


class Ways(Protocol):
    """What a family does in its own way."""

    def worded(self, prompt: str) -> Wording:
        """`prompt` in the template of a chat, not yet in tokens."""
        ...

    def asks_twice(self, guidance_scale: float) -> bool:
        """Whether each step asks with the prompt and without, so that the scale counts."""
        ...

    @property
    def tells(self) -> bool:
        """Whether the transformer is told the scale."""
        ...

    def told(self, guidance_scale: float) -> Tensor | None:
        """What the transformer is told of the scale, shape (1,); None where it knows of none."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class KleinWays:
    """`Flux2KleinPipeline` and `Flux2KleinKVPipeline`: distilled, or guided without a classifier.

    Distilled weights have the guidance in them, and the stock pipeline ignores the scale.
    """

    pipeline: Any

    def worded(self, prompt: str) -> Wording:
        """See `Ways`."""
        text = self.pipeline.tokenizer.apply_chat_template(
            [{"role": "user", "content": prompt}],
            tokenize=False,
            add_generation_prompt=True,
            enable_thinking=False,
        )
        return Wording(text)

    def asks_twice(self, guidance_scale: float) -> bool:
        """See `Ways`."""
        return guidance_scale > 1 and not self.pipeline.config.is_distilled

    @property
    def tells(self) -> bool:
        """See `Ways`."""
        return False

    def told(self, guidance_scale: float) -> Tensor | None:
        """See `Ways`."""
        return None


@dataclass(frozen=True, slots=True, eq=False)
class DevWays:
    """`Flux2Pipeline`: one answer a step, by weights that are told the scale."""

    pipeline: Any

    def worded(self, prompt: str) -> Wording:
        """See `Ways`."""
        tokenizer = self.pipeline.tokenizer
        (messages,) = format_input([prompt], system_message=self.pipeline.system_message)
        text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=False)
        # As a processor does, which the stock pipeline has where this has its tokenizer alone.
        start = tokenizer.bos_token
        return Wording(text, adds_start=start is None or not text.startswith(start))

    def asks_twice(self, guidance_scale: float) -> bool:
        """See `Ways`."""
        return False

    @property
    def tells(self) -> bool:
        """See `Ways`."""
        return True

    def told(self, guidance_scale: float) -> Tensor | None:
        """See `Ways`."""
        device = self.pipeline._execution_device
        return torch.full([1], guidance_scale, device=device, dtype=torch.float32)


def ways_of(pipeline: Any) -> Ways:
    """The ways of the family that `pipeline` is of."""
    return DevWays(pipeline) if isinstance(pipeline, Flux2Pipeline) else KleinWays(pipeline)
