"""The engine bench: its rows on tiny models, its bars, and its command line."""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import pytest
from diffusers import Flux2KleinKVPipeline, Flux2KleinPipeline

from klein_ui import models
from klein_ui.bench import __main__ as bench
from klein_ui.bench import engine, paired, small_models
from klein_ui.bench.engine import EngineRow, bars

ROW = EngineRow(
    model="postcard",
    shown="draft",
    references=2,
    side_px=256,
    keys=3,
    first_ms=90.0,
    ours_ms=50.0,
    encode_ms=5.0,
    steps_ms=40.0,
    decode_ms=5.0,
    plain_ms=100.0,
    times=2.0,
    same=False,
)
PROMPT = replace(ROW, shown="prompt", references=0, ours_ms=349.0)
AGAIN = replace(PROMPT, shown="again", times=20.0)
EQUAL = replace(ROW, model="slim-kv", shown="equal", references=4)
TWICE = replace(EQUAL, shown="twice", times=3.0)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> paired.Bench:
    folder = tmp_path_factory.mktemp("bench") / "tiny"
    small_models.save(folder, Flux2KleinPipeline, small_models.TINY)
    found = paired.Bench.of(models.from_folder(folder))
    small = replace(found.row_of_model, reference_area=64 * 64, draft_reference_area=32 * 32)
    return replace(found, row_of_model=small)


def test_full_references_make_the_stock_picture_and_small_ones_do_not(
    tiny: paired.Bench,
) -> None:
    full, draft = tiny.sizes(2, keys=2)
    assert (full.shown, full.references, full.side_px, full.keys) == ("full", 2, 64, 2)
    assert (full.same, draft.same) == (True, False)
    assert all(value > 0 for value in (full.ours_ms, full.steps_ms, full.plain_ms, full.times))
    assert tiny.engine.references_encoded == 4


def test_each_key_of_each_row_encodes_its_prompt(tiny: paired.Bench) -> None:
    before = tiny.engine.prompts_encoded
    tiny.row("prompt", tiny.request(64), keys=2)
    (alone,) = tiny.sizes(0, keys=2)
    assert alone.same
    assert tiny.engine.prompts_encoded == before + 6


def test_a_prompt_of_before_is_rendered_once(tiny: paired.Bench) -> None:
    before = tiny.engine.decodes
    row = tiny.row("again", tiny.request(64), keys=3, again=True)
    assert tiny.engine.decodes == before + 1
    assert row.same
    assert row.steps_ms == 0
    assert row.times > 5


def test_kept_keys_make_the_stock_picture(tmp_path: Path) -> None:
    small_models.save(tmp_path / "kv", Flux2KleinKVPipeline, small_models.TINY)
    found = paired.Bench.of(models.from_folder(tmp_path / "kv"))
    equal, twice = paired.kept(found, 64, keys=1)
    assert (equal.shown, twice.shown, twice.references) == ("equal", "twice", 4)
    assert equal.keys == 1
    assert found.engine.keys_extracted == 2
    assert found.engine.references_encoded == 8


def test_good_rows_keep_all_bars() -> None:
    kept = bars((ROW, PROMPT, AGAIN, EQUAL, TWICE))
    assert len(kept) == 6
    assert all(bar.ok for bar in kept)


@pytest.mark.parametrize(
    "worse",
    [
        replace(ROW, times=1.4),
        replace(PROMPT, ours_ms=351.0),
        replace(PROMPT, times=1.2),
        replace(AGAIN, times=19.0),
        replace(EQUAL, times=1.4),
        replace(TWICE, times=2.9),
    ],
    ids=["postcard", "slow", "prompt", "again", "equal", "twice"],
)
def test_each_bar_can_fail(worse: EngineRow) -> None:
    assert [bar.ok for bar in bars((worse,))].count(False) == 1


def test_other_rows_have_no_bar() -> None:
    assert bars((replace(ROW, shown="full"), replace(ROW, references=4))) == ()


def chosen(*flags: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    engine.add_to(parser.add_subparsers())
    return parser.parse_args(["engine", *flags])


def test_the_command_line_measures_prints_and_writes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    asked: list[int] = []

    def edits(keys: int) -> tuple[EngineRow, ...]:
        asked.append(keys)
        return (ROW, EQUAL)

    monkeypatch.setattr(paired, "edits", edits)
    file = tmp_path / "found.json"
    assert bench.main(["engine", "--edit", "--quick", "--check", "--json", str(file)]) == 0
    assert asked == [engine.QUICK_KEYS]
    read = json.loads(file.read_text())
    assert set(read) == {"hardware", "revision", "command", "rows", "bars"}
    assert all(set(bar) == {"name", "value", "unit", "bar", "ok"} for bar in read["bars"])
    assert [row["shown"] for row in read["rows"]] == ["draft", "equal"]
    printed = capsys.readouterr().out
    assert "slim-kv" in printed
    assert "2.00" in printed


def test_check_fails_where_a_bar_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paired, "prompts_alone", lambda keys: (replace(PROMPT, ours_ms=400.0),))
    assert engine.run(chosen("--check")) == 1
    assert engine.run(chosen()) == 0
