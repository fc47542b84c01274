"""Pages without a WebSocket that ask and do not listen, against the app in its own process."""

import http.client
import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from klein_ui.ui.lane import IDLE_S, UNHEARD_S

from ..started import Started, a_page, started

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

LANES, AT_ONCE = 60, 4
SPARE_S, QUIET_S = 15.0, 3.0
FIELDS = {"prompt": "sun", "width": 128, "height": 128, "draft": 128}
MESSAGE = json.dumps({"type": "request", "seq": 0, "seed": 1, **FIELDS})


def join_all(app: Started, fn: int, names: list[str]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", app.port, timeout=60)
    for name in names:
        body = {"data": [MESSAGE], "fn_index": fn, "session_hash": name}
        headers = {"Content-Type": "application/json"}
        connection.request("POST", "/gradio_api/queue/join", json.dumps(body), headers)
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        answer.read()
    connection.close()


def sessions(app: Started) -> int:
    return int(app.get("/gradio_api/live/diagnostics")[1]["sessions"]["open"])


def test_a_full_house_of_nobody_is_empty_soon(tmp_path: Path) -> None:
    with started(tmp_path) as app:
        _, config = app.get("/config")
        fn = next(
            int(one["id"]) for one in config["dependencies"] if one["targets"][0][1] == "send"
        )
        parts = [[f"nobody-{at}" for at in range(part, LANES, AT_ONCE)] for part in range(AT_ONCE)]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda names: join_all(app, fn, names), parts))
        joined = emptied = time.monotonic()
        most = 0
        # Gradio hands them over a few at a time, so nobody there once is not the end.
        while time.monotonic() - emptied < QUIET_S:
            if (there := sessions(app)) > 0:
                most, emptied = max(most, there), time.monotonic()
            assert emptied - joined < UNHEARD_S + IDLE_S + SPARE_S
            time.sleep(0.2)
        assert most > 20
        with a_page(app) as page:
            page.types("a lake", 1)
            page.hears("frame", seq=1, stage="final")
        assert "Traceback" not in app.log.read_text()
