"""The references of a request as one run of tokens, and how much of the attention each may get."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from klein_ui.contract import InvalidPicture, Request
from klein_ui.engine.references import Encoded, References, position_ids

GONE = "Image {number} is no longer kept; remove it and add it again."


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """The picture `digest`, shown with at most `area` pixels, at its `slot` in the request.

    The slot counts from 0, switched off references included. `strength` is above 0.
    """

    digest: str
    area: int
    slot: int
    strength: float
    encoded: Encoded


def placed(request: Request, references: References) -> tuple[Placed, ...]:
    """The references of `request` that something may look at. Raises `InvalidPicture`.

    One of strength 0 is left out, and the others keep their slots. Nothing looks at it, so this
    is the masked sequence without the cost; its picture is not even encoded.
    """
    area = request.reference_area
    return tuple(
        Placed(one.digest, area, slot, one.strength, _shown(one.digest, area, slot, references))
        for slot, one in enumerate(request.references)
        if one.strength > 0
    )


def _shown(digest: str, area: int, slot: int, references: References) -> Encoded:
    try:
        return references.shown(digest, area)
    except InvalidPicture as error:
        raise InvalidPicture(GONE.format(number=slot + 1)) from error


@dataclass(frozen=True, slots=True, eq=False)
class Tokens:
    """All references in a row: `latents` (1, tokens, channels), `ids` (1, tokens, 4)."""

    latents: Tensor
    ids: Tensor


def in_a_row(looked_at: Sequence[Placed]) -> Tokens:
    """The tokens of the references, of which there must be one at least, in their order."""
    latents = torch.cat([one.encoded.latents for one in looked_at], dim=1)
    ids = torch.cat([position_ids(one.encoded, one.slot) for one in looked_at], dim=1)
    return Tokens(latents, ids.to(latents.device))


def attention(
    looked_at: Sequence[Placed], tokens_before: int, dtype: torch.dtype
) -> dict[str, Any] | None:
    """What the attention of each block is told, None where every strength is 1.

    `tokens_before` are text and picture, which come first. A strength s adds log(s) to the score
    of each key of its reference, for every query: before the softmax normalises them, weights
    exp(score) become s * exp(score). At 1 that is the stock call; towards 0 it becomes the
    sequence without these tokens. The bias has shape (1, 1, 1, keys): one row for all queries,
    never their square.
    """
    if all(one.strength == 1 for one in looked_at):
        return None
    biases = [torch.zeros(tokens_before)]
    for one in looked_at:
        tokens = one.encoded.latents.shape[1]
        biases.append(torch.full((tokens,), math.log(one.strength)))
    bias = torch.cat(biases).to(looked_at[0].encoded.latents.device, dtype)
    return {"attention_mask": bias.view(1, 1, 1, -1)}
