"""Measures a twin: ours and the stock call by turns, in one process, on one set of weights."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from klein_ui.bench import twins
from klein_ui.bench.hardware import hardware, revision
from klein_ui.bench.paired import CACHE_BYTES, Bench, Rendered, Way
from klein_ui.bench.photos import Album
from klein_ui.bench.prompts import prompts
from klein_ui.bench.samples import median, p95
from klein_ui.bench.twin_report import Ceilings, TwinReport, TwinRow, Whole, bars
from klein_ui.bench.twins import Twin
from klein_ui.contract import Hooks, Origin, Pixels, Request, Stage, Superseded
from klein_ui.engine.device import Device
from klein_ui.engine.graphs import recorder_for
from klein_ui.engine.klein import KleinEngine

SIDES_PX: Final = (256, 512, 768, 1024)
COUNTS: Final = (0, 1, 2, 4)
REFERENCE_SIDE_PX: Final = 512
STOPPED_RENDERS: Final = 20
LAUNCHES: Final = ("cudaLaunchKernel", "cudaLaunchKernelExC", "cuLaunchKernel", "cudaGraphLaunch")
WAITS: Final = ("cudaStreamSynchronize", "cudaDeviceSynchronize", "cudaEventSynchronize")


@dataclass(frozen=True, slots=True)
class Pair:
    """The stock pipeline, and our engine over the same weights with the cut text encoder."""

    stock: Bench
    ours: Bench
    last: int
    load_s: float
    device: Device

    @classmethod
    def of(cls, twin: Twin, device: Device) -> "Pair":
        """Make the twin on `device`."""
        started_s = time.perf_counter()
        whole = twins.build(twin, torch.device(device.name), device.dtype)
        _wait(device)
        load_s = time.perf_counter() - started_s
        last = max(twin.row.text_encoder_out_layers)
        photos: dict[str, Pixels] = {}
        album, origin = Album(photos), Origin("twin", device.hardware, str(device.dtype), "")

        def bench(pipeline: Any) -> Bench:
            recorder = recorder_for(pipeline.transformer)
            engine = KleinEngine(pipeline, twin.row, origin, CACHE_BYTES, album, recorder=recorder)
            return Bench(pipeline, engine, twin.row, photos)

        short = twins.with_cut_encoder(whole, last)
        return cls(bench(whole), bench(short), last, load_s, device)

    def row(self, side: int, references: int, keys: int, ceilings: Ceilings) -> TwinRow:
        """Type letters at `side` px, each through both by turns; the first is not counted."""
        request = self.ours.request(side, references, REFERENCE_SIDE_PX)
        ways = (self.ours.ours(request), self.stock.plain(request))
        typed = _typed(f"{side} {references} ", keys + 2)
        mine: list[Rendered] = []
        theirs: list[Rendered] = []
        for index, prompt in enumerate(typed[:-1]):
            for which in (index % 2, 1 - index % 2):
                (mine, theirs)[which].append(ways[which](prompt))
        counted = [_counts(self.device, way, typed[-1]) for way in ways]
        flops = _flops(self.ours, request, typed[-1] + "!")
        return _summed(request, mine[1:], theirs[1:], counted, flops, ceilings)

    def whole(self, side: int) -> Whole:
        """What is no matter of one size. Afterwards the stock pipeline cannot be called."""
        stock_peak_gb = self._peak_gb(self.stock.plain(self.ours.request(side)))
        steps, decodes = self._stopped(self.ours.request(min(side, 512)))
        repeated_ms = self._repeated_ms(self.ours.request(side))
        twins.drop_upper_layers(self.stock.pipeline, self.last)
        return Whole(
            load_s=self.load_s,
            repeated_ms=repeated_ms,
            peak_gb=self._peak_gb(self.ours.ours(self.ours.request(side))),
            stock_peak_gb=stock_peak_gb,
            stop_steps_p95=p95(steps) or 0.0,
            stop_decodes=decodes,
        )

    def _peak_gb(self, way: Way) -> float | None:
        if self.device.name != "cuda":
            return None
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        way("a prompt for the peak")
        return torch.cuda.max_memory_allocated() / 1e9

    def _repeated_ms(self, request: Request) -> float:
        way = self.ours.ours(request)
        way("the same again")
        return median([way("the same again").took_ms for _ in range(11)]) or 0.0

    def _stopped(self, request: Request) -> tuple[list[float], int]:
        """Steps that renders took after they were superseded in their first, and decodes."""
        engine, before = self.ours.engine, self.ours.engine.decodes
        hooks = Hooks(superseded=lambda steps_done: steps_done >= 1)
        steps = Counted()
        with self.ours.pipeline.transformer.register_forward_pre_hook(steps):
            for index in range(STOPPED_RENDERS):
                steps.begin()
                with suppress(Superseded):
                    engine.render(replace(request, prompt=f"stopped {index}"), Stage.DRAFT, hooks)
        return [float(count - 1) for count in steps.counts], engine.decodes - before


class Counted:
    """A hook that counts calls, anew from each `begin`."""

    def __init__(self) -> None:
        self.counts: list[int] = []

    def begin(self) -> None:
        """What comes now is counted by itself."""
        self.counts.append(0)

    def __call__(self, *_: object) -> None:
        """One call more."""
        self.counts[-1] += 1


def measured(
    twin: Twin, device: Device, keys: int, command: str, sides: Sequence[int] = SIDES_PX
) -> TwinReport:
    """All rows of `twin`, at `sides` with each number of references."""
    machine = hardware()
    found = ceilings(device)
    pair = Pair.of(twin, device)
    rows = tuple(pair.row(side, count, keys, found) for side in sides for count in COUNTS)
    whole = pair.whole(max(sides))
    held = bars(str(machine["gpu"]), twin.row.name, whole, rows)
    return TwinReport(machine, revision(), command, twin.row.name, found, whole, rows, held)


def ceilings(device: Device, side: int = 8192, copied_bytes: int = 2**30) -> Ceilings:
    """The best of several square matmuls, at 2 n^3 operations each, and of several copies."""
    left = torch.randn(side, side, dtype=device.dtype, device=device.name)
    matmul_s = _best_s(device, lambda: left @ left)
    source = torch.empty(copied_bytes, dtype=torch.uint8, device=device.name)
    target = torch.empty_like(source)
    copy_s = _best_s(device, lambda: target.copy_(source))
    # A copy reads and writes.
    return Ceilings(2 * side**3 / matmul_s / 1e12, 2 * copied_bytes / copy_s / 1e12)


def _best_s(device: Device, work: Callable[[], object], times: int = 20) -> float:
    found: list[float] = []
    for _ in range(times):
        _wait(device)
        started_s = time.perf_counter()
        work()
        _wait(device)
        found.append(time.perf_counter() - started_s)
    return min(found)


def _typed(begun: str, keys: int) -> list[str]:
    # A prompt of another row would be encoded already.
    (sentence,) = prompts(1, keys, 1)
    return [begun + sentence[:end] for end in range(1, keys + 1)]


def _counts(device: Device, way: Way, prompt: str) -> tuple[int | None, int | None]:
    """Launches and waits of one render."""
    if device.name != "cuda":
        return None, None
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as watched:
        way(prompt)
    calls = {event.key: event.count for event in watched.key_averages()}
    launches, waits = (sum(calls.get(name, 0) for name in names) for names in (LAUNCHES, WAITS))
    return launches, waits


def _flops(bench: Bench, request: Request, prompt: str) -> int:
    """Operations of our render of a new prompt, whose references are encoded already."""
    counter = FlopCounterMode(display=False)
    with counter:
        bench.ours(request)(prompt)
    return int(counter.get_total_flops())


def _summed(
    request: Request,
    mine: Sequence[Rendered],
    theirs: Sequence[Rendered],
    counted: Sequence[tuple[int | None, int | None]],
    flops: int,
    ceilings: Ceilings,
) -> TwinRow:
    timings = [one.frame.timings for one in mine if one.frame is not None]
    ours_ms = [one.took_ms for one in mine]
    pairs = list(zip(mine, theirs, strict=True))
    levels = [np.abs(a.pixels.astype(int) - b.pixels).max() for a, b in pairs]
    roofline_ms = flops / (ceilings.matmul_tflops * 1e12) * 1000
    middle_ms = median(ours_ms) or 0.0
    return TwinRow(
        side_px=request.width,
        references=len(request.references),
        ours_ms=middle_ms,
        p95_ms=p95(ours_ms) or 0.0,
        encode_ms=1000 * (median([one.encode_s for one in timings]) or 0.0),
        images_ms=1000 * (median([one.images_s for one in timings]) or 0.0),
        steps_ms=1000 * (median([one.denoise_s for one in timings]) or 0.0),
        decode_ms=1000 * (median([one.decode_s for one in timings]) or 0.0),
        stock_ms=median([one.took_ms for one in theirs]) or 0.0,
        times=median([b.took_ms / a.took_ms for a, b in pairs]) or 0.0,
        launches=counted[0][0],
        stock_launches=counted[1][0],
        waits=counted[0][1],
        stock_waits=counted[1][1],
        roofline_ms=roofline_ms,
        share=roofline_ms / middle_ms,
        same=all(not difference for difference in levels),
        levels=int(max(levels)),
    )


def _wait(device: Device) -> None:
    if device.name == "cuda":
        torch.cuda.synchronize()
