"""The table that people read and the one JSON object that programs read."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from klein_ui.bench.bars import Bar
from klein_ui.bench.bursts import BurstRow
from klein_ui.bench.isolated import IsolatedRow

Row = IsolatedRow | BurstRow
Cells = Sequence[str]


@dataclass(frozen=True, slots=True)
class Report:
    """Everything one run of a bench found out."""

    hardware: Mapping[str, object]
    revision: str
    command: str
    rows: tuple[Row, ...]
    bars: tuple[Bar, ...]
    notes: tuple[str, ...] = ()


def as_json(report: Any) -> str:
    """A report, which is a dataclass, as one JSON object: hardware, revision, command, rows, ..."""
    return json.dumps(asdict(report), indent=2, ensure_ascii=False)


def as_text(report: Report) -> str:
    """`report` as tables for a terminal."""
    isolated = [row for row in report.rows if isinstance(row, IsolatedRow)]
    bursts = [row for row in report.rows if isinstance(row, BurstRow)]
    parts = [heading(report.command, report.hardware, report.revision)]
    if isolated:
        parts.append("Single keys, idle engine (ms; medians unless said)\n" + _isolated(isolated))
    if bursts:
        parts.append("Prompts typed at speed (ms; medians unless said)\n" + _bursts(bursts))
    if report.bars:
        parts.append(bar_table(report.bars))
    return "\n\n".join([*parts, *report.notes])


def heading(command: str, hardware: Mapping[str, object], revision: str) -> str:
    """What was run, on which machine, with which code."""
    about = ", ".join(f"{name} {value}" for name, value in hardware.items() if value)
    return f"{command}\n{about}\nrevision {revision}"


def table(head: Cells, lines: Sequence[Cells]) -> str:
    """Columns as wide as need be; the first two to the left, numbers to the right."""
    widths = [max(len(line[index]) for line in (head, *lines)) for index in range(len(head))]

    def laid(line: Cells) -> str:
        cells = zip(line, widths, strict=True)
        return "  ".join(
            cell.ljust(width) if index < 2 else cell.rjust(width)
            for index, (cell, width) in enumerate(cells)
        ).rstrip()

    rule = "  ".join("-" * width for width in widths)
    return "\n".join([laid(head), rule, *map(laid, lines)])


def _isolated(rows: Sequence[IsolatedRow]) -> str:
    head = "engine app keys missing overhead p95 least total render up wait down show"
    lines = [
        (
            *(row.engine, row.app, str(row.keys), str(row.missing)),
            *map(number, (row.overhead_median_ms, row.overhead_p95_ms, row.overhead_least_ms)),
            *map(number, (row.total_median_ms, row.render_median_ms)),
            *map(number, (row.up_median_ms, row.wait_median_ms)),
            *map(number, (row.down_median_ms, row.show_median_ms)),
        )
        for row in rows
    ]
    return table(head.split(), lines)


def _bursts(rows: Sequence[BurstRow]) -> str:
    head = (
        "engine app runs lost stale shown least first final worst-gap renders stopped wasted late"
    )
    lines = [
        (
            *(row.engine, row.app, str(row.runs), str(row.lost_runs), str(row.stale_pictures)),
            *(f"{number(row.shown_median)}/{row.keys}", str(row.shown_least)),
            *map(number, (row.first_median_ms, row.final_median_ms, row.gap_worst_ms)),
            *(str(row.renders), str(row.stopped_renders)),
            *(f"{row.wasted_steps_part:.0%}", str(row.late_steps_worst)),
        )
        for row in rows
    ]
    return table(head.split(), lines)


def bar_table(bars: Sequence[Bar]) -> str:
    """Each bar, what was measured, and whether it was kept."""
    lines = [
        (
            "ok" if bar.ok else "FAILED",
            bar.name,
            f"{number(bar.value)} {bar.unit}",
            f"{bar.bar:g} {bar.unit}",
        )
        for bar in bars
    ]
    return "Bars\n" + table(("", "bar", "measured", "bar"), lines)


def number(value: float | None) -> str:
    """One decimal where it tells something; a dash where there is nothing."""
    if value is None:
        return "–"
    return f"{value:.0f}" if value >= 100 or value == int(value) else f"{value:.1f}"
