"""Direct calls of Gradio's own routes, as no page makes them."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from klein_ui.limits import CALLS, GENEROUS, Limits
from klein_ui.ui import page
from klein_ui.ui.boundary import NO_PAGE
from klein_ui.ui.services import Services

from ..started import free_port

pytestmark = pytest.mark.filterwarnings("ignore")

GOOD = ["sun", 0, 128, 128, 1]
FILE = {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}
AWAY = {"path": "x", "url": "http://127.0.0.1:1/x", "meta": {"_type": "gradio.FileData"}}
DATA = {"path": "data:image/png;base64,AAAA", "meta": {"_type": "gradio.FileData"}}


@pytest.fixture
def url(services: Services) -> Iterator[str]:
    served = replace(services, settings=replace(services.settings, port=free_port()))
    blocks = page.build(served)
    yield page.launch(blocks, served, block_thread=False).url.rstrip("/")
    blocks.close(verbose=False)


def post(address: str, body: object, method: str = "POST") -> tuple[int, Any]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    asked = urllib.request.Request(  # noqa: S310
        address, raw, {"Content-Type": "application/json"}, method=method
    )
    try:
        with urllib.request.urlopen(asked, timeout=20) as answer:  # noqa: S310
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def told(url: str, event_id: str) -> str:
    """The last event of a call and what it says."""
    with urllib.request.urlopen(f"{url}/gradio_api/call/generate/{event_id}", timeout=20) as got:  # noqa: S310
        return str(got.read().decode())


def generate(url: str, data: list[object]) -> str:
    status, answer = post(f"{url}/gradio_api/call/generate", {"data": data})
    assert status == 200, answer
    return told(url, answer["event_id"])


NO_TEXTS: tuple[object, ...] = (None, 7, True, [], {}, FILE, AWAY, DATA)
NO_SEEDS: tuple[object, ...] = (
    None,
    True,
    "7",
    [],
    0.5,
    -1,
    2**32,
    10**400,
    float("nan"),
    float("inf"),
)
NO_WIDTHS: tuple[object, ...] = (None, False, 100, 129, 1e300, [128], FILE)
NO_HEIGHTS: tuple[object, ...] = (None, True, "128", 2**40, float("nan"))
NO_STEPS: tuple[object, ...] = (None, True, 1.5, -1, 10**6, DATA)
WRONG: list[tuple[int, object, str]] = [
    (0, "x" * 100_000, "100,000 characters; shorten it"),
    *((0, value, "prompt must be text") for value in NO_TEXTS),
    *((1, value, "seed must be a whole number") for value in NO_SEEDS),
    *((2, value, "width must be a") for value in NO_WIDTHS),
    *((3, value, "height must be a") for value in NO_HEIGHTS),
    *((4, value, "steps must be a whole") for value in NO_STEPS),
]


def test_a_value_of_any_kind_is_refused_by_its_name(
    url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    for place, value, says in WRONG:
        data: list[object] = list(GOOD)
        data[place] = value
        said = generate(url, data)
        assert said.startswith("event: error"), (place, value)
        assert says in said
    assert "Traceback" not in "".join(capfd.readouterr())
    assert "event: complete" in generate(url, list(GOOD))


def test_another_number_of_values_is_refused(url: str) -> None:
    for data in ([], ["sun"], GOOD[:4], [*GOOD, 1]):
        said = generate(url, list(data))
        assert f"gives {len(data)} values; give 5, which are prompt, seed" in said


MISSHAPEN: list[tuple[str, object]] = [
    ("call/generate", {}),
    ("call/generate", {"data": None}),
    ("call/generate", {"data": 7}),
    ("call/generate", []),
    ("call/generate", b"{"),
    ("call/generate", b'{"data": [NaN, ' + b"[" * 100_000),
    ("call/generate", b'{"data": [' + b"9" * 5000 + b"]}"),
    ("call/nothing", {"data": GOOD}),
    ("call/v2/generate", {"prompt": "sun", "colour": 7}),
    ("call/v2/nothing", {}),
    ("queue/join", {"data": GOOD, "fn_index": 999, "session_hash": "a"}),
    ("queue/join", {"data": GOOD, "fn_index": "x", "session_hash": "a"}),
    ("queue/join", {"data": GOOD, "fn_index": -1, "session_hash": 7}),
    ("queue/join", {"data": GOOD, "session_hash": "a"}),
    ("queue/join", {"data": GOOD, "fn_index": 0}),
    ("run/generate", {"data": GOOD}),
    ("run/nothing", {"data": GOOD}),
    ("api/generate", {"data": GOOD}),
    ("upload", {}),
    ("component_server", {"component_id": 1, "fn_name": "x", "data": 0, "session_hash": "a"}),
    ("run/0", {"data": [], "fn_index": 0}),
    ("process_recording", {}),
]


def test_a_misshapen_call_is_one_sentence(url: str, capfd: pytest.CaptureFixture[str]) -> None:
    for path, body in MISSHAPEN:
        status, answer = post(f"{url}/gradio_api/{path}", body)
        assert 400 <= status < 500, (path, body, answer)
        said = answer.get("detail", answer.get("error", answer.get("sentence")))
        assert isinstance(said, str), (path, body)
        assert said.endswith("."), (path, body)
    assert "Traceback" not in "".join(capfd.readouterr())


def test_what_gradio_fails_at_is_one_sentence(url: str, capfd: pytest.CaptureFixture[str]) -> None:
    for path in ("pwa_icon?size=0", "pwa_icon/0"):
        status, answer = post(f"{url}/{path}", b"", "GET")
        assert (status, answer["detail"]) == (422, NO_PAGE)
    assert "Traceback" not in "".join(capfd.readouterr())


def test_messages_of_nobody_are_one_sentence(url: str, capfd: pytest.CaptureFixture[str]) -> None:
    for path in ("queue/data?session_hash=nobody", "queue/data", "call/generate/nothing"):
        status, answer = post(f"{url}/gradio_api/{path}", b"", "GET")
        assert (400 <= status < 500, str(answer["detail"])[-1]) == (True, ".")
    assert "Traceback" not in "".join(capfd.readouterr())


def test_who_calls_too_often_is_told_how_long_to_wait(services: Services) -> None:
    limits = Limits(lambda: 0.0)
    served = replace(services, settings=replace(services.settings, port=free_port()), limits=limits)
    blocks = page.build(served)
    url = page.launch(blocks, served, block_thread=False).url.rstrip("/")
    try:
        for _ in range(CALLS.burst * GENEROUS):
            limits.wait_s(CALLS, "127.0.0.1")
        said = generate(url, list(GOOD))
        assert "You ask for pictures faster than this server takes them; wait 1 second." in said
    finally:
        blocks.close(verbose=False)
