"""What the transformer says of one step, asked as the stock pipelines ask it."""

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from klein_ui.engine.attention import Tokens
from klein_ui.engine.schedule import Plan
from klein_ui.engine.text import PromptEmbeds


class Velocity(Protocol):
    """The one difference between renders: plain, with references, from kept keys, guided."""

    def __call__(self, latents: Tensor, step: int) -> Tensor:
        """The velocity of `latents`, shape (1, tokens, channels), at `step`; of the same shape."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Forward:
    """A call of the transformer with what all steps of one render share.

    `guidance`, shape (1,), is for weights that are told the scale.
    """

    transformer: Any
    prompt: PromptEmbeds
    plan: Plan
    guidance: Tensor | None = None

    def __call__(self, latents: Tensor, ids: Tensor, step: int, **more: Any) -> Tensor:
        """The transformer's answer to `latents` at the positions `ids`, (1, tokens, 4)."""
        # Once for all pictures of a batch: what is made of it is then the same as for one.
        timestep = self.plan.timesteps[step].expand(1).to(latents.dtype)
        answer: Tensor = self.transformer(
            hidden_states=latents.to(self.transformer.dtype),
            timestep=timestep / 1000,
            guidance=self.guidance,
            encoder_hidden_states=self.prompt.embeds,
            txt_ids=self.prompt.text_ids,
            img_ids=ids,
            return_dict=False,
            **more,
        )[0]
        return answer


@dataclass(frozen=True, slots=True, eq=False)
class PlainVelocity:
    """`Flux2KleinPipeline` without an image."""

    forward: Forward

    def __call__(self, latents: Tensor, step: int) -> Tensor:
        """See `Velocity`."""
        with self.forward.transformer.cache_context("cond"):
            return self.forward(latents, self.forward.plan.latent_ids, step)


@dataclass(frozen=True, slots=True, eq=False)
class JointVelocity:
    """`Flux2KleinPipeline` with images: their tokens behind the picture's, in every step."""

    forward: Forward
    tokens: Tokens
    attention: dict[str, Any] | None

    def __call__(self, latents: Tensor, step: int) -> Tensor:
        """See `Velocity`."""
        together = torch.cat([latents, self.tokens.latents], dim=1)
        ids = torch.cat([self.forward.plan.latent_ids, self.tokens.ids], dim=1)
        with self.forward.transformer.cache_context("cond"):
            answer = self.forward(together, ids, step, joint_attention_kwargs=self.attention)
        return answer[:, : latents.size(1)]


@dataclass(frozen=True, slots=True, eq=False)
class GuidedVelocity:
    """Classifier-free guidance, for weights that are not distilled: twice the work of each step.

    without + scale * (with - without), Ho and Salimans 2022, as `Flux2KleinPipeline` has it.
    """

    prompted: Velocity
    unprompted: Velocity
    guidance_scale: float

    def __call__(self, latents: Tensor, step: int) -> Tensor:
        """See `Velocity`."""
        towards = self.prompted(latents, step)
        away = self.unprompted(latents, step)
        return away + self.guidance_scale * (towards - away)
