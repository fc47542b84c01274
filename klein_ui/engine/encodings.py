"""Prompts and references as they were encoded, on their way between two processes.

They travel as bytes: a tensor would tie them to a device, and to a library that may stand in for
its own in the one process and not in the other.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from klein_ui.contract import Request
from klein_ui.engine.references import Encoded, PictureKey, References
from klein_ui.engine.text import PromptEmbeds, PromptEncoder, PromptKey


@dataclass(frozen=True, slots=True, eq=False)
class Plain:
    """A tensor's bytes, its shape, and torch's name of its type."""

    data: NDArray[np.uint8]
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True, slots=True, eq=False)
class PlainPrompt:
    """A `PromptEmbeds`."""

    embeds: Plain
    text_ids: Plain
    cut_tokens: int

    @property
    def size_bytes(self) -> int:
        """What it takes."""
        return self.embeds.data.nbytes + self.text_ids.data.nbytes


@dataclass(frozen=True, slots=True, eq=False)
class PlainPicture:
    """An `Encoded`."""

    latents: Plain
    rows: int
    columns: int

    @property
    def size_bytes(self) -> int:
        """What it takes."""
        return self.latents.data.nbytes


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What was encoded already."""

    prompts: Mapping[PromptKey, PlainPrompt] = field(default_factory=dict)
    pictures: Mapping[PictureKey, PlainPicture] = field(default_factory=dict)


def is_prompt_of(key: PromptKey, request: Request) -> bool:
    """Whether a render of `request` may read these embeddings; guided, also the empty prompt."""
    blended = () if request.blend is None else (request.blend.prompt,)
    return key[0] in (request.prompt, "", *blended)


def is_picture_of(key: PictureKey, request: Request) -> bool:
    """Whether a render of `request` may look at these latents."""
    _, digest, fit = key
    fits = (request.reference_area, (request.width, request.height))
    return fit in fits and any(one.digest == digest for one in request.references)


class Encodings:
    """What one engine has encoded, as it is kept in its caches."""

    def __init__(self, pipeline: Any, prompts: PromptEncoder, references: References) -> None:
        self._pipeline = pipeline
        self._prompts = prompts.kept
        self._pictures = references.kept

    def put(self, known: Known) -> None:
        """Have the engine encode nothing of what is `known`."""
        device = self._pipeline._execution_device
        for key, prompt in known.prompts.items():
            if key not in self._prompts:
                embeds, ids = tensor(prompt.embeds, device), tensor(prompt.text_ids, device)
                of_prompt = PromptEmbeds(embeds, ids, prompt.cut_tokens)
                self._prompts.put(key, of_prompt, embeds.nbytes + ids.nbytes)
        for name, picture in known.pictures.items():
            if name not in self._pictures:
                latents = tensor(picture.latents, device)
                encoded = Encoded(latents, picture.rows, picture.columns)
                self._pictures.put(name, encoded, latents.nbytes)

    def of(self, request: Request, known: Known) -> Known:
        """What the engine has of `request`, but for what is `known`."""
        prompts: dict[PromptKey, PlainPrompt] = {}
        pictures: dict[PictureKey, PlainPicture] = {}
        for key in self._prompts.keys():  # noqa: SIM118
            prompt = self._prompts.get(key) if is_prompt_of(key, request) else None
            if prompt is not None and key not in known.prompts:
                embeds, ids = plain(prompt.embeds), plain(prompt.text_ids)
                prompts[key] = PlainPrompt(embeds, ids, prompt.cut_tokens)
        for name in self._pictures.keys():  # noqa: SIM118
            encoded = self._pictures.get(name) if is_picture_of(name, request) else None
            if encoded is not None and name not in known.pictures:
                latents = plain(encoded.latents)
                pictures[name] = PlainPicture(latents, encoded.rows, encoded.columns)
        return Known(prompts, pictures)


def plain(tensor: Tensor) -> Plain:
    """The very bytes of `tensor`."""
    there = tensor.detach().cpu().contiguous()
    # numpy has no bfloat16.
    data = there.reshape(-1).view(torch.uint8).numpy().copy()
    return Plain(data, tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))


def tensor(plain: Plain, device: torch.device) -> Tensor:
    """The tensor whose bytes these are, on `device`."""
    dtype: torch.dtype = getattr(torch, plain.dtype)
    flat = torch.from_numpy(plain.data.copy()).view(dtype)
    return flat.reshape(plain.shape).to(device)
