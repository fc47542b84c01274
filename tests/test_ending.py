"""How the app ends: it finishes, tells, writes, and begins anew where only that helps."""

import signal
import time
from pathlib import Path

import pytest

from klein_ui.dispatcher import NO_DEVICE, RESTARTING

from .started import LONG_S, a_page, started

SERVICE_RESTART = 1012
MOST_S = 10.0


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.long)]
)
def test_what_runs_and_what_is_settled_is_finished_and_the_pages_are_told(
    number: signal.Signals, tmp_path: Path
) -> None:
    with started(tmp_path) as app, a_page(app) as one, a_page(app) as other:
        one.types("a red sun", seq=1, side=256)
        other.types("a moon", seq=1, side=256)
        one.hears("frame", seq=1, stage="draft")
        began = time.monotonic()
        app.process.send_signal(number)
        one.hears("progress", phase="restarting", sentence=RESTARTING)
        one.types("too late", seq=2)
        for page in (one, other):
            heard, code = page.until_it_ends()
            assert {m["seq"] for m in heard if m.get("stage") == "final"} == {1}
            assert heard[-1] == {
                "type": "progress",
                "phase": "restarting",
                "sentence": RESTARTING,
                "fraction": None,
            }
            assert not [m for m in heard if m["type"] == "error"]
            assert code == SERVICE_RESTART
        assert app.process.wait(LONG_S) == 0
        assert time.monotonic() - began < MOST_S
        assert "Traceback" not in app.log.read_text()


@pytest.mark.long
def test_a_picture_that_takes_too_long_is_left(tmp_path: Path) -> None:
    with started(tmp_path) as app, a_page(app) as page:
        page.types("endless", seq=1)
        page.types("endless or not", seq=2)
        began = time.monotonic()
        app.process.send_signal(signal.SIGTERM)
        page.hears("progress", phase="restarting", sentence=RESTARTING)
        assert app.process.wait(LONG_S) == 0
        assert time.monotonic() - began < MOST_S


def test_a_lost_device_ends_in_a_new_process_which_draws_what_was_typed(tmp_path: Path) -> None:
    with started(tmp_path) as app:
        with a_page(app) as page:
            page.types("assert a sun", seq=1)
            page.hears("progress", phase="restarting", sentence=NO_DEVICE)
            heard, code = page.until_it_ends()
            assert not [m for m in heard if m["type"] == "error"]
            assert code == SERVICE_RESTART
        app.wait_until("/readyz", 200)
        with a_page(app) as page:
            page.types("assert a sun", seq=1)
            page.hears("frame", seq=1, stage="final")
        assert app.process.poll() is None


@pytest.mark.long
def test_a_device_that_is_always_lost_is_not_tried_for_ever(tmp_path: Path) -> None:
    with started(tmp_path) as app:
        for _ in range(3):
            with a_page(app) as page:
                page.types("always", seq=1)
                page.until_it_ends()
            app.wait_until("/readyz", 200)
        with a_page(app) as page:
            page.types("always", seq=1)
            assert "restart the computer" in page.hears("error", seq=1)["sentence"]
            page.types("a sun", seq=2)
            assert "restart the computer" in page.hears("error", seq=2)["sentence"]
        status, told = app.get("/healthz")
        assert (status, told["ok"]) == (503, False)
        assert "restart the computer" in told["reason"]
        assert app.get("/readyz")[0] == 503
