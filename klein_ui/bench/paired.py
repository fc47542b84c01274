"""Ours and the stock call by turns, on the very same components, with the very same noise."""

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from diffusers import Flux2KleinKVPipeline
from PIL import Image

from klein_ui import models
from klein_ui.bench import small_models
from klein_ui.bench.engine import EngineRow
from klein_ui.bench.photos import Album, photo
from klein_ui.bench.prompts import prompts
from klein_ui.bench.samples import median
from klein_ui.contract import Frame, Hooks, Pixels, Reference, Request, Stage
from klein_ui.engine import choosing, loader
from klein_ui.engine.graphs import recorder_for
from klein_ui.engine.klein import KleinEngine
from klein_ui.engine.noise import NoiseField
from klein_ui.models import GRID_PX, ModelRow

CACHE_BYTES = 512 * 2**20
COUNTS = (0, 1, 2, 4)
KV_SIDE_PX = 256
SEED = 1


def prompts_alone(keys: int) -> tuple[EngineRow, ...]:
    """Postcard without references: a new prompt with each key, and one prompt again and again."""
    bench = Bench.of(models.POSTCARD)
    request = bench.request(models.POSTCARD.default_side)
    return (bench.row("prompt", request, keys), bench.row("again", request, keys, again=True))


def edits(keys: int) -> tuple[EngineRow, ...]:
    """References that stay while the prompt changes: postcard, and weights trained for KV."""
    bench = Bench.of(models.POSTCARD)
    rows: list[EngineRow] = []
    for count in COUNTS:
        rows.extend(bench.sizes(count, keys))
    with tempfile.TemporaryDirectory() as folder:
        slim = Path(folder) / "slim-kv"
        small_models.save(slim, Flux2KleinKVPipeline, small_models.SLIM)
        rows.extend(kept(Bench.of(models.from_folder(slim)), KV_SIDE_PX, keys))
    return tuple(rows)


def kept(bench: "Bench", side: int, keys: int) -> tuple[EngineRow, ...]:
    """Four references to KV-trained weights: of the size of the picture, and of twice its side."""
    return (
        bench.row("equal", bench.request(side, 4, side), keys),
        bench.row("twice", bench.request(side, 4, 2 * side), keys),
    )


@dataclass(frozen=True, slots=True)
class Rendered:
    """One key: its pixels, its milliseconds, and our frame where it is ours."""

    pixels: Pixels
    took_ms: float
    frame: Frame | None


Way = Callable[[str], Rendered]


@dataclass(frozen=True, slots=True)
class Bench:
    """One pipeline, our engine around it, and pictures to refer to."""

    pipeline: Any
    engine: KleinEngine
    row_of_model: ModelRow
    photos: dict[str, Pixels]

    @classmethod
    def of(cls, row: ModelRow) -> "Bench":
        """Load `row` once, for both. Raises `EngineFailed`."""
        choice = choosing.resolve(row.name if row.built_in else row.repo, "auto", None)
        pipeline, origin = loader.open_pipeline(choice, lambda progress: None)
        photos: dict[str, Pixels] = {}
        album, recorder = Album(photos), recorder_for(pipeline.transformer)
        engine = KleinEngine(pipeline, choice.row, origin, CACHE_BYTES, album, recorder=recorder)
        return cls(pipeline, engine, choice.row, photos)

    def request(self, side: int, references: int = 0, reference_side: int = 0) -> Request:
        """A square picture with square references, which the area of the model does not bound."""
        digests = [f"{reference_side} px, {index}" for index in range(references)]
        for index, digest in enumerate(digests):
            self.photos[digest] = photo(reference_side, reference_side, index)
        looked_at = tuple(map(Reference, digests))
        row = self.row_of_model
        return Request(
            *("", SEED, side, side, row.steps, row.guidance_scale, row.name),
            references=looked_at,
            reference_area=max(row.reference_area, reference_side**2),
        )

    def sizes(self, count: int, keys: int) -> tuple[EngineRow, ...]:
        """References as large as the model's full area, shown to ours whole and as for drafts."""
        row = self.row_of_model
        full = self.request(row.default_side, count, round(row.reference_area**0.5))
        if not count:
            return (self.row("full", full, keys),)
        draft = replace(full, reference_area=row.draft_reference_area)
        return (self.row("full", full, keys), self.row("draft", draft, keys))

    def row(self, shown: str, request: Request, keys: int, *, again: bool = False) -> EngineRow:
        """Type one prompt, each key through both by turns, the first key of each uncounted.

        With `again` the whole prompt is asked for as often.
        """
        (sentence,) = prompts(1, keys + 1, SEED)
        # A prompt of another row would be encoded already.
        begun = f"{shown} {len(request.references)} "
        ends = [len(sentence)] * (keys + 1) if again else range(1, keys + 2)
        typed = [begun + sentence[:end] for end in ends]
        ways: tuple[Way, Way] = (self.ours(request), self.plain(request))
        found: tuple[list[Rendered], list[Rendered]] = ([], [])
        for index, prompt in enumerate(typed):
            # Whoever comes second finds the machine as the first left it.
            for which in (index % 2, 1 - index % 2):
                found[which].append(ways[which](prompt))
        return summed(self.row_of_model.name, shown, request, *found)

    def ours(self, request: Request) -> Way:
        """Our render, from the prompt to pixels."""

        def render(prompt: str) -> Rendered:
            started_s = time.perf_counter()
            frame = self.engine.render(replace(request, prompt=prompt), Stage.FINAL, Hooks())
            return Rendered(frame.pixels, since_ms(started_s), frame)

        return render

    def plain(self, request: Request) -> Way:
        """The stock call with the images themselves, from the prompt to pixels."""
        row = self.row_of_model
        images = [Image.fromarray(self.photos[one.digest]) for one in request.references]
        field = NoiseField(self.pipeline.transformer.config.in_channels, CACHE_BYTES)
        noise = field.latents(request.seed, request.height // GRID_PX, request.width // GRID_PX)
        # Weights trained for KV know no guidance.
        guided = not isinstance(self.pipeline, Flux2KleinKVPipeline)
        more = {"guidance_scale": request.guidance_scale} if guided else {}

        def render(prompt: str) -> Rendered:
            started_s = time.perf_counter()
            made = self.pipeline(
                image=images or None,
                prompt=prompt,
                width=request.width,
                height=request.height,
                num_inference_steps=request.steps,
                latents=noise,
                max_sequence_length=row.max_sequence_length,
                text_encoder_out_layers=row.text_encoder_out_layers,
                **more,
            )
            return Rendered(np.asarray(made.images[0]), since_ms(started_s), None)

        return render


def summed(
    model: str, shown: str, request: Request, ours: Sequence[Rendered], plain: Sequence[Rendered]
) -> EngineRow:
    """The medians of all keys but the first."""
    timings = [one.frame.timings for one in ours[1:] if one.frame is not None]
    pairs = list(zip(ours, plain, strict=True))
    return EngineRow(
        model=model,
        shown=shown,
        references=len(request.references),
        side_px=request.width,
        keys=len(ours) - 1,
        first_ms=ours[0].took_ms,
        ours_ms=_median([one.took_ms for one in ours[1:]]),
        encode_ms=_median([one.encode_s * 1000 for one in timings]),
        steps_ms=_median([one.denoise_s * 1000 for one in timings]),
        decode_ms=_median([one.decode_s * 1000 for one in timings]),
        plain_ms=_median([one.took_ms for one in plain[1:]]),
        times=_median([theirs.took_ms / mine.took_ms for mine, theirs in pairs[1:]]),
        same=all(np.array_equal(mine.pixels, theirs.pixels) for mine, theirs in pairs),
    )


def _median(values: Sequence[float]) -> float:
    # A row has at least one key, so that there is one.
    return median(values) or 0.0


def since_ms(started_s: float) -> float:
    """Milliseconds since `started_s` of the performance counter."""
    return (time.perf_counter() - started_s) * 1000
