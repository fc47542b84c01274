"""`python -m klein_ui.bench load --replicas`: the same crowd before more and more replicas."""

import argparse
import asyncio
import importlib.util
import json
import shlex
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from klein_ui.bench import crowd, engines
from klein_ui.bench.apps import AppError, running
from klein_ui.bench.bars import Bar, at_least, at_most
from klein_ui.bench.crowd import CrowdRow
from klein_ui.bench.engines import CROWD_FAKE, EngineSpec, load, row_of
from klein_ui.bench.hardware import hardware, revision
from klein_ui.bench.our_visitor import OurOpener
from klein_ui.bench.photos import Album
from klein_ui.bench.replicas import Cluster, cluster
from klein_ui.bench.report import as_json, bar_table, heading, number, table
from klein_ui.bench.samples import median
from klein_ui.bench.visitors import Diary, visits
from klein_ui.contract import Engine, Hooks, Lane, Stage
from klein_ui.loras import LoraShelf
from klein_ui.serve import remote
from klein_ui.validate import asked

SESSIONS: Final = 24
"""So many type more than four sleeping replicas can draw, so that each is always busy."""
POSTCARDS = (1, 2)
PAIRS, QUICK_PAIRS = 60, 30
LANES_S = 30.0

NO_RAY = "Replicas need Ray; install it with: pip install -r requirements-cluster.txt"

HOP_MS = 10.0
FAIRNESS = 1.2
SCALES = 0.9
"""Part of as many times the pictures as there are replicas."""


@dataclass(frozen=True, slots=True)
class ScaleRow:
    """What a crowd got of `replicas` replicas; `sticky` is the part of the pictures that were made
    where the session's last one was made."""

    replicas: int
    crowd: CrowdRow
    sticky: float | None


@dataclass(frozen=True, slots=True)
class HopRow:
    """One picture alone, in this process and by a replica, by turns: medians in milliseconds, and
    by how much they differ, which is what the way there and back takes."""

    engine: str
    pairs: int
    here_ms: float
    there_ms: float
    hop_ms: float


@dataclass(frozen=True, slots=True)
class ScaleReport:
    """Everything one run found out, in the form that all benches share."""

    hardware: Mapping[str, object]
    revision: str
    command: str
    rows: tuple[ScaleRow, ...]
    hops: tuple[HopRow, ...]
    bars: tuple[Bar, ...]
    notes: tuple[str, ...] = ()


def run(chosen: argparse.Namespace, seconds: float) -> int:
    """Measure, print the tables, write what was asked for; the exit status."""
    if importlib.util.find_spec("ray") is None:
        print(NO_RAY, file=sys.stderr)
        return 2
    names = chosen.engines or ([CROWD_FAKE.name] if chosen.quick else [CROWD_FAKE.name, "postcard"])
    rows: list[ScaleRow] = []
    hops: list[HopRow] = []
    try:
        for spec in map(engines.spec_of, names):
            counts = [count for count in chosen.replicas if spec.fake or count in POSTCARDS]
            sessions = (chosen.sessions or [SESSIONS])[0]
            for count in counts:
                # A new one each time: to be given another number, all replicas begin anew.
                print(f"{spec.name}: {count} replicas, {sessions} …", file=sys.stderr, flush=True)
                with cluster(spec, count) as made:
                    if spec.fake and count == counts[0]:
                        hops.append(hop(spec, made, QUICK_PAIRS if chosen.quick else PAIRS))
                    rows.append(measured(spec, made, count, sessions, seconds))
    except AppError as error:
        print(error, file=sys.stderr)
        return 2
    command = shlex.join(["python", "-m", "klein_ui.bench", *sys.argv[1:]])
    kept = bars(rows, hops)
    report = ScaleReport(hardware(), revision(), command, tuple(rows), tuple(hops), kept)
    print(as_text(report))
    if chosen.json:
        Path(chosen.json).write_text(as_json(report) + "\n", encoding="utf-8")
    return 1 if chosen.check and not all(bar.ok for bar in kept) else 0


def measured(
    spec: EngineSpec, made: Cluster, count: int, sessions: int, seconds: float
) -> ScaleRow:
    """What a crowd got of an app that draws with the `count` replicas there. Raises `AppError`."""
    with running("cluster", spec, made.engine) as server:
        _await_lanes(server.url, count)
        opener = OurOpener(server.url, row_of(spec))
        before = _counts(server.url)
        diaries: list[Diary] = asyncio.run(visits(opener, sessions, seconds, seed=count))
        after = _counts(server.url)
    renders = after["renders"] - before["renders"]
    moves = after["moves"] - before["moves"]
    told = _told_of(diaries, spec, count, seconds)
    return ScaleRow(count, told, 1 - moves / renders if renders else None)


def _told_of(diaries: Sequence[Diary], spec: EngineSpec, count: int, seconds: float) -> CrowdRow:
    """What the crowd saw. The pictures after its last key come one a visitor, however many
    replicas there are, so they are none of those a second."""
    typing = [
        replace(diary, frames=[(key, at) for key, at in diary.frames if at <= diary.keys[-1]])
        for diary in diaries
        if diary.keys
    ]
    app = f"{count} replicas"
    useful_per_s = crowd.row(spec.name, app, seconds, typing).useful_per_s
    return replace(crowd.row(spec.name, app, seconds, diaries), useful_per_s=useful_per_s)


def hop(spec: EngineSpec, made: Cluster, pairs: int) -> HopRow:
    """The same picture by the engine of `spec` in this process, and by a replica of it."""
    row = row_of(spec)
    here: Engine = load(spec)
    source = remote.source(made.engine, row, Album(), LoraShelf(Path("none")))
    there = source.load(lambda progress: None)
    request = replace(asked({"prompt": "a red sun"}, row).request, steps=row.steps)
    here.warm_up(request)

    def timed(lane: Lane) -> float:
        began = time.perf_counter()
        lane.render(request, Stage.FINAL, Hooks())
        return (time.perf_counter() - began) * 1000

    timed(there)
    taken = [(timed(here), timed(there)) for _ in range(pairs)]
    there.close()
    here_ms, there_ms = (median(list(times)) or 0.0 for times in zip(*taken, strict=True))
    return HopRow(spec.name, pairs, here_ms, there_ms, there_ms - here_ms)


def bars(rows: Sequence[ScaleRow], hops: Sequence[HopRow]) -> tuple[Bar, ...]:
    """What has to be kept."""
    found = [
        at_most(f"{one.engine}: the way there and back", one.hop_ms, "ms", HOP_MS) for one in hops
    ]
    for row in rows:
        told, where = row.crowd, f"{row.crowd.engine}, {row.replicas} replicas"
        found += [
            at_most(f"{where}: errors", float(told.errors), "errors", 0.0),
            at_most(f"{where}: older pictures shown", float(told.stale), "pictures", 0.0),
            at_most(f"{where}: keys never answered", float(told.unanswered), "keys", 0.0),
            at_most(f"{where}: fairness, mean by slowest", told.fairness, "x", FAIRNESS),
        ]
    return (*found, *_scales(rows))


def _scales(rows: Sequence[ScaleRow]) -> list[Bar]:
    """Of sleeping replicas: how many times the pictures of the fewest."""
    found = []
    sleeping = [row for row in rows if engines.spec_of(row.crowd.engine).fake]
    for row in sleeping[1:]:
        first = sleeping[0]
        if first.crowd.useful_per_s and row.replicas > first.replicas:
            times = row.crowd.useful_per_s / first.crowd.useful_per_s
            ratio = row.replicas / first.replicas
            name = f"{row.crowd.engine}: {row.replicas} replicas by {first.replicas}"
            found.append(at_least(name, times, "x", SCALES * ratio))
    return found


def as_text(report: ScaleReport) -> str:
    """`report` as tables for a terminal."""
    above = heading(report.command, report.hardware, report.revision)
    hops = [
        (one.engine, str(one.pairs), *map(number, (one.here_ms, one.there_ms, one.hop_ms)))
        for one in report.hops
    ]
    head = "engine replicas sessions useful/s key p95 unanswered stale fairness sticky errors"
    body = (
        f"The same crowd, five keys a second each (ms)\n{table(head.split(), _lines(report.rows))}"
    )
    ways = f"One picture alone (ms)\n{table(('engine', 'pairs', 'here', 'there', 'hop'), hops)}"
    return "\n\n".join([above, *([ways] if hops else []), body, bar_table(report.bars)])


def _lines(rows: Sequence[ScaleRow]) -> list[tuple[str, ...]]:
    return [
        (
            *(row.crowd.engine, str(row.replicas), str(row.crowd.sessions)),
            f"{row.crowd.useful_per_s:.1f}",
            *map(number, (row.crowd.key_median_ms, row.crowd.key_p95_ms)),
            *(str(row.crowd.unanswered), str(row.crowd.stale)),
            "–" if row.crowd.fairness is None else f"{row.crowd.fairness:.2f}",
            "–" if row.sticky is None else f"{row.sticky:.0%}",
            str(row.crowd.errors),
        )
        for row in rows
    ]


def _await_lanes(url: str, count: int) -> None:
    """Return once the app has a lane to each replica. Raises `AppError`."""
    until = time.monotonic() + LANES_S
    while _told(url)["places"] != count:
        if time.monotonic() > until:
            raise AppError(f"The app never had {count} lanes.")
        time.sleep(0.1)


def _counts(url: str) -> dict[str, int]:
    counts = _told(url)["counts"]
    if not isinstance(counts, dict):
        raise AppError("The app tells no counts.")
    return counts


def _told(url: str) -> dict[str, object]:
    address = f"{url.rstrip('/')}/gradio_api/live/diagnostics"
    with urllib.request.urlopen(address, timeout=10.0) as answer:  # noqa: S310
        found: dict[str, object] = json.load(answer)
    return found
