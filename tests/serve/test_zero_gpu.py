"""The engine with the real `spaces` as on ZeroGPU: forked processes, quotas, a queue; no GPU."""

import threading
from pathlib import Path
from typing import Any

import pytest

from klein_ui.serve import zero_words
from tests.serve.conftest import needs_spaces, scene
from tests.serve.device_api import POOR, WAITING, DeviceApi, token

pytestmark = [needs_spaces, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def day(zero: DeviceApi, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("day")

    def let_go() -> None:
        """The one who waits gets the GPU when the scene says so."""
        while not zero.go.wait(0.02):
            if (folder / "go").exists():
                zero.go.set()

    threading.Thread(target=let_go, daemon=True).start()
    return scene("zero_day", zero, folder)


def test_pictures_are_those_of_an_engine_without_zero_gpu(day: dict[str, Any]) -> None:
    assert day["equal"] == dict.fromkeys(["sun", "seen", "other", "bob's", "after", "waited"], True)


def test_each_call_is_on_the_quota_of_who_asked(day: dict[str, Any], zero: DeviceApi) -> None:
    who = [asked["token"] for asked in zero.of("/schedule")]
    wanted = ["alice"] * 3 + ["bob"] + ["alice"] * 2 + [POOR, "alice", WAITING, "carol"]
    assert who == [token(name) for name in wanted]


def test_what_is_kept_makes_no_call(day: dict[str, Any]) -> None:
    assert (day["calls"], day["calls after one that is kept"]) == (3, 3)


def test_what_was_encoded_once_goes_along_to_a_process_that_knows_nothing(
    day: dict[str, Any], zero: DeviceApi
) -> None:
    # A prompt and an image are new once, and then neither is, for the process after it as well.
    assert day["new"] == [[1, 0], [1, 1], [0, 0]]
    assert day["new to the next worker"] == [[0, 0]]
    first, second = (int(asked["pid"]) for asked in zero.of("/allow"))
    assert first == day["pid"] != second


def test_a_process_that_is_killed_is_one_sentence_and_the_next_one_works(
    day: dict[str, Any], zero: DeviceApi
) -> None:
    assert day["killed"] == zero_words.BROKE_OFF
    assert [asked["fail"] for asked in zero.of("/release")].count("true") == 1
    assert day["equal"]["after"]


def test_a_used_up_quota_is_one_sentence(day: dict[str, Any]) -> None:
    assert day["poor"] == zero_words.USED_UP.format(when=" in 1:00:00")


def test_what_nobody_wants_stops_within_a_step(day: dict[str, Any]) -> None:
    asked, stopped = day["stopped"]
    assert stopped <= asked + 1 < 8


def test_who_waits_in_the_queue_gives_way_and_gets_the_newest_at_the_same_place(
    day: dict[str, Any], zero: DeviceApi
) -> None:
    assert day["gave way"]
    assert day["others went on"]
    assert day["calls for two who asked"] == 2
    assert [asked["token"] for asked in zero.of("/schedule")].count(token(WAITING)) == 1


def test_short_times_are_asked_for(day: dict[str, Any], zero: DeviceApi) -> None:
    asked_s = [int(asked["durationSeconds"]) for asked in zero.of("/schedule")]
    # What nobody says is 60; a busy machine teaches the later ones to ask for more.
    assert asked_s[0] == 3
    assert max(asked_s) < 60


@pytest.mark.long
def test_weights_that_were_packed_at_the_launch_render_the_same(
    zero: DeviceApi, tmp_path: Path
) -> None:
    found = scene("zero_placed", zero, tmp_path)
    assert found["chosen"] == ["klein-4b", "cuda"]
    assert found["packed"] > 10_000_000
    assert found["equal"]
