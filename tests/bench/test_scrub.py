"""The bench of scrubbing: what it counts as shown, and what it prints."""

import json
from dataclasses import replace
from typing import Any

import pytest

from klein_ui.bench import __main__ as bench
from klein_ui.bench import scrub, scrubbed
from klein_ui.bench.records import Moment
from klein_ui.bench.report import as_json
from klein_ui.bench.scrub import ScrubReport, ScrubRow

ROW = ScrubRow("typed", "keys", 598, 3, 0, 12.0, 20.5, 41.0, 0, 30.0, 1.5)


def test_a_moment_is_shown_by_its_own_picture_and_none_from_before() -> None:
    went = [Moment(1, 100.0), Moment(2, 140.0), Moment(1, 180.0), Moment(3, 300.0)]
    pictures = [Moment(2, 90.0), Moment(1, 110.0), Moment(2, 170.0), Moment(1, 185.0)]
    row = scrubbed.summed(("a", "b"), went, pictures, renders=2, heap_mb=1.0, growth_mb=0.5)
    assert (row.moments, row.overtaken, row.missing, row.renders) == (4, 0, 1, 2)
    assert (row.median_ms, row.worst_ms) == (10.0, 30.0)


def test_what_gave_way_at_once_is_no_wait_and_not_missing() -> None:
    went = [Moment(1, 100.0), Moment(2, 120.0), Moment(1, 500.0), Moment(2, 900.0)]
    pictures = [Moment(2, 130.0), Moment(1, 510.0)]
    row = scrubbed.summed(("a", "b"), went, pictures, renders=0, heap_mb=1.0, growth_mb=0.0)
    assert (row.overtaken, row.missing, row.worst_ms) == (1, 1, 10.0)


def test_nothing_gone_to_keeps_no_bar() -> None:
    row = scrubbed.summed(("a", "b"), [], [], renders=0, heap_mb=1.0, growth_mb=0.0)
    assert not all(bar.ok for bar in scrub.bars([row]))


@pytest.mark.parametrize(
    "bad", [{"p95_ms": 50.1}, {"missing": 1}, {"renders": 1}, {"heap_mb": 161.0}, {"p95_ms": None}]
)
def test_each_promise_has_a_bar(bad: dict[str, Any]) -> None:
    assert all(bar.ok for bar in scrub.bars([ROW]))
    assert sum(not bar.ok for bar in scrub.bars([replace(ROW, **bad)])) == 1


def test_the_report_is_a_table_and_an_object() -> None:
    report = ScrubReport({"cpu": "one"}, "abc", "bench scrub", (ROW,), scrub.bars([ROW]))
    text = scrub.as_text(report)
    assert "20.5" in text
    assert "typed, keys: p95" in text
    assert json.loads(as_json(report))["rows"][0]["p95_ms"] == 20.5


def test_it_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        bench.main(["--help"])
    assert "scrub" in capsys.readouterr().out
