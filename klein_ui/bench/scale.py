"""`python -m klein_ui.bench scale`: what so many cards are for so many who type, simulated."""

import argparse
import random
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Final

from klein_ui import models, validate
from klein_ui.bench import crowd, fleet
from klein_ui.bench.bars import Bar
from klein_ui.bench.fleet import Card, Habit, Seen
from klein_ui.bench.hardware import hardware, revision
from klein_ui.bench.report import as_json, heading, number, table
from klein_ui.contract import Asked

NAME: Final = "scale"
SECONDS, QUICK_SECONDS = 60.0, 20.0
ROWS = ((4, 125), (16, 500), (64, 500), (64, 1000), (64, 2000))
"""Cards, and who types at them."""
QUICK_PIXELS, SLOW_PIXELS = 512**2, 1024**2
PLACES = ("even", "dice")


@dataclass(frozen=True, slots=True)
class ScaleRow:
    """`users` at `cards`, seated by `place`; see `CrowdRow` for what was seen.

    `busy` is the part of the time in which the cards worked, `servers` how many app processes so
    many pictures need.
    """

    place: str
    cards: int
    users: int
    pictures_per_s: float
    useful_per_user_s: float
    key_median_ms: float | None
    key_p95_ms: float | None
    busy: float
    servers: int


@dataclass(frozen=True, slots=True)
class ScaleReport:
    """Everything one run found out, in the form that all benches share."""

    hardware: Mapping[str, object]
    revision: str
    command: str
    rows: tuple[ScaleRow, ...]
    bars: tuple[Bar, ...] = ()


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the subcommand and its flags."""
    about = "a cluster of cards and those who type at it, simulated from measured times"
    parser = commands.add_parser(NAME, help=about, description=about)
    add = parser.add_argument
    add("--quick-ms", type=float, default=190.0, help="of a render of 512 x 512 (default: 190)")
    add("--slow-ms", type=float, default=570.0, help="of a render of 1024 x 1024 (default: 570)")
    add("--hop-ms", type=float, default=10.0, help="to the replica and back (default: 10)")
    add("--side", type=int, default=1024, help="of the settled picture (default: 1024)")
    add("--draft", type=int, default=512, help="the longer side of drafts (default: 512)")
    add("--burst-s", type=float, default=6.0, help="of typing at a time (default: 6)")
    add("--pause-s", type=float, default=9.0, help="of looking after it (default: 9)")
    add(
        "--server-per-s",
        type=float,
        default=60.0,
        help="pictures an app process sends (default: 60)",
    )
    add("--seconds", type=float, help=f"of invented time (default: {SECONDS:g})")
    add("--quick", action="store_true", help=f"{QUICK_SECONDS:g} s of the smallest; under 180 s")
    add("--json", type=Path, metavar="FILE", help="also write one JSON object")
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Simulate, print the table, write what was asked for; the exit status."""
    seconds = chosen.seconds or (QUICK_SECONDS if chosen.quick else SECONDS)
    quick, slow = (QUICK_PIXELS, chosen.quick_ms / 1000), (SLOW_PIXELS, chosen.slow_ms / 1000)
    machine = fleet.through(quick, slow, chosen.hop_ms / 1000)
    fields = {"width": chosen.side, "height": chosen.side, "draft": chosen.draft}
    asked = validate.asked(fields, models.KLEIN_4B)
    habit = Habit(chosen.burst_s, chosen.pause_s)
    rows = [
        row(place, cards, users, seconds, machine, asked, habit, chosen.server_per_s)
        for cards, users in (ROWS[:1] if chosen.quick else ROWS)
        for place in PLACES
    ]
    command = shlex.join(["python", "-m", "klein_ui.bench", *sys.argv[1:]])
    report = ScaleReport(hardware(), revision(), command, tuple(rows))
    print(as_text(report))
    if chosen.json:
        chosen.json.write_text(as_json(report) + "\n", encoding="utf-8")
    return 0


def row(
    place: str,
    cards: int,
    users: int,
    seconds: float,
    machine: Card,
    asked: Asked,
    habit: Habit,
    server_per_s: float,
) -> ScaleRow:
    """Simulate `users` at `cards`, each of whom stays with the one that `place` gives them."""
    chance = random.Random(f"{place} {cards} {users}")
    dice = chance if place == "dice" else None
    seen = [
        fleet.card(machine, asked, count, seconds, habit, random.Random(f"{place} {index}"))
        for index, count in enumerate(fleet.seats(users, cards, dice))
    ]
    return _summed(place, users, seconds, seen, server_per_s)


def _summed(
    place: str, users: int, seconds: float, seen: Sequence[Seen], server_per_s: float
) -> ScaleRow:
    diaries = [diary for at in seen for diary in at.diaries if diary.keys]
    pictures = sum(len(diary.frames) for diary in diaries) / seconds
    found = crowd.row("", "", seconds, diaries)
    return ScaleRow(
        place,
        len(seen),
        users,
        pictures,
        found.useful_per_s / users,
        found.key_median_ms,
        found.key_p95_ms,
        sum(at.busy for at in seen) / len(seen),
        ceil(pictures / server_per_s),
    )


def as_text(report: ScaleReport) -> str:
    """`report` as a table for a terminal."""
    head = "seats cards users pictures/s useful/s/user key p95 busy servers"
    lines = [
        (
            *(each.place, str(each.cards), str(each.users)),
            *(f"{each.pictures_per_s:.0f}", f"{each.useful_per_user_s:.2f}"),
            *map(number, (each.key_median_ms, each.key_p95_ms)),
            *(f"{each.busy:.0%}", str(each.servers)),
        )
        for each in report.rows
    ]
    above = heading(report.command, report.hardware, report.revision)
    return f"{above}\n\nSimulated (ms)\n{table(head.split(), lines)}"
