"""Between two requests of one size: the prompts' embeddings mixed, the noise turned.

A mean of two noise fields has too little variance, and the picture goes grey. So noise is turned
from one field into the other on a quarter circle: cos(share * 90°) of the first and sin(share *
90°) of the second, whose squares add up to 1. The fields of two seeds are independent, which in so
many dimensions is a right angle; taking it as exactly that, instead of measuring it for each size,
keeps the blend standard normal and makes it the same composition at every size.
"""

import math

import torch
from torch import Tensor

from klein_ui.contract import Blend, Request
from klein_ui.engine.noise import NoiseField
from klein_ui.engine.text import PromptEmbeds, PromptEncoder


def blended_noise(field: NoiseField, request: Request, rows: int, columns: int) -> Tensor:
    """The noise of `request`, its blend included; see `NoiseField.latents`."""
    first, share = request.seed, _share(request.blend)
    second = first if request.blend is None else request.blend.seed
    if share == 0 or first == second:
        return field.latents(first, rows, columns)
    if share == 1:
        return field.latents(second, rows, columns)
    return turned(field.latents(first, rows, columns), field.latents(second, rows, columns), share)


def turned(first: Tensor, second: Tensor, share: float) -> Tensor:
    """From `first` at share 0 to `second` at 1. Of independent standard normal fields it is
    standard normal again."""
    angle = share * math.pi / 2
    return math.cos(angle) * first + math.sin(angle) * second


def blended_prompt(prompts: PromptEncoder, request: Request) -> PromptEmbeds:
    """The embeddings of `request`, its blend included; each prompt is encoded once."""
    share = _share(request.blend)
    if request.blend is None or share == 0 or request.blend.prompt == request.prompt:
        return prompts.encode(request.prompt)
    if share == 1:
        return prompts.encode(request.blend.prompt)
    first, second = prompts.encode(request.prompt), prompts.encode(request.blend.prompt)
    longer = max(first.embeds.shape[1], second.embeds.shape[1])
    # Prompts that are trimmed may differ in length; the shorter one gets more of its padding.
    if first.embeds.shape[1] < longer:
        first = prompts.encode(request.prompt, at_least=longer)
    if second.embeds.shape[1] < longer:
        second = prompts.encode(request.blend.prompt, at_least=longer)
    embeds = torch.lerp(first.embeds, second.embeds, share)
    return PromptEmbeds(embeds, first.text_ids, max(first.cut_tokens, second.cut_tokens))


def _share(blend: Blend | None) -> float:
    return 0.0 if blend is None else blend.share
