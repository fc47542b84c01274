"""The rows as one SVG, drawn by hand so that no plotting library is needed.

It follows the reader's light or dark theme.
"""

from collections.abc import Sequence
from html import escape
from typing import TypeVar

from klein_ui.bench.bursts import BurstRow
from klein_ui.bench.isolated import IsolatedRow

R = TypeVar("R", IsolatedRow, BurstRow)

TITLES = {"ours": "Klein Live", "plain": "plain Gradio", "tuned": "plain Gradio, tuned"}
WIDTH_PX = 760
LEFT_PX = 170
PLOT_PX = 470
BAR_PX = 16
GROUP_GAP_PX = 14
PANEL_GAP_PX = 46
STYLE = """
svg { font: 13px system-ui, sans-serif; }
text { fill: #24292f; } .faint { fill: #656d76; } .h { font-size: 15px; font-weight: 600; }
.grid { stroke: #d0d7de; } .whisker { stroke: #24292f; stroke-width: 1.5; }
.ours { fill: #0f766e; } .plain { fill: #b45309; } .tuned { fill: #d9a066; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; } .faint { fill: #8d96a0; } .grid { stroke: #30363d; }
  .whisker { stroke: #e6edf3; }
  .ours { fill: #2dd4bf; } .plain { fill: #f59e0b; } .tuned { fill: #92683a; }
}
"""


def svg(rows: Sequence[IsolatedRow | BurstRow], caption: Sequence[str]) -> str:
    """Two panels: overhead of single keys, and pictures shown while a prompt is typed."""
    isolated = [row for row in rows if isinstance(row, IsolatedRow)]
    bursts = [row for row in rows if isinstance(row, BurstRow)]
    parts = [_text(0, 18, "From key to picture, beyond the render", "h")]
    parts.append(_text(0, 38, "Milliseconds; bar: median, line: 95 % of keys. Shorter is better."))
    top = 52.0
    drawn, top = _overheads(isolated, top)
    parts += drawn
    top += PANEL_GAP_PX
    parts.append(_text(0, top, "Pictures shown while a prompt is typed", "h"))
    parts.append(_text(0, top + 20, "Of one picture a letter, median of runs. Longer is better."))
    drawn, top = _shown(bursts, top + 34)
    parts += drawn
    for line in caption:
        top += 20
        parts.append(_text(0, top + 6, line, "faint"))
    height = top + 18
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-12 0 {WIDTH_PX} {height:.0f}" '
        f'width="{WIDTH_PX}" height="{height:.0f}" role="img" '
        f'aria-label="Overhead and pictures shown, by app and engine">\n'
        f"<style>{STYLE}</style>\n" + "\n".join(parts) + "\n</svg>\n"
    )


def _overheads(rows: Sequence[IsolatedRow], top: float) -> tuple[list[str], float]:
    measured = [row for row in rows if row.overhead_median_ms is not None]
    most = max((row.overhead_p95_ms or 0.0 for row in measured), default=1.0) or 1.0
    parts: list[str] = []
    for row, y in _places(measured, top):
        median_ms, p95_ms = row.overhead_median_ms or 0.0, row.overhead_p95_ms or 0.0
        end = LEFT_PX + PLOT_PX * p95_ms / most
        parts += _bar(row, y, PLOT_PX * median_ms / most, f"{median_ms:.0f} ms", end)
        middle = y + BAR_PX / 2
        start = LEFT_PX + PLOT_PX * median_ms / most
        parts.append(_line(start, middle, end, middle, "whisker"))
    return parts, _bottom(measured, top)


def _shown(rows: Sequence[BurstRow], top: float) -> tuple[list[str], float]:
    parts: list[str] = []
    for row, y in _places(rows, top):
        shown = row.shown_median or 0.0
        label = f"{shown:.0f} of {row.keys}"
        if row.lost_runs:
            label += f", last one lost in {row.lost_runs} of {row.runs} runs"
        length = 0.5 * PLOT_PX * shown / row.keys
        parts += _bar(row, y, length, label, LEFT_PX + length)
    return parts, _bottom(rows, top)


def _places(rows: Sequence[R], top: float) -> list[tuple[R, float]]:
    """Each row with its upper edge; engines stand apart."""
    places: list[tuple[R, float]] = []
    y, engine = top, rows[0].engine if rows else ""
    for row in rows:
        if row.engine != engine:
            y, engine = y + GROUP_GAP_PX, row.engine
        places.append((row, y))
        y += BAR_PX + 2
    return places


def _bottom(rows: Sequence[IsolatedRow | BurstRow], top: float) -> float:
    gaps = max(0, len({row.engine for row in rows}) - 1)
    return top + len(rows) * (BAR_PX + 2) + gaps * GROUP_GAP_PX


def _bar(
    row: IsolatedRow | BurstRow, y: float, length: float, label: str, label_after: float
) -> list[str]:
    base = y + BAR_PX - 4
    return [
        _text(0, base, row.engine, "faint") if row.app == "ours" else "",
        _text(LEFT_PX - 8, base, TITLES.get(row.app, row.app), end=True),
        f'<rect class="{escape(row.app)}" x="{LEFT_PX}" y="{y:.1f}" width="{length:.1f}" '
        f'height="{BAR_PX}" rx="2"/>',
        _text(label_after + 8, base, label),
    ]


def _text(x: float, y: float, text: str, kind: str = "", *, end: bool = False) -> str:
    anchor = ' text-anchor="end"' if end else ""
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}"{anchor}>{escape(text)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'
