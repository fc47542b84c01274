"""The started app outlives what goes wrong in it and around it, and its log says no prompt."""

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from klein_ui.files import READ_ONLY

from .kept import fill, mounted
from .started import Started, a_page, started

MARKER = "zanzibar"
MOST_KEYS = 40


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """One app for all, which logs JSON."""
    with started(tmp_path_factory.mktemp("app"), "--log", "json") as running:
        yield running


def test_faults_are_sentences_and_no_word_of_a_prompt_is_logged(app: Started) -> None:
    with a_page(app) as page:
        page.types(f"boom {MARKER}", seq=1)
        assert "(ValueError); type on" in page.hears("error", seq=1)["sentence"]
        page.types(f"exit {MARKER}", seq=2)
        page.hears("frame", seq=2, stage="final")
        page.types(f"large {MARKER}", seq=3, side=256)
        notes = page.hears("frame", seq=3, stage="final")["notes"]
        assert notes == ["There was no memory for 256 × 256; this is 176 × 176."]
        page.types(f"a {MARKER}", seq=4)
        page.hears("frame", seq=4, stage="final")
    log = app.log.read_text()
    assert MARKER not in log
    events = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    assert [one["event"] for one in events if one["level"] == "error"] == ["a render failed"]
    assert any("ValueError at" in one.get("error", "") for one in events)
    assert any(one["level"] == "critical" for one in events)


def test_an_app_that_nobody_uses_sleeps(app: Started) -> None:
    """Gradio's own queue alone would wake it 900 times a second."""
    before = wakes(app.process.pid)
    time.sleep(1.0)
    assert wakes(app.process.pid) - before < 400


def wakes(pid: int) -> int:
    """How often the threads of a process have waited for something and went on."""
    said = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/status")]
    return sum(int(text.partition("\nvoluntary_ctxt_switches:")[2].split()[0]) for text in said)


def test_diagnostics_hold_no_prompt_and_no_owner(app: Started) -> None:
    status, told = app.get("/gradio_api/live/diagnostics")
    assert status == 200
    assert MARKER not in json.dumps(told)
    assert told["counts"]["restarts"] == 1
    assert told["disk"]["free"] > 0


def test_a_data_folder_that_is_gone_stops_no_picture(app: Started) -> None:
    data = app.log.parent / "data"
    shutil.rmtree(data)
    data.write_text("no folder any more")
    with a_page(app, owner="b" * 32) as page:
        page.types("a sun", seq=1, session="c" * 16)
        while "trouble" not in (frame := page.hears("frame")):
            if frame["stage"] == "final" and not frame["fine"]:
                seq = frame["seq"] + 1
                assert seq < MOST_KEYS, "nobody was told that nothing is kept"
                page.types(f"a sun {seq}", seq, session="c" * 16)
        assert frame["trouble"] == READ_ONLY
    assert app.get("/healthz")[0] == 200
    assert app.get("/readyz")[0] == 200
    assert app.get("/gradio_api/live/diagnostics")[0] == 200


def test_a_disk_that_is_full_from_the_start_stops_no_picture(tmp_path: Path) -> None:
    with mounted(tmp_path / "data", "size=1m") as disk:
        (disk / "temporary").mkdir()
        fill(disk / "else")
        with started(tmp_path) as app, a_page(app) as page:
            page.types("a sun", seq=1)
            page.hears("frame", seq=1, stage="final")
            assert app.get("/healthz")[0] == 200
