"""`python -m klein_ui.bench scrub`: from a key on the strip to the moment's picture on screen."""

import argparse
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from klein_ui.bench.apps import AppError
from klein_ui.bench.bars import Bar, at_most
from klein_ui.bench.browser import find_chromium
from klein_ui.bench.hardware import hardware, revision
from klein_ui.bench.report import as_json, bar_table, heading, number, table

NAME: Final = "scrub"
FULL_STATES, QUICK_STATES = 300, 60
P95_MS = 50.0
HEAP_MB = 160.0
"""Of the page: 64 MiB of pictures, and as much again on their way, beside all else."""
SERVER_MB = 64.0


@dataclass(frozen=True, slots=True)
class ScrubRow:
    """Moments gone to in one `way`, `since` they were typed or the page was loaded again.

    Times in ms are from the event to the first task after the animation frame that holds a picture
    of that moment, be it the thumbnail. `overtaken` gave way within 50 ms to the next one, often in
    the same animation frame; `missing` should have come and did not. `renders` is what the engine
    did.
    """

    since: str
    way: str
    moments: int
    overtaken: int
    missing: int
    median_ms: float | None
    p95_ms: float | None
    worst_ms: float | None
    renders: int
    heap_mb: float
    server_growth_mb: float


@dataclass(frozen=True, slots=True)
class ScrubReport:
    """Everything one run found out, in the form that all benches share."""

    hardware: Mapping[str, object]
    revision: str
    command: str
    rows: tuple[ScrubRow, ...]
    bars: tuple[Bar, ...]


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the subcommand and its flags."""
    about = "from a key on the strip of the time machine to its picture on screen"
    parser = commands.add_parser(NAME, help=about, description=about)
    add = parser.add_argument
    add("--quick", action="store_true", help=f"{QUICK_STATES} moments; under 180 s")
    add("--json", type=Path, metavar="FILE", help="also write one JSON object")
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Measure, print the table, write what was asked for; 1 where a bar is not kept."""
    # Brings a browser's driver with it, which the other benches need not wait for.
    from klein_ui.bench import scrubbed

    path = find_chromium()
    if path is None:
        print("There is no Chromium on this machine; install it first.", file=sys.stderr)
        return 2
    machine = hardware()
    try:
        rows = scrubbed.measured(path, QUICK_STATES if chosen.quick else FULL_STATES)
    except AppError as error:
        print(error, file=sys.stderr)
        return 2
    command = shlex.join(["python", "-m", "klein_ui.bench", *sys.argv[1:]])
    report = ScrubReport(machine, revision(), command, rows, bars(rows))
    print(as_text(report))
    if chosen.json:
        chosen.json.write_text(as_json(report) + "\n", encoding="utf-8")
    return 0 if all(bar.ok for bar in report.bars) else 1


def bars(rows: Sequence[ScrubRow]) -> tuple[Bar, ...]:
    """What each of `rows` must reach."""
    found: list[Bar] = []
    for row in rows:
        where = f"{row.since}, {row.way}"
        found += [
            at_most(f"{where}: p95", row.p95_ms, "ms", P95_MS),
            at_most(f"{where}: without a picture", float(row.missing), "moments", 0.0),
            at_most(f"{where}: renders", float(row.renders), "renders", 0.0),
            at_most(f"{where}: heap of the page", row.heap_mb, "MB", HEAP_MB),
            at_most(f"{where}: growth of the server", row.server_growth_mb, "MB", SERVER_MB),
        ]
    return tuple(found)


def as_text(report: ScrubReport) -> str:
    """`report` as tables for a terminal."""
    above = heading(report.command, report.hardware, report.revision)
    head = "since way moments overtaken missing median p95 worst renders heap-MB server-MB"
    lines = [
        (
            *(row.since, row.way, str(row.moments), str(row.overtaken), str(row.missing)),
            *map(number, (row.median_ms, row.p95_ms, row.worst_ms)),
            *(str(row.renders), number(row.heap_mb), f"{row.server_growth_mb:+.1f}"),
        )
        for row in report.rows
    ]
    rows = table(head.split(), lines)
    return f"{above}\n\nMoments gone to (ms)\n{rows}\n\n{bar_table(report.bars)}"
