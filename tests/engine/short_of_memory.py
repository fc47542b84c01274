"""A process that may have no more memory: 20 pictures that do not fit, and what becomes of them.

`python -m tests.engine.short_of_memory FOLDER` renders with the pipeline in FOLDER and prints one
JSON object a picture.
"""

import json
import resource
import sys
from dataclasses import replace
from pathlib import Path

import torch

from klein_ui.attempts import attempt
from klein_ui.bench.photos import Album
from klein_ui.contract import Hooks, KleinError, Render, Request, Stage
from klein_ui.engine.klein import KleinEngine
from klein_ui.models import ModelRow, from_folder

from .rendering import load, request

SIDE, SMALL = 512, 64


def address_space() -> int:
    """Bytes of addresses that this process has now."""
    pages = Path("/proc/self/statm").read_text().split()[0]
    return int(pages) * resource.getpagesize()


def peak() -> int:
    """Most bytes of addresses that it ever had."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmPeak")).split()[1]) * 1024


def allow(more_bytes: int) -> None:
    """Let this process have no more than that beyond what it has, by RLIMIT_AS."""
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    limit = address_space() + more_bytes if more_bytes else hard
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def needed(engine: KleinEngine, wanted: Request) -> int:
    """Bytes of addresses that a render takes at most; larger ones have to be asked for later."""
    engine.relieve()
    before = address_space()
    engine.warm_up(wanted)
    return peak() - before


def told(engine: KleinEngine, row: ModelRow, wanted: Request) -> dict[str, object]:
    """How the picture of `wanted` ends."""
    try:
        frame = attempt(engine, Render(wanted, Stage.FINAL, Hooks()), row)
    except KleinError as error:
        return {"kind": type(error).__name__, "sentence": str(error)}
    return {"kind": "Frame", "side": frame.request.width, "notes": frame.notes}


def main(folder: Path, count: int) -> None:
    """Print what becomes of each of `count` pictures, the one that follows it included."""
    torch.set_num_threads(1)
    row = replace(from_folder(folder), min_side=64)
    engine = load(folder, Album())
    large, small = (request(width=side, height=side) for side in (SIDE, SMALL))
    half = replace(large, width=352, height=352)
    for wanted in (small, half):
        engine.warm_up(wanted)
    between = (needed(engine, half) + needed(engine, large)) // 2
    for number in range(count):
        engine.relieve()
        allow(between)
        first = told(engine, row, replace(large, seed=number))
        cached = engine.has(replace(large, seed=number))
        then = told(engine, row, replace(small, seed=number))
        allow(0)
        print(json.dumps({"first": first, "cached": cached, "then": then}), flush=True)  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
