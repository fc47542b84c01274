"""The bench that lasts: what it makes of its samples, and one short run of the real app."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klein_ui.bench import __main__ as bench
from klein_ui.bench import soak
from klein_ui.bench.engines import CROWD_FAKE, EngineSpec
from klein_ui.bench.soak import Sample
from klein_ui.bench.visitors import Diary


def samples(grows_mb: float = 0.0, threads: int = 20) -> list[Sample]:
    return [Sample(60.0 * minute, 300 + grows_mb * minute, threads, 40) for minute in range(8)]


@given(st.floats(-50, 50), st.floats(-1000, 1000))
def test_the_slope_is_that_of_the_line(rise: float, start: float) -> None:
    points = [(float(x), start + rise * x) for x in range(5)]
    assert soak.slope(points) == pytest.approx(rise, abs=1e-6)


def test_an_app_that_stays_as_it_was_keeps_all_bars() -> None:
    row = soak.row_from("fake-60", 8.0, [Diary([0.0], [(0, 0.1)])], samples(0.4))
    assert row.slope_mb_per_min == pytest.approx(0.4)
    assert (row.visits, row.pictures) == (1, 1)
    assert all(bar.ok for bar in soak.bars(row))


def test_what_grows_fails_its_bar() -> None:
    grown = [*samples(0.6)[:6], *samples(0.6, threads=25)[6:]]
    row = soak.row_from("fake-60", 8.0, [Diary(errors=["lost"])], grown)
    assert [bar.ok for bar in soak.bars(row)] == [False, False, False, True]


def test_only_the_last_half_counts() -> None:
    warm = [Sample(60.0 * minute, 300 + min(minute, 4) * 50, 20, 40) for minute in range(8)]
    row = soak.row_from("fake-60", 8.0, [], warm)
    assert row.slope_mb_per_min == 0


@pytest.mark.long
def test_the_real_app_is_watched_while_people_come_and_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(soak, "SAMPLE_S", 0.25)
    monkeypatch.setattr(soak, "STAY_S", (0.4, 0.8))
    diaries, seen = soak.soaked(CROWD_FAKE, 2 / 60)
    assert len(diaries) > soak.SESSIONS
    assert not [sentence for diary in diaries for sentence in diary.errors]
    assert all(diary.frames for diary in diaries)
    assert len(seen) >= 4
    assert all(sample.rss_mb > 50 and sample.threads > 1 and sample.files > 1 for sample in seen)


def test_the_command_prints_and_writes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    asked: list[tuple[str, float]] = []

    def soaked(spec: EngineSpec, minutes: float) -> tuple[list[Diary], list[Sample]]:
        asked.append((spec.name, minutes))
        return [], samples(1.0)

    monkeypatch.setattr(soak, "soaked", soaked)
    file = tmp_path / "found.json"
    assert bench.main(["soak", "--quick", "--check", "--json", str(file)]) == 1
    assert asked == [("fake-60", soak.QUICK_MINUTES)]
    found = json.loads(file.read_text())
    assert found["rows"][0]["slope_mb_per_min"] == pytest.approx(1.0)
    assert len(found["samples"]) == 8
    assert "FAILED" in capsys.readouterr().out
