"""Ours and plain Gradio side by side, in a real browser, key by key."""

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from klein_ui.bench import engines, plot
from klein_ui.bench.apps import APPS
from klein_ui.bench.bars import bars
from klein_ui.bench.hardware import hardware, revision
from klein_ui.bench.plan import Plan
from klein_ui.bench.report import Report, as_json, as_text

NAME: Final = "keystrokes"
FULL = Plan(keys=24, runs=5)
QUICK = Plan(keys=16, runs=3)
QUICK_ENGINES = ("fake-40",)
QUICK_APPS = ("ours", "plain")


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the subcommand and its flags."""
    about = "from a key to its picture, in Chromium: ours beside plain Gradio"
    parser = commands.add_parser(NAME, help=about, description=about)
    add = parser.add_argument
    names = [spec.name for spec in engines.ENGINES]
    add("--quick", action="store_true", help="the 40 ms fake, ours and plain; under 180 s")
    add("--engines", nargs="+", choices=names, metavar="NAME", help=f"of {', '.join(names)}")
    add("--apps", nargs="+", choices=APPS, metavar="NAME", help=f"of {', '.join(APPS)}")
    add("--keys", type=_count, metavar="N", help=f"single keys (default: {FULL.keys})")
    add("--runs", type=_count, metavar="N", help=f"typed prompts (default: {FULL.runs})")
    add("--json", type=Path, metavar="FILE", help="also write one JSON object")
    add("--plot", type=Path, metavar="FILE", help="also draw an SVG")
    add("--check", action="store_true", help="exit with 1 if a bar is not kept")
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Measure, print the tables, write what was asked for; the exit status."""
    try:
        # Only development machines have a browser driver; the other benches need none.
        from klein_ui.bench import side_by_side
    except ImportError:
        print("Playwright is missing; install requirements-dev.txt.", file=sys.stderr)
        return 2
    machine = hardware()
    found = side_by_side.measure_all(engines_of(chosen), apps_of(chosen), plan_of(chosen))
    if found is None:
        print("No Chromium here; install it, or name one in KLEIN_CHROMIUM.", file=sys.stderr)
        return 2
    command = shlex.join(["python", "-m", "klein_ui.bench", *sys.argv[1:]])
    machine["chromium"] = found.chromium
    kept = bars(found.rows)
    notes = found.skipped + found.failed
    _write(Report(machine, revision(), command, found.rows, kept, notes), chosen)
    good = kept and all(bar.ok for bar in kept) and not found.failed
    return 1 if chosen.check and not good else 0


def _write(report: Report, chosen: argparse.Namespace) -> None:
    print(as_text(report))
    if chosen.json:
        chosen.json.write_text(as_json(report) + "\n", encoding="utf-8")
    if chosen.plot:
        machine = f"{report.hardware['cpu']}, {report.hardware['cores']} cores"
        caption = (f"{machine}; revision {report.revision}", report.command)
        chosen.plot.write_text(plot.svg(report.rows, caption), encoding="utf-8")


def plan_of(chosen: argparse.Namespace) -> Plan:
    """How much to type: the flags, else what the kind of run takes."""
    base = QUICK if chosen.quick else FULL
    return Plan(keys=chosen.keys or base.keys, runs=chosen.runs or base.runs)


def engines_of(chosen: argparse.Namespace) -> Sequence[str]:
    """The names of the engines to measure with."""
    everything = QUICK_ENGINES if chosen.quick else [spec.name for spec in engines.ENGINES]
    return chosen.engines or everything


def apps_of(chosen: argparse.Namespace) -> Sequence[str]:
    """The names of the apps to measure, ours first."""
    return chosen.apps or (QUICK_APPS if chosen.quick else APPS)


def _count(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if not 1 <= number <= 1000:
        raise argparse.ArgumentTypeError(f"“{text}” is no count; give a whole number up to 1000")
    return number
