"""`python -m klein_ui.bench strength`: what the strength of a reference does to the picture.

Both references are pictures that postcard made itself. The picture at strength 1 is that of the
stock call, the one at 0 that of a call in which nothing looks at the second image; what lies
between must go from one to the other.
"""

import argparse
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np

from klein_ui import models
from klein_ui.bench.hardware import hardware, revision
from klein_ui.bench.photos import Album
from klein_ui.bench.report import heading, table
from klein_ui.contract import Hooks, Pixels, Reference, Request, Stage

NAME: Final = "strength"
STRENGTHS: Final = (0.0, 0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
SCENES: Final = ("a house by the mountains", "a city at night, neon")
INSTRUCTION: Final = "use the style of image 2"
CACHE_BYTES: Final = 256 * 2**20
SEEDS: Final = range(5)


Render = Callable[[Request], Pixels]


@dataclass(frozen=True, slots=True)
class Point:
    """How far a picture is from that at strength 0 and from that at 1: mean differences, 0 to 1."""

    strength: float
    from_absent: float
    from_stock: float


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the subcommand."""
    about = "what the strength of a reference does to the pictures of postcard"
    commands.add_parser(NAME, help=about, description=about).set_defaults(run=run)


def run(_chosen: argparse.Namespace) -> int:
    """Measure and print; 1 where a stronger reference brings the picture no nearer to stock."""
    points = measure()
    lines = [
        (f"{p.strength:.2f}", "", f"{p.from_absent:.4f}", f"{p.from_stock:.4f}") for p in points
    ]
    head = ("strength", "", "from absent", "from stock")
    command = shlex.join(["python", "-m", "klein_ui.bench", *sys.argv[1:]])
    print(heading(command, hardware(), revision()))
    print(f"\n{INSTRUCTION!r}, mean differences over {len(SEEDS)} seeds\n{table(head, lines)}")
    return 0 if all(b.from_stock <= a.from_stock for a, b in pairwise(points)) else 1


def measure() -> tuple[Point, ...]:
    """The mean over the seeds, for each of the strengths."""
    # Brings torch and diffusers with it, seconds that the other benches need not wait for.
    from klein_ui.engine import choosing, loader
    from klein_ui.engine.klein import KleinEngine

    row = models.POSTCARD
    photos: dict[str, Pixels] = {}
    pipeline, origin = loader.open_pipeline(
        choosing.resolve(row.name, "auto", None), lambda _: None
    )
    engine = KleinEngine(pipeline, row, origin, CACHE_BYTES, Album(photos))

    def render(request: Request) -> Pixels:
        return engine.render(request, Stage.FINAL, Hooks()).pixels

    side = row.default_side
    plain = Request("", 0, side, side, row.steps, row.guidance_scale, row.name)
    plain = replace(plain, reference_area=row.reference_area)
    for number, prompt in enumerate(SCENES, 1):
        photos[f"image {number}"] = render(replace(plain, prompt=prompt))
    found = [_of_seed(render, replace(plain, seed=seed)) for seed in SEEDS]
    return tuple(
        Point(strength, *np.mean([differences[at] for differences in found], axis=0).tolist())
        for at, strength in enumerate(STRENGTHS)
    )


def _of_seed(render: Render, plain: Request) -> list[tuple[float, float]]:
    first, second = Reference("image 1"), Reference("image 2")
    pictures = [
        render(
            replace(
                plain, prompt=INSTRUCTION, references=(first, replace(second, strength=strength))
            )
        )
        for strength in STRENGTHS
    ]
    return [(apart(one, pictures[0]), apart(one, pictures[-1])) for one in pictures]


def apart(a: Pixels, b: Pixels) -> float:
    """The mean difference of two pictures, 0 to 1."""
    return float(np.abs(a.astype(np.float32) - b).mean() / 255)
