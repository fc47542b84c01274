"""Renders with a lossy lever and without: one engine at a time, since two may not fit."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from klein_ui.bench.lossy import LossyRow
from klein_ui.bench.photos import Album, photo
from klein_ui.bench.prompts import prompts
from klein_ui.bench.samples import median
from klein_ui.contract import EngineFailed, Hooks, Pixels, Reference, Request, Stage
from klein_ui.engine import backends, choosing, loader
from klein_ui.engine.choosing import Choice
from klein_ui.engine.klein import KleinEngine

CACHE_BYTES: Final = 2**26
PROMPT_CHARS: Final = 40
LEAST_ERROR: Final = 1e-3
"""Mean square error, in levels, below which two pictures count as equal: 78 dB."""


SMALL_DECODER: Final = "--small-decoder"
IMAGES: Final = 2


@dataclass(frozen=True, slots=True)
class Lever:
    """A setting, and with how many images its pictures are made."""

    choice: Choice
    images: int = 0


def levers(choice: Choice) -> dict[str, Lever]:
    """The settings to measure by name, each alone: those that the model has."""
    found = {
        "--trim-text": Lever(replace(choice, trims_text=True)),
        "--memory fp8": Lever(replace(choice, memory="fp8")),
        "--keep-image-keys": Lever(replace(choice, asks_once=True), IMAGES),
    }
    if choice.row.small_decoder is not None:
        found[SMALL_DECODER] = Lever(replace(choice, small_decoder=True))
    for name in backends.usable(choice.device.name):
        if name not in (backends.NATIVE, "math"):
            found[f"--attention {name}"] = Lever(replace(choice, attention=name))
    return found


def measured(model: str, count: int) -> tuple[tuple[LossyRow, ...], tuple[str, ...]]:
    """A row for each lever on `model`, over `count` prompts, and a sentence for each left out.

    Raises `EngineFailed` where there are no exact renders to hold them against.
    """
    choice = choosing.resolve(model, "auto", None, "resident")
    exact = {images: renders(Lever(choice, images), count) for images in (0, IMAGES)}
    rows, left_out = [], []
    for name, lever in levers(choice).items():
        try:
            rows.append(summed(name, lever, exact[lever.images], renders(lever, count)))
        except EngineFailed as error:
            left_out.append(f"{name} is left out: {error}")
    if choice.row.small_decoder is None:
        left_out.append(f"{SMALL_DECODER} is left out: {choice.row.title} has no small decoder.")
    return tuple(rows), tuple(left_out)


@dataclass(frozen=True, slots=True)
class Rendered:
    """A picture and the milliseconds it took."""

    pixels: Pixels
    took_ms: float


def renders(lever: Lever, count: int) -> list[Rendered]:
    """`count` different prompts, always the same ones, after one that is not counted."""
    row = lever.choice.row
    side = row.default_side
    album = Album({f"image {n}": photo(side, side, n) for n in range(lever.images)})
    engine = loader.load(lever.choice, CACHE_BYTES, lambda progress: None, album)
    looked_at = tuple(map(Reference, album.photos))
    base = Request("", 0, side, side, row.steps, row.guidance_scale, "", looked_at)
    typed = prompts(count + 1, PROMPT_CHARS, 1)
    try:
        return [
            _rendered(engine, replace(base, prompt=prompt, seed=seed, model=row.name))
            for seed, prompt in enumerate(typed)
        ][1:]
    finally:
        engine.close()


def summed(
    name: str, lever: Lever, exact: Sequence[Rendered], lossy: Sequence[Rendered]
) -> LossyRow:
    """The medians over pairs of renders of the same prompt."""
    pairs = list(zip(exact, lossy, strict=True))
    closeness = [psnr_db(a.pixels, b.pixels) for a, b in pairs]
    return LossyRow(
        lever=name,
        model=lever.choice.row.name,
        side_px=lever.choice.row.default_side,
        images=lever.images,
        prompts=len(pairs),
        exact_ms=median([one.took_ms for one in exact]) or 0.0,
        lossy_ms=median([one.took_ms for one in lossy]) or 0.0,
        times=median([a.took_ms / b.took_ms for a, b in pairs]) or 0.0,
        psnr_db=median(closeness) or 0.0,
        worst_psnr_db=min(closeness),
    )


def psnr_db(exact: Pixels, other: Pixels) -> float:
    """Peak signal to noise ratio, 10 log10(255^2 / mean square error)."""
    error = np.square(exact.astype(np.float64) - other).mean()
    return float(10 * np.log10(255.0**2 / max(error, LEAST_ERROR)))


def _rendered(engine: KleinEngine, request: Request) -> Rendered:
    started_s = time.perf_counter()
    frame = engine.render(request, Stage.FINAL, Hooks())
    return Rendered(frame.pixels, (time.perf_counter() - started_s) * 1000)
