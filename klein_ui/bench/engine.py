"""`python -m klein_ui.bench engine`: our render beside the stock pipeline's, without a page."""

import argparse
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from klein_ui.bench import twin_report
from klein_ui.bench.bars import Bar, at_least, at_most
from klein_ui.bench.hardware import hardware, revision
from klein_ui.bench.report import as_json, bar_table, heading, number, table
from klein_ui.bench.twin_report import TwinReport

NAME: Final = "engine"
FULL_KEYS, QUICK_KEYS = 11, 3

POSTCARD_MS: Final = 350.0
SHOWN: Final = {
    "prompt": "with a new prompt",
    "again": "with a prompt of before",
    "draft": "small as while typing, in stock whole",
    "equal": "of the picture's size",
    "twice": "of twice its side",
}
TIMES: Final = {
    ("postcard", 0, "prompt"): 1.3,
    ("postcard", 0, "again"): 20.0,
    ("postcard", 2, "draft"): 1.5,
    ("slim-kv", 4, "equal"): 1.5,
    ("slim-kv", 4, "twice"): 3.0,
}
"""How many times faster than the stock call ours has to be: by model, references and shown.

For postcard this is a key's picture while typing, whose references are shown small. Shown whole,
each step reads all their tokens in both, and only the encoding of the images is saved.
"""


@dataclass(frozen=True, slots=True)
class EngineRow:
    """Keys of one prompt, of which the first is not counted; medians in milliseconds.

    `shown` says how large the references are to ours: full or draft as the registry has it, equal
    to the picture or twice its side; where there are none, whether the prompt is another with each
    key, or the same again. The stock call always sees them whole. `first_ms` is our
    first key, which encodes the references. `times` is how many times longer the stock call took
    for the same key, which ran right beside ours: on a busy machine that swings less than the
    medians. `same` tells whether all pictures were equal.
    """

    model: str
    shown: str
    references: int
    side_px: int
    keys: int
    first_ms: float
    ours_ms: float
    encode_ms: float
    steps_ms: float
    decode_ms: float
    plain_ms: float
    times: float
    same: bool


@dataclass(frozen=True, slots=True)
class EngineReport:
    """Everything one run found out, in the form that all benches share."""

    hardware: Mapping[str, object]
    revision: str
    command: str
    rows: tuple[EngineRow, ...]
    bars: tuple[Bar, ...]


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the subcommand and its flags."""
    about = "a prompt's render in ours beside the stock pipeline's call, on one machine"
    parser = commands.add_parser(NAME, help=about, description=about)
    add = parser.add_argument
    add("--edit", action="store_true", help="with references that stay while the prompt changes")
    add("--twin", metavar="MODEL", help="with the architecture of klein-4b or klein-9b, random")
    add("--quick", action="store_true", help=f"{QUICK_KEYS} keys a row; under 180 s")
    add("--json", type=Path, metavar="FILE", help="also write one JSON object")
    add("--check", action="store_true", help="exit with 1 if a bar is not kept")
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Measure, print the table, write what was asked for; the exit status."""
    keys = QUICK_KEYS if chosen.quick else FULL_KEYS
    command = shlex.join(["python", "-m", "klein_ui.bench", *sys.argv[1:]])
    report: EngineReport | TwinReport
    if chosen.twin:
        report = measured_twin(chosen.twin, keys, command)
        print(twin_report.as_text(report))
    else:
        report = measured(keys, command, edit=chosen.edit)
        print(as_text(report))
    if chosen.json:
        chosen.json.write_text(as_json(report) + "\n", encoding="utf-8")
    kept = all(bar.ok for bar in report.bars)
    return 1 if chosen.check and not kept else 0


def measured(keys: int, command: str, *, edit: bool) -> EngineReport:
    """Postcard, and with `edit` references too and weights trained for KV."""
    # Brings torch and diffusers with it, seconds that the other benches need not wait for.
    from klein_ui.bench import paired

    machine = hardware()
    rows = paired.edits(keys) if edit else paired.prompts_alone(keys)
    return EngineReport(machine, revision(), command, rows, bars(rows))


def measured_twin(name: str, keys: int, command: str) -> TwinReport:
    """The twin called `name` on the best device there is."""
    from klein_ui.bench import twin_rows, twins
    from klein_ui.engine.device import choose

    if name not in twins.TWINS:
        raise SystemExit(f"There is no twin “{name}”; choose {' or '.join(twins.TWINS)}.")
    return twin_rows.measured(twins.TWINS[name], choose("auto"), keys, command)


def bars(rows: Sequence[EngineRow]) -> tuple[Bar, ...]:
    """The bars on whatever of `rows` has one."""
    found: list[Bar] = []
    for row in rows:
        if row.model == "postcard" and not row.references and row.shown == "prompt":
            name = f"postcard at {row.side_px} px: median render"
            found.append(at_most(name, row.ours_ms, "ms", POSTCARD_MS))
        if times := TIMES.get((row.model, row.references, row.shown)):
            shown = SHOWN[row.shown]
            references = f"{row.references} references " if row.references else ""
            name = f"{row.model}, {references}{shown}: times faster"
            found.append(at_least(name, row.times, "x", times))
    return tuple(found)


def as_text(report: EngineReport) -> str:
    """`report` as tables for a terminal."""
    head = "model shown references side keys first ours encode steps decode plain times same"
    lines = [
        (
            *(row.model, row.shown, str(row.references), str(row.side_px), str(row.keys)),
            *map(number, (row.first_ms, row.ours_ms)),
            *map(number, (row.encode_ms, row.steps_ms, row.decode_ms, row.plain_ms)),
            *(f"{row.times:.2f}", "yes" if row.same else "no"),
        )
        for row in report.rows
    ]
    rows = "Renders (ms; medians but for the first)\n" + table(head.split(), lines)
    above = heading(report.command, report.hardware, report.revision)
    return "\n\n".join([above, rows, *([bar_table(report.bars)] if report.bars else [])])
