"""Requests with references, our render of them, and the stock pipelines'."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from klein_ui import models
from klein_ui.bench.photos import Album
from klein_ui.contract import Hooks, Loras, Pixels, Reference, Request, Stage
from klein_ui.engine import choosing, loader
from klein_ui.engine.device import choose
from klein_ui.engine.klein import KleinEngine
from klein_ui.models import GRID_PX, ModelRow

CACHE_BYTES = 2**28


def load(
    folder: Path, album: Album, cache_bytes: int = CACHE_BYTES, loras: Loras | None = None
) -> KleinEngine:
    choice = choosing.Choice(models.from_folder(folder), choose("cpu"))
    return loader.load(choice, cache_bytes, lambda progress: None, album, loras)


def request(*references: str | Reference, **fields: object) -> Request:
    """64 by 64 pixels with `references` in their order, those given by digest at full strength."""
    looked_at = tuple(one if isinstance(one, Reference) else Reference(one) for one in references)
    base = Request("a red sun", 7, 64, 64, 4, 1.0, "small", references=looked_at)
    return replace(base, **fields)  # type: ignore[arg-type]


def render(engine: KleinEngine, wanted: Request) -> Pixels:
    return engine.render(wanted, Stage.FINAL, Hooks()).pixels


def prepared(engine: KleinEngine, wanted: Request) -> Any:
    """All that the engine encodes before the first step."""
    return engine._prepared(wanted, engine._prompts.encode(wanted.prompt))


def clean_latents(engine: KleinEngine, wanted: Request) -> torch.Tensor:
    """What our render hands to the decoder, shape (1, tokens, channels)."""
    found: list[torch.Tensor] = []
    decode = engine._decode

    def noted(latents: torch.Tensor, plan: Any) -> Pixels:
        found.append(latents.clone())
        return decode(latents, plan)

    engine._decode = noted  # type: ignore[method-assign]
    try:
        engine.warm_up(wanted)
    finally:
        engine._decode = decode  # type: ignore[method-assign]
    return found[-1]


def images(album: Album, wanted: Request) -> list[Image.Image]:
    return [Image.fromarray(album.get(one.digest)) for one in wanted.references]


def noise(engine: KleinEngine, wanted: Request) -> torch.Tensor:
    return engine._noise.latents(wanted.seed, wanted.height // GRID_PX, wanted.width // GRID_PX)


def stock_render(
    stock: Any,
    engine: KleinEngine,
    row: ModelRow,
    wanted: Request,
    references: Sequence[Image.Image],
    **more: object,
) -> Pixels:
    """The stock pipeline's picture of `wanted` with our noise and these `references`."""
    made = stock(
        image=list(references) or None,
        prompt=wanted.prompt,
        width=wanted.width,
        height=wanted.height,
        num_inference_steps=wanted.steps,
        latents=noise(engine, wanted),
        max_sequence_length=row.max_sequence_length,
        text_encoder_out_layers=row.text_encoder_out_layers,
        **more,
    )
    return np.asarray(made.images[0])
