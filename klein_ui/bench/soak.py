"""`python -m klein_ui.bench soak`: people come, type and go, and the app should stay as it was."""

import argparse
import asyncio
import random
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from klein_ui.bench import engines
from klein_ui.bench.apps import AppError, RunningApp, running
from klein_ui.bench.bars import Bar, at_most
from klein_ui.bench.engines import CROWD_FAKE, EngineSpec, row_of
from klein_ui.bench.hardware import hardware, revision
from klein_ui.bench.our_visitor import OurOpener
from klein_ui.bench.report import as_json, bar_table, heading, number, table
from klein_ui.bench.visitors import Diary, visit

NAME: Final = "soak"
SESSIONS = 8
MINUTES, QUICK_MINUTES = 10.0, 2.0
STAY_S = (5.0, 25.0)
"""How long somebody stays: long enough for many pictures, short enough that many come."""
PATIENCE_S = 15.0
SAMPLE_S = 5.0

SLOPE_MB_PER_MIN = 0.5
GROWN_THREADS = 2.0
GROWN_FILES = 8.0
"""A visitor's socket and a file of the history may be open at one sample and not at another."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The app's process `at_s` seconds after the start."""

    at_s: float
    rss_mb: float
    threads: int
    files: int


@dataclass(frozen=True, slots=True)
class SoakRow:
    """`sessions` at a time, of `visits` in all, for `minutes`.

    The slope is that of the least squares through the last half; `grown_*` compare the medians of
    the third and the last quarter.
    """

    engine: str
    minutes: float
    sessions: int
    visits: int
    pictures: int
    errors: int
    rss_mb: float
    slope_mb_per_min: float
    grown_threads: float
    grown_files: float


@dataclass(frozen=True, slots=True)
class SoakReport:
    """Everything one run found out, in the form that all benches share."""

    hardware: Mapping[str, object]
    revision: str
    command: str
    rows: tuple[SoakRow, ...]
    bars: tuple[Bar, ...]
    samples: tuple[Sample, ...]


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the subcommand and its flags."""
    about = "people come, type and go for a long time: memory, threads and open files of the app"
    parser = commands.add_parser(NAME, help=about, description=about)
    add = parser.add_argument
    add("--minutes", type=float, metavar="M", help=f"(default: {MINUTES:g}; a night is 480)")
    add("--engine", default=CROWD_FAKE.name, metavar="NAME", help="(default: %(default)s)")
    add("--quick", action="store_true", help=f"{QUICK_MINUTES:g} minutes; under 180 s")
    add("--json", type=Path, metavar="FILE", help="also write one JSON object")
    add("--check", action="store_true", help="exit with 1 if a bar is not kept")
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Measure, print the table, write what was asked for; the exit status."""
    machine = hardware()
    minutes = chosen.minutes or (QUICK_MINUTES if chosen.quick else MINUTES)
    try:
        diaries, samples = soaked(engines.spec_of(chosen.engine), minutes)
    except AppError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyError as error:
        print(f"There is no engine {error}.", file=sys.stderr)
        return 2
    row = row_from(chosen.engine, minutes, diaries, samples)
    command = shlex.join(["python", "-m", "klein_ui.bench", *sys.argv[1:]])
    kept = bars(row)
    report = SoakReport(machine, revision(), command, (row,), kept, tuple(samples))
    print(as_text(report))
    if chosen.json:
        chosen.json.write_text(as_json(report) + "\n", encoding="utf-8")
    return 1 if chosen.check and not all(bar.ok for bar in kept) else 0


def soaked(spec: EngineSpec, minutes: float) -> tuple[list[Diary], list[Sample]]:
    """What the visitors wrote down, and what the app looked like. Raises `AppError`."""
    with running("ours", spec) as server:
        opener = OurOpener(server.url, row_of(spec))
        return asyncio.run(_soak(opener, server, minutes * 60))


async def _soak(
    opener: OurOpener, server: RunningApp, seconds: float
) -> tuple[list[Diary], list[Sample]]:
    until_s = time.perf_counter() + seconds
    watching = asyncio.create_task(_watch(server, until_s))
    places = [_place(opener, until_s, random.Random(index)) for index in range(SESSIONS)]
    diaries = await asyncio.gather(*places)
    return [diary for place in diaries for diary in place], await watching


async def _place(opener: OurOpener, until_s: float, chance: random.Random) -> list[Diary]:
    """Somebody comes, types and goes; then the next one comes."""
    diaries = []
    while (left_s := until_s - time.perf_counter()) > 0:
        stay_s = min(chance.uniform(*STAY_S), left_s)
        diaries.append(await visit(opener, stay_s, PATIENCE_S, chance))
        if diaries[-1].errors:
            print(diaries[-1].errors[0], file=sys.stderr)
    return diaries


async def _watch(server: RunningApp, until_s: float) -> list[Sample]:
    process, began_s = psutil.Process(server.pid), time.perf_counter()
    samples = []
    while time.perf_counter() < until_s:
        # What the bench notes of each render must not be counted as the app's.
        await asyncio.to_thread(server.take)
        samples.append(_sample(process, time.perf_counter() - began_s))
        await asyncio.sleep(SAMPLE_S)
    return samples


def _sample(process: psutil.Process, at_s: float) -> Sample:
    with process.oneshot():
        rss_mb = process.memory_info().rss / 2**20
        return Sample(at_s, rss_mb, process.num_threads(), process.num_fds())


def row_from(
    engine: str, minutes: float, diaries: Sequence[Diary], samples: Sequence[Sample]
) -> SoakRow:
    """Sum up a soak of at least four samples."""
    last_half = samples[len(samples) // 2 :]
    third, last = last_half[: len(last_half) // 2], last_half[len(last_half) // 2 :]
    return SoakRow(
        engine,
        minutes,
        SESSIONS,
        visits=len(diaries),
        pictures=sum(len(diary.frames) for diary in diaries),
        errors=sum(len(diary.errors) for diary in diaries),
        rss_mb=samples[-1].rss_mb,
        slope_mb_per_min=slope([(each.at_s / 60, each.rss_mb) for each in last_half]),
        grown_threads=_middle([each.threads for each in last])
        - _middle([each.threads for each in third]),
        grown_files=_middle([each.files for each in last])
        - _middle([each.files for each in third]),
    )


def slope(points: Sequence[tuple[float, float]]) -> float:
    """The slope of the line of least squares through `points`, which differ in x."""
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread


def _middle(values: Sequence[int]) -> float:
    return float(sorted(values)[len(values) // 2])


def bars(row: SoakRow) -> tuple[Bar, ...]:
    """What has to stay as it was."""
    return (
        at_most("errors", float(row.errors), "errors", 0.0),
        at_most("memory, last half", row.slope_mb_per_min, "MB/min", SLOPE_MB_PER_MIN),
        at_most("threads, third to last quarter", row.grown_threads, "threads", GROWN_THREADS),
        at_most("open files, third to last quarter", row.grown_files, "files", GROWN_FILES),
    )


def as_text(report: SoakReport) -> str:
    """`report` as tables for a terminal."""
    above = heading(report.command, report.hardware, report.revision)
    head = "engine minutes sessions visits pictures errors RSS-MB MB/min threads files"
    lines = [
        (
            *(row.engine, number(row.minutes), str(row.sessions), str(row.visits)),
            *(str(row.pictures), str(row.errors), number(row.rss_mb)),
            *(f"{row.slope_mb_per_min:+.2f}", f"{row.grown_threads:+.0f}"),
            f"{row.grown_files:+.0f}",
        )
        for row in report.rows
    ]
    return "\n\n".join([above, table(head.split(), lines), bar_table(report.bars)])
