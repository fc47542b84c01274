"""Batches of several sizes by turns, on one engine, each of prompts that are new to it."""

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch

from klein_ui import models
from klein_ui.bench import twins
from klein_ui.bench.batch import BatchRow
from klein_ui.bench.photos import Album
from klein_ui.bench.prompts import prompts
from klein_ui.bench.samples import median
from klein_ui.bench.twins import Twin
from klein_ui.contract import EngineFailed, Frame, Hooks, Origin, Render, Request, Stage
from klein_ui.engine import choosing, loader
from klein_ui.engine.device import Device, choose
from klein_ui.engine.graphs import recorder_for
from klein_ui.engine.klein import KleinEngine
from klein_ui.models import ModelRow

SIDES_PX: Final = (128, 256, 512)
COUNTS: Final = (1, 2, 4)
CACHE_BYTES: Final = 2**28
PROMPT_CHARS: Final = 40
SEED: Final = 1


@dataclass(frozen=True, slots=True)
class Batch:
    """The frames of some pictures, and the milliseconds that all of them took."""

    frames: tuple[Frame, ...]
    took_ms: float

    @property
    def picture_ms(self) -> float:
        """Milliseconds for each picture."""
        return self.took_ms / len(self.frames)


def measured(twin: str | None, rounds: int) -> tuple[BatchRow, ...]:
    """All rows of postcard, or of the `twin` called so. Raises `EngineFailed`."""
    if twin is None:
        choice = choosing.resolve(models.POSTCARD.name, "auto", None)
        engine = loader.load(choice, CACHE_BYTES, lambda progress: None, Album())
        return rows(engine, choice.row, rounds)
    if twin not in twins.TWINS:
        raise EngineFailed(f"There is no twin “{twin}”; choose {' or '.join(twins.TWINS)}.")
    chosen = twins.TWINS[twin]
    return rows(of_twin(chosen, choose("auto")), chosen.row, rounds)


def of_twin(twin: Twin, device: Device) -> KleinEngine:
    """An engine of random weights on `device`."""
    pipeline = twins.build(twin, torch.device(device.name), device.dtype)
    pipeline = twins.with_cut_encoder(pipeline, max(twin.row.text_encoder_out_layers))
    origin = Origin("twin", device.hardware, str(device.dtype), "")
    recorder = recorder_for(pipeline.transformer)
    return KleinEngine(pipeline, twin.row, origin, CACHE_BYTES, Album(), recorder=recorder)


def rows(
    engine: KleinEngine, row: ModelRow, rounds: int, sides: Sequence[int] = SIDES_PX
) -> tuple[BatchRow, ...]:
    """Of each side, each number of pictures that the memory is large enough for."""
    found: list[BatchRow] = []
    for side in sides:
        found.extend(_of_side(engine, row, side, rounds))
    return tuple(found)


def _of_side(engine: KleinEngine, row: ModelRow, side: int, rounds: int) -> Iterator[BatchRow]:
    new = _requests(row, side, (rounds + 2) * sum(COUNTS))
    levels = {count: _levels(engine, [next(new) for _ in range(count)]) for count in COUNTS}
    fitting = [count for count in COUNTS if levels[count] is not None]
    made: dict[int, list[Batch]] = {count: [] for count in fitting}
    for turn in range(rounds + 1):
        # Whoever comes second finds the machine as the first left it.
        for count in fitting if turn % 2 else reversed(fitting):
            made[count].append(_batch(engine, [next(new) for _ in range(count)]))
    for count in fitting:
        yield _summed(row.name, made[count][1:], made[1][1:], levels[count] or 0)


def _requests(row: ModelRow, side: int, count: int) -> Iterator[Request]:
    base = Request("", 0, side, side, row.steps, row.guidance_scale, row.name)
    for seed, prompt in enumerate(prompts(count, PROMPT_CHARS, SEED)):
        # A prompt of another side would be encoded already.
        yield replace(base, prompt=f"{side} {prompt}", seed=seed)


def _batch(engine: KleinEngine, requests: Sequence[Request]) -> Batch:
    """Raises `EngineFailed` where the memory is too small."""
    started_s = time.perf_counter()
    if len(requests) == 1:
        frames = [engine.render(requests[0], Stage.FINAL, Hooks())]
    else:
        renders = [Render(request, Stage.FINAL, Hooks()) for request in requests]
        outcomes = [outcome for _, outcome in engine.render_together(renders)]
        frames = [outcome for outcome in outcomes if isinstance(outcome, Frame)]
    return Batch(tuple(frames), (time.perf_counter() - started_s) * 1000)


def _levels(engine: KleinEngine, requests: Sequence[Request]) -> int | None:
    """The largest difference from renders alone, None where the memory is too small."""
    alone = [engine.render(request, Stage.FINAL, Hooks()) for request in requests]
    with suppress(EngineFailed):
        pairs = zip(alone, _batch(engine, requests).frames, strict=True)
        return max(int(np.abs(a.pixels.astype(int) - b.pixels).max()) for a, b in pairs)
    return None


def _summed(model: str, batches: Sequence[Batch], alone: Sequence[Batch], levels: int) -> BatchRow:
    count = len(batches[0].frames)
    timings = [frame.timings for one in batches for frame in one.frames]
    pairs = zip(alone, batches, strict=True)
    return BatchRow(
        model=model,
        side_px=batches[0].frames[0].request.width,
        count=count,
        rounds=len(batches),
        batch_ms=_median([one.took_ms for one in batches]),
        picture_ms=_median([one.picture_ms for one in batches]),
        encode_ms=_median([one.encode_s * 1000 for one in timings]),
        # The steps are of all pictures of a batch.
        steps_ms=_median([one.denoise_s * 1000 / count for one in timings]),
        decode_ms=_median([one.decode_s * 1000 for one in timings]),
        times=_median([one.took_ms / other.picture_ms for one, other in pairs]),
        levels=levels,
    )


def _median(values: Sequence[float]) -> float:
    # A row has at least one round, so that there is one.
    return median(values) or 0.0
