"""`python -m klein_ui.bench batch`: what a picture takes alone, and in batches with others."""

import argparse
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from klein_ui.bench.hardware import hardware, revision
from klein_ui.bench.report import as_json, heading, number, table
from klein_ui.contract import KleinError

NAME: Final = "batch"
FULL_ROUNDS, QUICK_ROUNDS = 11, 3


@dataclass(frozen=True, slots=True)
class BatchRow:
    """Batches of `count` new prompts each, of which the first is not counted.

    Times are medians in milliseconds, those of the parts for each picture. `times` is how many
    times longer the render alone of the same round took than a picture of the batch. `levels` is
    the largest difference of any pixel from the same pictures made alone, of 255.
    """

    model: str
    side_px: int
    count: int
    rounds: int
    batch_ms: float
    picture_ms: float
    encode_ms: float
    steps_ms: float
    decode_ms: float
    times: float
    levels: int


@dataclass(frozen=True, slots=True)
class BatchReport:
    """Everything one run found out, in the form that all benches share; there are no bars."""

    hardware: Mapping[str, object]
    revision: str
    command: str
    rows: tuple[BatchRow, ...]
    bars: tuple[()] = ()


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the subcommand and its flags."""
    about = "what a picture takes alone, and in batches with pictures of others"
    parser = commands.add_parser(NAME, help=about, description=about)
    add = parser.add_argument
    add("--twin", metavar="MODEL", help="with the architecture of klein-4b or klein-9b, random")
    add("--quick", action="store_true", help=f"{QUICK_ROUNDS} batches a row; under 180 s")
    add("--json", type=Path, metavar="FILE", help="also write one JSON object")
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Measure, print the table, write what was asked for; the exit status."""
    # Brings torch and diffusers with it, seconds that the other benches need not wait for.
    from klein_ui.bench import batched

    machine = hardware()
    rounds = QUICK_ROUNDS if chosen.quick else FULL_ROUNDS
    try:
        rows = batched.measured(chosen.twin, rounds)
    except KleinError as error:
        print(error, file=sys.stderr)
        return 2
    command = shlex.join(["python", "-m", "klein_ui.bench", *sys.argv[1:]])
    report = BatchReport(machine, revision(), command, rows)
    print(as_text(report))
    if chosen.json:
        chosen.json.write_text(as_json(report) + "\n", encoding="utf-8")
    return 0


def as_text(report: BatchReport) -> str:
    """`report` as a table for a terminal."""
    above = heading(report.command, report.hardware, report.revision)
    return f"{above}\n\nBatches (ms; medians)\n{_table(report.rows)}"


def _table(rows: Sequence[BatchRow]) -> str:
    head = "model side batch rounds whole picture encode steps decode times levels"
    lines = [
        (
            *(row.model, str(row.side_px), str(row.count), str(row.rounds)),
            *map(number, (row.batch_ms, row.picture_ms)),
            *map(number, (row.encode_ms, row.steps_ms, row.decode_ms)),
            *(f"{row.times:.2f}", str(row.levels)),
        )
        for row in rows
    ]
    return table(head.split(), lines)
