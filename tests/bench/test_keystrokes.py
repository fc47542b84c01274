"""The command line of the bench."""

import argparse
import sys
from pathlib import Path

import pytest

from klein_ui.bench import __main__ as bench
from klein_ui.bench import keystrokes
from klein_ui.bench.hardware import hardware, revision


def chosen(*flags: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    keystrokes.add_to(parser.add_subparsers())
    return parser.parse_args(["keystrokes", *flags])


def test_quick_is_ours_and_plain_at_40_ms() -> None:
    assert keystrokes.engines_of(chosen("--quick")) == ("fake-40",)
    assert keystrokes.apps_of(chosen("--quick")) == ("ours", "plain")


def test_a_full_run_is_everything() -> None:
    everything = ["fake-0", "fake-40", "fake-150", "fake-400", "postcard"]
    assert list(keystrokes.engines_of(chosen())) == everything
    assert keystrokes.apps_of(chosen()) == ("ours", "plain", "tuned")
    assert keystrokes.plan_of(chosen()).runs == 5


def test_flags_win() -> None:
    plan = keystrokes.plan_of(chosen("--quick", "--keys", "3", "--runs", "50"))
    assert (plan.keys, plan.runs) == (3, 50)
    assert keystrokes.apps_of(chosen("--quick", "--apps", "tuned")) == ["tuned"]


@pytest.mark.parametrize("flags", [["--runs", "0"], ["--keys", "x"], ["--engines", "none"]])
def test_a_wrong_value_is_refused(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        bench.main(["keystrokes", *flags])
    assert refused.value.code == 2
    assert flags[1] in capsys.readouterr().err


def test_without_playwright_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "klein_ui.bench.side_by_side", None)
    assert bench.main(["keystrokes", "--quick"]) == 2
    assert "Playwright is missing" in capsys.readouterr().err


def test_the_hardware_is_named() -> None:
    found = hardware()
    assert found["cpu"]
    assert found["cores"]
    assert found["gradio"]
    assert revision()
    assert not any(str(Path.home()) in str(value) for value in found.values())
