"""The app as a Space on ZeroGPU: who asks by Gradio's events, and by no other way."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from gradio_client import Client
from PIL import Image

from klein_ui.serve import zero_words
from tests.serve.conftest import needs_spaces, on_zero_gpu
from tests.serve.device_api import POOR, WAITING, DeviceApi, token
from tests.started import Started, started

pytestmark = [needs_spaces, pytest.mark.timeout(300)]

ZERO_APP = ("-m", "tests.serve.zero_app")


@pytest.fixture(scope="module")
def space(zero: DeviceApi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    folder = tmp_path_factory.mktemp("space")
    with pytest.MonkeyPatch.context() as environ:
        for name, value in on_zero_gpu(zero, folder).items():
            environ.setenv(name, value)
        # A busy machine may stand still for a moment between two keys.
        with started(folder, "--device", "cpu", "--settle-ms", "2000", program=ZERO_APP) as app:
            yield app


class Page:
    """A page of the visitor `who`, as Hugging Face's proxy hands on what it asks."""

    def __init__(self, app: Started, who: str) -> None:
        self._client = httpx.Client(base_url=f"{app.url}/gradio_api", timeout=90)
        self._headers = {"x-ip-token": token(who)}
        config = self._client.get(f"{app.url}/config").json()
        part = next(
            one for one in config["components"] if one["props"].get("elem_id") == "klein-lane"
        )
        self._fn = next(
            one["id"] for one in config["dependencies"] if one["inputs"] == [part["id"]]
        )
        self._session = who

    def asks(self, prompt: str, seq: int) -> None:
        """A key: what is typed by now joins Gradio's queue."""
        fields = {"seq": seq, "prompt": prompt, "width": 256, "height": 256, "draft": 128}
        said = json.dumps({"type": "request", **fields})
        asked = {"data": [said], "fn_index": self._fn, "session_hash": self._session}
        self._client.post("/queue/join", json=asked, headers=self._headers).raise_for_status()

    def types(self, prompt: str, seq: int) -> dict[str, Any]:
        """The last of what the page hears of what is typed."""
        self.asks(prompt, seq)
        last: dict[str, Any] = {}
        parameters = {"session_hash": self._session}
        with self._client.stream("GET", "/queue/data", params=parameters) as stream:
            for line in stream.iter_lines():
                message = json.loads(line.removeprefix("data:")) if line else {}
                if message.get("msg") in ("process_generating", "process_completed"):
                    last = heard(message) or last
                if message.get("msg") == "close_stream":
                    break
        return last


def heard(message: dict[str, Any]) -> dict[str, Any] | None:
    """What the event says to the page, where it is said whole and not as a change."""
    (said,) = message["output"].get("data") or [None]
    return json.loads(said) if isinstance(said, str) and said.startswith("{") else None


def test_what_was_placed_is_reported_when_the_page_is_launched(
    space: Started, zero: DeviceApi
) -> None:
    assert zero.asked[0][0] == "/startup-report"


def test_the_page_opens_no_socket_and_there_is_none(space: Started) -> None:
    assert '"onlyEvents": true' in httpx.get(f"{space.url}/config").json()["head"]
    assert httpx.get(f"{space.url}/gradio_api/live").status_code == 404


def test_what_a_visitor_types_is_on_their_quota(space: Started, zero: DeviceApi) -> None:
    for who in ("alice", "bob"):
        told = Page(space, who).types(f"a lake for {who}", 1)
        assert (told["type"], told["stage"], told["seq"]) == ("frame", "final", 1)
        assert zero.of("/schedule")[-1]["token"] == token(who)


def test_a_draft_is_no_call_and_what_is_kept_neither(space: Started, zero: DeviceApi) -> None:
    before = len(zero.of("/schedule"))
    alice = Page(space, "alice")
    assert alice.types("a hill", 1)["stage"] == "final"
    assert Page(space, "bob").types("a hill", 1)["stage"] == "final"
    assert len(zero.of("/schedule")) == before + 1


def test_quick_typing_is_one_call_for_the_last_word(space: Started, zero: DeviceApi) -> None:
    before = len(zero.of("/schedule"))
    dora = Page(space, "dora")
    for letters in range(1, 12):
        dora.asks("a long road"[:letters], letters)
    assert dora.types("a long road.", 12)["seq"] == 12
    assert len(zero.of("/schedule")) == before + 1


def test_without_a_quota_there_is_one_sentence_and_the_next_one_is_served(
    space: Started,
) -> None:
    poor = Page(space, POOR)
    told = poor.types("a house", 1)
    assert (told["type"], told["sentence"]) == (
        "error",
        zero_words.USED_UP.format(when=" in 1:00:00"),
    )
    assert Page(space, "alice").types("a house", 1)["stage"] == "final"
    # It is kept now, so it is there for everybody.
    assert poor.types("a house", 2)["stage"] == "final"


def test_who_waits_for_a_gpu_holds_nobody_up_and_is_served_in_the_end(
    space: Started, zero: DeviceApi
) -> None:
    with ThreadPoolExecutor(1) as others:
        waiting = others.submit(Page(space, WAITING).types, "a slow river", 1)
        while token(WAITING) not in [asked.get("token") for asked in zero.of("/schedule")]:
            time.sleep(0.02)
        assert Page(space, "alice").types("a quick river", 1)["stage"] == "final"
        assert not waiting.done()
        zero.go.set()
        assert waiting.result(90)["stage"] == "final"
    assert [asked.get("token") for asked in zero.of("/schedule")].count(token(WAITING)) == 1


def test_a_program_is_on_the_quota_of_who_runs_it(space: Started, zero: DeviceApi) -> None:
    client = Client(space.url, headers={"x-ip-token": token("carol")}, verbose=False)
    try:
        path = client.predict("a boat", 3, 128, 128, 4, api_name="/generate")
    finally:
        client.close()
    assert np.asarray(Image.open(Path(path))).shape == (128, 128, 3)
    assert zero.of("/schedule")[-1]["token"] == token("carol")
