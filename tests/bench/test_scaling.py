"""The bench of replicas: its bars, its tables, and a short run where there is Ray."""

import argparse
import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import pytest

from klein_ui.bench import __main__ as bench
from klein_ui.bench import scaling
from klein_ui.bench.crowd import CrowdRow
from klein_ui.bench.engines import CROWD_FAKE
from klein_ui.bench.scaling import HopRow, ScaleRow
from klein_ui.bench.visitors import Diary

ONE = CrowdRow("fake-60", "1 replicas", 24, 30.0, 3600, 15.0, 1.0, 800.0, 1500.0, 0, 0, 1.1, 0)
HOP = HopRow("fake-60", 60, 60.1, 66.1, 6.0)


def rows(*useful: float) -> list[ScaleRow]:
    counts = (1, 2, 4)[: len(useful)]
    return [
        ScaleRow(count, replace(ONE, useful_per_s=each), 0.99)
        for count, each in zip(counts, useful, strict=True)
    ]


def test_replicas_have_to_scale_and_the_hop_to_be_short() -> None:
    assert all(bar.ok for bar in scaling.bars(rows(15.0, 28.0, 55.0), [HOP]))
    slow = scaling.bars(rows(15.0, 28.0, 53.0), [replace(HOP, hop_ms=10.5)])
    assert [bar.name.partition(",")[0] for bar in slow if not bar.ok] == [
        "fake-60: the way there and back",
        "fake-60: 4 replicas by 1",
    ]


def test_weights_need_not_scale_where_they_share_cores() -> None:
    shared = [replace(row, crowd=replace(row.crowd, engine="postcard")) for row in rows(5.0, 5.0)]
    assert not [bar for bar in scaling.bars(shared, []) if " by 1" in bar.name]


def test_what_comes_after_the_last_key_is_not_what_was_drawn_a_second() -> None:
    diary = Diary([float(key) for key in range(4)], [(0, 0.5), (2, 2.5), (3, 3.5)])
    told = scaling._told_of([diary], CROWD_FAKE, 1, 4.0)
    assert (told.useful_per_s, told.unanswered) == (0.5, 0)


def test_the_table_says_it_all() -> None:
    report = scaling.ScaleReport({}, "abc", "load", tuple(rows(15.0)), (HOP,), ())
    text = scaling.as_text(report)
    assert "99%" in text
    assert "66.1" in text


@pytest.mark.long
@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed")
@pytest.mark.timeout(300)
def test_a_crowd_before_real_replicas(tmp_path: Path) -> None:
    file = tmp_path / "found.json"
    argv = ["load", "--replicas", "1", "2", "--sessions", "4", "--seconds", "3", "--quick"]
    assert bench.main([*argv, "--json", str(file)]) == 0
    found = json.loads(file.read_text())
    assert [row["replicas"] for row in found["rows"]] == [1, 2]
    assert all(row["crowd"]["errors"] == row["crowd"]["stale"] == 0 for row in found["rows"])
    assert all(row["sticky"] > 0.5 for row in found["rows"])
    assert found["hops"][0]["there_ms"] > found["hops"][0]["here_ms"]


def test_the_flag_is_that_of_load(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[list[int], float]] = []

    def run(chosen: argparse.Namespace, seconds: float) -> int:
        asked.append((chosen.replicas, seconds))
        return 0

    monkeypatch.setattr(scaling, "run", run)
    assert bench.main(["load", "--replicas", "1", "4", "--quick"]) == 0
    assert asked == [([1, 4], 8.0)]
