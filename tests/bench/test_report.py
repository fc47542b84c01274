"""Bars, tables, the JSON object and the plot, from the same rows."""

import json
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from klein_ui.bench import plot
from klein_ui.bench.bars import bars
from klein_ui.bench.bursts import BurstRow
from klein_ui.bench.isolated import IsolatedRow
from klein_ui.bench.report import Report, as_json, as_text

OURS = IsolatedRow(
    engine="fake-40",
    app="ours",
    scenario="isolated",
    keys=16,
    missing=0,
    overhead_median_ms=20.0,
    overhead_p95_ms=40.0,
    overhead_least_ms=10.0,
    total_median_ms=60.0,
    render_median_ms=40.0,
    up_median_ms=1.0,
    wait_median_ms=0.1,
    down_median_ms=7.0,
    show_median_ms=12.0,
)
PLAIN = replace(
    OURS, app="plain", overhead_median_ms=170.0, down_median_ms=None, show_median_ms=None
)
BURST = BurstRow(
    engine="fake-40",
    app="ours",
    scenario="burst",
    runs=5,
    keys=30,
    lost_runs=0,
    stale_pictures=0,
    shown_median=30.0,
    shown_least=29,
    first_median_ms=62.0,
    final_median_ms=60.0,
    gap_worst_ms=140.0,
    renders=150,
    stopped_renders=0,
    wasted_steps_part=0.02,
    late_steps_worst=0,
)
PLAIN_BURST = replace(BURST, app="plain", lost_runs=4, final_median_ms=None, shown_median=12.0)
ROWS = (OURS, PLAIN, BURST, PLAIN_BURST)


def failed(*rows: IsolatedRow | BurstRow) -> list[str]:
    return [bar.name for bar in bars(rows) if not bar.ok]


def report(*rows: IsolatedRow | BurstRow) -> Report:
    return Report({"cpu": "a & b", "cores": 2}, "0" * 12, "bench", rows, bars(rows), ("a note",))


def test_good_rows_keep_all_bars() -> None:
    assert len(bars(ROWS)) == 7
    assert failed(*ROWS) == []


def test_no_app_but_ours_has_bars() -> None:
    assert bars((PLAIN, PLAIN_BURST)) == ()


@pytest.mark.parametrize(
    ("worse", "name"),
    [
        (replace(OURS, overhead_median_ms=25.1), "median overhead"),
        (replace(OURS, overhead_median_ms=None), "median overhead"),
        (replace(OURS, overhead_p95_ms=45.1), "p95 overhead"),
        (replace(OURS, missing=1), "without a picture"),
        (replace(BURST, lost_runs=1), "lost the last picture"),
        (replace(BURST, stale_pictures=1), "older pictures"),
        (replace(BURST, late_steps_worst=2), "steps after superseded"),
    ],
)
def test_each_bar_can_fail(worse: IsolatedRow | BurstRow, name: str) -> None:
    (only,) = failed(worse)
    assert name in only


def test_plain_must_be_four_times_slower() -> None:
    (only,) = failed(OURS, replace(PLAIN, overhead_median_ms=79.0))
    assert "times below plain" in only


@pytest.mark.parametrize("engine", ["fake-0", "fake-400", "postcard"])
def test_the_overhead_bar_is_for_two_engines(engine: str) -> None:
    assert bars((replace(OURS, engine=engine, overhead_median_ms=999.0),)) == ()


def test_a_real_model_has_no_bar() -> None:
    assert bars((replace(BURST, engine="postcard", lost_runs=3),)) == ()


def test_json_has_the_agreed_names() -> None:
    read = json.loads(as_json(report(*ROWS)))
    assert set(read) >= {"hardware", "revision", "command", "rows", "bars"}
    assert all(set(bar) == {"name", "value", "unit", "bar", "ok"} for bar in read["bars"])
    assert [(row["engine"], row["app"], row["scenario"]) for row in read["rows"]] == [
        ("fake-40", "ours", "isolated"),
        ("fake-40", "plain", "isolated"),
        ("fake-40", "ours", "burst"),
        ("fake-40", "plain", "burst"),
    ]
    assert read["rows"][1]["show_median_ms"] is None


def test_the_text_has_every_row_and_note() -> None:
    lines = as_text(report(*ROWS)).splitlines()
    assert sum(line.startswith("fake-40") for line in lines) == 4
    assert lines[-1] == "a note"
    assert all(line == line.rstrip() for line in lines)


def test_the_text_names_what_failed() -> None:
    assert "FAILED" in as_text(report(replace(OURS, overhead_median_ms=99.0)))
    assert "FAILED" not in as_text(report(*ROWS))


def test_a_report_of_nothing_is_still_one() -> None:
    assert json.loads(as_json(report()))["rows"] == []
    assert "a note" in as_text(report())


def test_the_plot_is_well_formed_and_complete() -> None:
    root = ElementTree.fromstring(plot.svg(ROWS, ["Some CPU <2 cores> & more"]))  # noqa: S314
    space = "{http://www.w3.org/2000/svg}"
    texts = [element.text for element in root.iter(f"{space}text")]
    assert len(list(root.iter(f"{space}rect"))) == len(ROWS)
    assert "20 ms" in texts
    assert "12 of 30, last one lost in 4 of 5 runs" in texts
    assert "Some CPU <2 cores> & more" in texts
    assert "prefers-color-scheme: dark" in "".join(root.itertext())


def test_the_plot_of_nothing_is_well_formed() -> None:
    ElementTree.fromstring(plot.svg((), ()))  # noqa: S314
