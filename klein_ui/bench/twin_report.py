"""What a twin's run found out: its rows, its bars, its tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from klein_ui.bench.bars import Bar, at_least, at_most
from klein_ui.bench.report import bar_table, heading, number, table

BARRED_GPU: Final = "H200"
BARRED_TWIN: Final = "klein-4b"
"""The bars are set for this model on this card; elsewhere the table stands without them."""


@dataclass(frozen=True, slots=True)
class TwinRow:
    """New prompts at one size with some references of 512 px, ours and the stock call by turns.

    Times are medians in milliseconds, `p95_ms` that of ours. `times` is the median ratio of a pair.
    Launches and waits for the device are those of one render; None without a GPU.
    `roofline_ms` is the arithmetic of our render at the card's own measured matmul speed, and
    `share` how much of our time that is. `same` tells whether all pictures were equal, `levels`
    by how much they differ at most, of 255.
    """

    side_px: int
    references: int
    ours_ms: float
    p95_ms: float
    encode_ms: float
    images_ms: float
    steps_ms: float
    decode_ms: float
    stock_ms: float
    times: float
    launches: int | None
    stock_launches: int | None
    waits: int | None
    stock_waits: int | None
    roofline_ms: float
    share: float
    same: bool
    levels: int


@dataclass(frozen=True, slots=True)
class Ceilings:
    """What the device does at best here: bf16 or float32 matmul, and copies within its memory."""

    matmul_tflops: float
    copy_tb_s: float


@dataclass(frozen=True, slots=True)
class Whole:
    """What is no matter of one size.

    `peak_gb` and `stock_peak_gb` are the most memory at 1024 px, weights included; None without a
    GPU. `stop_steps_p95` is how many steps a superseded render still took, `stop_decodes` how
    many of them were decoded.
    """

    load_s: float
    repeated_ms: float
    peak_gb: float | None
    stock_peak_gb: float | None
    stop_steps_p95: float
    stop_decodes: int


@dataclass(frozen=True, slots=True)
class TwinReport:
    """Everything one run found out, in the form that all benches share."""

    hardware: Mapping[str, object]
    revision: str
    command: str
    twin: str
    ceilings: Ceilings
    whole: Whole
    rows: tuple[TwinRow, ...]
    bars: tuple[Bar, ...]


def bars(gpu: str, twin: str, whole: Whole, rows: Sequence[TwinRow]) -> tuple[Bar, ...]:
    """The bars of klein 4B on an H200; none on other hardware."""
    if BARRED_GPU not in gpu or twin != BARRED_TWIN:
        return ()
    by_place = {(row.side_px, row.references): row for row in rows}
    found = [
        at_most("a repeated prompt", whole.repeated_ms, "ms", 5.0),
        at_most("superseded, p95 of further steps", whole.stop_steps_p95, "steps", 1.0),
        at_most("superseded, decoded all the same", float(whole.stop_decodes), "renders", 0.0),
    ]
    if whole.peak_gb is not None and whole.stock_peak_gb is not None:
        saved_gb = whole.stock_peak_gb - whole.peak_gb
        found.append(at_least("peak memory below stock", saved_gb, "GB", 1.7))
    if small := by_place.get((512, 0)):
        found.append(at_least("512 px: times faster", small.times, "x", 2.0))
        found.append(at_most("512 px: of the roofline", 1 / small.share, "x", 1.35))
    if large := by_place.get((1024, 0)):
        found.append(at_most("1024 px: of the roofline", 1 / large.share, "x", 1.3))
    if edit := by_place.get((512, 4)):
        found.append(at_least("512 px, 4 references: times faster", edit.times, "x", 1.4))
    return tuple(found)


def as_text(report: TwinReport) -> str:
    """`report` as tables for a terminal."""
    whole, ceilings = report.whole, report.ceilings
    head = (
        "side refs ours p95 encode images steps decode stock times launches stock waits stock "
        "roofline share same levels"
    )
    about = (
        f"{report.twin} with random weights: loaded in {whole.load_s:.1f} s; matmul "
        f"{ceilings.matmul_tflops:.1f} TF/s, copy {ceilings.copy_tb_s:.2f} TB/s; a repeated prompt "
        f"{whole.repeated_ms:.2f} ms; peak {_gb(whole.peak_gb)}, stock {_gb(whole.stock_peak_gb)}"
    )
    return "\n\n".join(
        [
            heading(report.command, report.hardware, report.revision),
            about,
            "New prompts (ms; medians unless said)\n" + table(head.split(), _lines(report.rows)),
            *([bar_table(report.bars)] if report.bars else []),
        ]
    )


def _lines(rows: Sequence[TwinRow]) -> list[tuple[str, ...]]:
    return [
        (
            *(str(row.side_px), str(row.references)),
            *map(number, (row.ours_ms, row.p95_ms)),
            *map(number, (row.encode_ms, row.images_ms, row.steps_ms, row.decode_ms)),
            *(number(row.stock_ms), f"{row.times:.2f}"),
            *map(_count, (row.launches, row.stock_launches, row.waits, row.stock_waits)),
            *(number(row.roofline_ms), f"{row.share:.0%}"),
            *("yes" if row.same else "no", str(row.levels)),
        )
        for row in rows
    ]


def _count(value: int | None) -> str:
    return "–" if value is None else str(value)


def _gb(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f} GB"
