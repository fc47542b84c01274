"""`python -m klein_ui.bench lossy`: what each lossy lever gains, and how far its pictures stray."""

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

NAME: Final = "lossy"
FULL_PROMPTS, QUICK_PROMPTS = 24, 6


@dataclass(frozen=True, slots=True)
class LossyRow:
    """One lever on one model, over prompts of which the first is not counted.

    Times are medians in milliseconds; `times` is the median of how many times longer the exact
    render of the same prompt took, with an engine before it. PSNR is against that render, in dB.
    """

    lever: str
    model: str
    side_px: int
    images: int
    prompts: int
    exact_ms: float
    lossy_ms: float
    times: float
    psnr_db: float
    worst_psnr_db: float


@dataclass(frozen=True, slots=True)
class LossyReport:
    """Everything one run found out, in the form that all benches share; there are no bars.

    `left_out` says of each lever that could not be measured why.
    """

    hardware: Mapping[str, object]
    revision: str
    command: str
    rows: tuple[LossyRow, ...]
    left_out: tuple[str, ...] = ()
    bars: tuple[()] = ()


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the subcommand and its flags."""
    about = "what each lossy setting gains, and how far its pictures are from the exact ones"
    parser = commands.add_parser(NAME, help=about, description=about)
    add = parser.add_argument
    add("--model", default="auto", metavar="NAME|HUB-ID|FOLDER", help="as for app.py")
    add("--quick", action="store_true", help=f"{QUICK_PROMPTS} prompts; under 180 s")
    add("--json", type=Path, metavar="FILE", help="also write one JSON object")
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Measure, print the table, write what was asked for; the exit status."""
    # Brings torch and diffusers with it, seconds that the other benches need not wait for.
    from klein_ui.bench import levers

    machine = hardware()
    count = QUICK_PROMPTS if chosen.quick else FULL_PROMPTS
    try:
        rows, left_out = levers.measured(chosen.model, count)
    except KleinError as error:
        print(error, file=sys.stderr)
        return 2
    command = shlex.join(["python", "-m", "klein_ui.bench", *sys.argv[1:]])
    report = LossyReport(machine, revision(), command, rows, left_out)
    print(as_text(report))
    if chosen.json:
        chosen.json.write_text(as_json(report) + "\n", encoding="utf-8")
    return 0


def as_text(report: LossyReport) -> str:
    """`report` as a table for a terminal."""
    above = heading(report.command, report.hardware, report.revision)
    found = f"{above}\n\nLossy levers (ms; medians unless said)\n{_table(report.rows)}"
    return "\n".join((found, *report.left_out))


def _table(rows: Sequence[LossyRow]) -> str:
    head = "lever model side images prompts exact lossy times PSNR worst"
    lines = [
        (
            *(row.lever, row.model, str(row.side_px), str(row.images), str(row.prompts)),
            *map(number, (row.exact_ms, row.lossy_ms)),
            f"{row.times:.2f}",
            *map(number, (row.psnr_db, row.worst_psnr_db)),
        )
        for row in rows
    ]
    return table(head.split(), lines)
