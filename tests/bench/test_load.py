"""The bench of crowds: visitors of real apps, what is made of their diaries, and its bars."""

import asyncio
import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klein_ui.bench import __main__ as bench
from klein_ui.bench import crowd, load
from klein_ui.bench.apps import AppError
from klein_ui.bench.crowd import CrowdRow
from klein_ui.bench.engines import CROWD_FAKE, EngineSpec
from klein_ui.bench.visitors import KEY_S, Diary, Page, Shown, visit

ROW = CrowdRow("fake-60", "ours", 8, 10.0, 400, 16.0, 1.0, 300.0, 500.0, 0, 0, 1.1, 0)


def diary(frames: list[tuple[int, float]], keys: int = 4) -> Diary:
    return Diary([float(key) for key in range(keys)], frames)


def test_a_key_is_answered_by_its_picture_or_a_newer_one() -> None:
    found = crowd.row("fake-60", "ours", 4.0, [diary([(0, 0.5), (2, 2.25)])])
    assert found.keys == 4
    assert found.unanswered == 1
    assert found.key_median_ms == 500.0
    assert found.key_p95_ms == pytest.approx(1175.0)


def test_only_new_pictures_of_fresh_words_are_useful() -> None:
    found = crowd.row("fake-60", "ours", 1.0, [diary([(1, 1.5), (0, 1.6), (1, 1.7), (2, 4.5)])])
    assert found.useful_per_s == 1.0
    assert found.useful_part == 0.25
    assert found.stale == 1


def test_fairness_is_the_mean_by_the_slowest() -> None:
    quick, slow = diary([(0, 0.1), (1, 1.1), (2, 2.1)]), diary([(3, 3.1)])
    assert crowd.row("fake-60", "ours", 4.0, [quick, slow]).fairness == 2.0
    assert crowd.row("fake-60", "ours", 4.0, [quick, diary([])]).fairness is None


@given(st.lists(st.tuples(st.integers(0, 9), st.floats(0, 20)), max_size=30))
def test_no_key_is_both_answered_and_not(frames: list[tuple[int, float]]) -> None:
    frames.sort(key=lambda frame: frame[1])
    found = crowd.row("fake-60", "ours", 4.0, [diary(frames, keys=10)])
    newest = max((key for key, _ in frames), default=-1)
    assert found.unanswered == 9 - newest
    assert found.stale <= len(frames)


def test_what_ours_misses_is_a_bar_that_fails() -> None:
    plain = replace(ROW, app="plain", useful_per_s=20.0)
    slow = replace(ROW, unanswered=1, fairness=None, key_p95_ms=600.0)
    assert all(bar.ok for bar in load.bars([ROW]))
    failed = [bar.name for bar in load.bars([slow, plain]) if not bar.ok]
    assert len(failed) == 4
    assert {name.partition(":")[0] for name in failed} == {"fake-60, 8"}


async def test_a_visitor_types_five_keys_a_second_and_waits_for_the_last() -> None:
    class Paper:
        def __init__(self, shown: Shown) -> None:
            self.shown = shown
            self.prompts: list[str] = []
            self.is_open = True

        async def press(self, key: int, prompt: str) -> None:
            self.prompts.append(prompt)
            asyncio.get_running_loop().call_later(0.05, self.shown, key)

        async def close(self) -> None:
            self.is_open = False

    pages: list[Paper] = []

    async def opener(shown: Shown) -> Page:
        pages.append(Paper(shown))
        return pages[0]

    found = await visit(opener, 3 * KEY_S, 5.0, random.Random(1))
    assert [len(prompt) for prompt in pages[0].prompts] == [1, 2, 3]
    assert [key for key, _ in found.frames] == [0, 1, 2]
    assert found.keys[2] - found.keys[0] == pytest.approx(2 * KEY_S, abs=0.15)
    assert not pages[0].is_open
    assert not found.errors


async def test_a_page_that_cannot_be_opened_is_an_error_of_its_visitor() -> None:
    async def opener(shown: Shown) -> Page:
        raise ConnectionRefusedError("nobody listens")

    found = await visit(opener, 0.2, 1.0, random.Random(1))
    assert found.errors == ["ConnectionRefusedError: nobody listens"]


@pytest.mark.long
@pytest.mark.parametrize("app", load.APPS)
def test_visitors_of_a_real_app_get_their_pictures(app: str) -> None:
    (row,) = load.measured(app, CROWD_FAKE, [2], 1.0)
    assert row.errors == 0
    assert row.keys == 10
    assert row.useful_per_s > 0


def test_the_command_prints_and_writes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    asked: list[tuple[str, str, tuple[int, ...], float]] = []

    def measured(
        app: str, spec: EngineSpec, counts: tuple[int, ...], seconds: float
    ) -> list[CrowdRow]:
        asked.append((app, spec.name, tuple(counts), seconds))
        return [replace(ROW, app=app)]

    monkeypatch.setattr(load, "measured", measured)
    file = tmp_path / "found.json"
    assert bench.main(["load", "--quick", "--check", "--json", str(file)]) == 0
    assert asked == [(app, "fake-60", (1, 8), 8.0) for app in load.APPS]
    assert json.loads(file.read_text())["rows"][0]["fairness"] == 1.1
    assert "1.10" in capsys.readouterr().out


def test_an_app_that_does_not_start_ends_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def measured(*_: object) -> list[CrowdRow]:
        raise AppError("it printed nothing")

    monkeypatch.setattr(load, "measured", measured)
    assert bench.main(["load"]) == 2
    assert "it printed nothing" in capsys.readouterr().err
