"""`python -m klein_ui.bench load`: many who type at once, in ours and in plain Gradio."""

import argparse
import asyncio
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from klein_ui.bench import crowd, engines
from klein_ui.bench.apps import AppError, RunningApp, running
from klein_ui.bench.bars import Bar, at_least, at_most
from klein_ui.bench.crowd import CrowdRow
from klein_ui.bench.engines import CROWD_FAKE, EngineSpec, row_of
from klein_ui.bench.hardware import hardware, revision
from klein_ui.bench.our_visitor import OurOpener
from klein_ui.bench.plain_visitor import PlainOpener
from klein_ui.bench.report import as_json, bar_table, heading, number, table
from klein_ui.bench.visitors import Opener, visits

NAME: Final = "load"
APPS = ("ours", "plain")
SESSIONS, QUICK_SESSIONS = (1, 8, 32), (1, 8)
SECONDS, QUICK_SECONDS = 30.0, 8.0
WARM_UP_S = 2.0

FAIRNESS = 1.2
ALONE_OVERHEAD_P95_MS = 40.0
OF_FAIR_SHARE = 1.2


@dataclass(frozen=True, slots=True)
class LoadReport:
    """Everything one run found out, in the form that all benches share."""

    hardware: Mapping[str, object]
    revision: str
    command: str
    rows: tuple[CrowdRow, ...]
    bars: tuple[Bar, ...]
    notes: tuple[str, ...] = ()


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the subcommand and its flags."""
    about = "many who type at once, five keys a second each: ours beside plain Gradio"
    parser = commands.add_parser(NAME, help=about, description=about)
    add = parser.add_argument
    add("--sessions", nargs="+", type=_count, metavar="N", help="(default: 1 8 32)")
    add("--engines", nargs="+", metavar="NAME", help="(default: fake-60 postcard)")
    add("--seconds", type=float, metavar="S", help=f"of typing (default: {SECONDS:g})")
    add("--replicas", nargs="+", type=_count, metavar="N", help="before so many replicas instead")
    add("--quick", action="store_true", help="1 and 8 on the fake engine; under 180 s")
    add("--json", type=Path, metavar="FILE", help="also write one JSON object")
    add("--check", action="store_true", help="exit with 1 if a bar is not kept")
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Measure, print the tables, write what was asked for; the exit status."""
    seconds = chosen.seconds or (QUICK_SECONDS if chosen.quick else SECONDS)
    if chosen.replicas:
        # Its apps draw elsewhere, which takes packages that nothing else here does.
        from klein_ui.bench import scaling

        return scaling.run(chosen, seconds)
    machine = hardware()
    names = chosen.engines or ([CROWD_FAKE.name] if chosen.quick else [CROWD_FAKE.name, "postcard"])
    counts = chosen.sessions or (QUICK_SESSIONS if chosen.quick else SESSIONS)
    rows: list[CrowdRow] = []
    try:
        for spec in map(engines.spec_of, names):
            for app in APPS:
                rows.extend(measured(app, spec, counts, seconds))
    except AppError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyError as error:
        print(f"There is no engine {error}.", file=sys.stderr)
        return 2
    command = shlex.join(["python", "-m", "klein_ui.bench", *sys.argv[1:]])
    kept = bars(rows)
    report = LoadReport(machine, revision(), command, tuple(rows), kept)
    print(as_text(report))
    if chosen.json:
        chosen.json.write_text(as_json(report) + "\n", encoding="utf-8")
    return 1 if chosen.check and not all(bar.ok for bar in kept) else 0


def measured(app: str, spec: EngineSpec, counts: Sequence[int], seconds: float) -> list[CrowdRow]:
    """A row for each number of sessions, one after the other at one app. Raises `AppError`."""
    rows = []
    with running(app, spec) as server:
        opener = _opener(app, server, spec)
        asyncio.run(visits(opener, 1, WARM_UP_S, seed=0))
        for count in counts:
            print(f"{spec.name}: {app}, {count} …", file=sys.stderr, flush=True)
            diaries = asyncio.run(visits(opener, count, seconds, seed=count))
            rows.append(crowd.row(spec.name, app, seconds, diaries))
            for sentence in {each for diary in diaries for each in diary.errors}:
                print(sentence, file=sys.stderr)
    return rows


def _opener(app: str, server: RunningApp, spec: EngineSpec) -> Opener:
    return OurOpener(server.url, row_of(spec)) if app == "ours" else PlainOpener(server.url)


def bars(rows: Sequence[CrowdRow]) -> tuple[Bar, ...]:
    """What ours has to keep; plain is there to be compared with."""
    plain = {(row.engine, row.sessions): row for row in rows if row.app == "plain"}
    found: list[Bar] = []
    for row in rows:
        if row.app == "ours":
            found.extend(_bars_of(row, plain.get((row.engine, row.sessions))))
    return tuple(found)


def _bars_of(row: CrowdRow, plain: CrowdRow | None) -> list[Bar]:
    where = f"{row.engine}, {row.sessions}"
    found = [
        at_most(f"{where}: errors", float(row.errors), "errors", 0.0),
        at_most(f"{where}: older pictures shown", float(row.stale), "pictures", 0.0),
        at_most(f"{where}: keys never answered", float(row.unanswered), "keys", 0.0),
        at_most(f"{where}: fairness, mean by slowest", row.fairness, "x", FAIRNESS),
    ]
    if plain is not None and plain.useful_per_s:
        times = row.useful_per_s / plain.useful_per_s
        found.append(at_least(f"{where}: useful pictures by plain's", times, "x", 1.0))
    found.extend(_latency(row, where))
    return found


def _latency(row: CrowdRow, where: str) -> list[Bar]:
    render_ms = engines.spec_of(row.engine).render_ms
    if render_ms is None:
        return []
    if row.sessions == 1:
        over = None if row.key_p95_ms is None else row.key_p95_ms - render_ms
        return [at_most(f"{where}: p95 beyond the render", over, "ms", ALONE_OVERHEAD_P95_MS)]
    share_ms = OF_FAIR_SHARE * row.sessions * render_ms
    return [at_most(f"{where}: p95 of a key", row.key_p95_ms, "ms", share_ms)]


def as_text(report: LoadReport) -> str:
    """`report` as tables for a terminal."""
    above = heading(report.command, report.hardware, report.revision)
    body = f"Crowds, five keys a second each (ms)\n{_table(report.rows)}"
    return "\n\n".join([above, body, bar_table(report.bars), *report.notes])


def _table(rows: Sequence[CrowdRow]) -> str:
    head = "engine app sessions keys useful/s useful key p95 unanswered stale fairness errors"
    lines = [
        (
            *(row.engine, row.app, str(row.sessions), str(row.keys)),
            *(f"{row.useful_per_s:.1f}", f"{row.useful_part:.0%}"),
            *map(number, (row.key_median_ms, row.key_p95_ms)),
            *(str(row.unanswered), str(row.stale)),
            *("–" if row.fairness is None else f"{row.fairness:.2f}", str(row.errors)),
        )
        for row in rows
    ]
    return table(head.split(), lines)


def _count(text: str) -> int:
    number_of = int(text) if text.isdecimal() else 0
    if not 1 <= number_of <= 200:
        raise argparse.ArgumentTypeError(f"“{text}” is no count; give a whole number up to 200")
    return number_of
