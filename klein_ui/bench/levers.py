"""Renders with a lossy lever and without: one engine at a time, since two may not fit."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from klein_ui.bench.lossy import LossyRow
from klein_ui.bench.photos import Album
from klein_ui.bench.prompts import prompts
from klein_ui.bench.samples import median
from klein_ui.contract import EngineFailed, Hooks, Pixels, Request, Stage
from klein_ui.engine import loader
from klein_ui.engine.klein import KleinEngine
from klein_ui.engine.loader import Choice

CACHE_BYTES: Final = 2**26
PROMPT_CHARS: Final = 40
LEAST_ERROR: Final = 1e-3
"""Mean square error, in levels, below which two pictures count as equal: 78 dB."""


SMALL_DECODER: Final = "--small-decoder"


def levers(choice: Choice) -> dict[str, Choice]:
    """The settings to measure by name, each alone: those that the model has."""
    found = {
        "--trim-text": replace(choice, trims_text=True),
        "--memory fp8": replace(choice, memory="fp8"),
    }
    if choice.row.small_decoder is not None:
        found[SMALL_DECODER] = replace(choice, small_decoder=True)
    return found


def measured(model: str, count: int) -> tuple[tuple[LossyRow, ...], tuple[str, ...]]:
    """A row for each lever on `model`, over `count` prompts, and a sentence for each left out.

    Raises `EngineFailed` where there are no exact renders to hold them against.
    """
    choice = loader.resolve(model, "auto", None, "resident")
    exact = renders(choice, count)
    rows, left_out = [], []
    for name, changed in levers(choice).items():
        try:
            rows.append(summed(name, choice, exact, renders(changed, count)))
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


def renders(choice: Choice, count: int) -> list[Rendered]:
    """`count` different prompts, always the same ones, after one that is not counted."""
    engine = loader.load(choice, CACHE_BYTES, lambda progress: None, Album())
    row = choice.row
    base = Request("", 0, row.default_side, row.default_side, row.steps, row.guidance_scale, "")
    typed = prompts(count + 1, PROMPT_CHARS, 1)
    try:
        return [
            _rendered(engine, replace(base, prompt=prompt, seed=seed, model=row.name))
            for seed, prompt in enumerate(typed)
        ][1:]
    finally:
        engine.close()


def summed(
    name: str, choice: Choice, exact: Sequence[Rendered], lossy: Sequence[Rendered]
) -> LossyRow:
    """The medians over pairs of renders of the same prompt."""
    pairs = list(zip(exact, lossy, strict=True))
    closeness = [psnr_db(a.pixels, b.pixels) for a, b in pairs]
    return LossyRow(
        lever=name,
        model=choice.row.name,
        side_px=choice.row.default_side,
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
