"""The door of the real app, over HTTP and WebSocket, as browsers, programs and strangers come."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from klein_ui import access, settings
from klein_ui.access import Cookie
from klein_ui.ui import door, doorstep, page
from klein_ui.ui.headers import content_policy
from klein_ui.ui.lora_routes import FIXED as FIXED_LORAS
from klein_ui.ui.services import Services
from klein_ui.ui.socket import FIXED

TOKEN = "a-token-of-this-test"  # noqa: S105
BEARER = {"Authorization": f"Bearer {TOKEN}"}
FOREIGN = {"Origin": "https://evil.example"}
LORAS = "/gradio_api/live/loras"
LIVE = "/gradio_api/live"
WAYS = ("/", "/config", "/gradio_api/info", LORAS, "/metrics", "/assets/x.js", "/nowhere", LIVE)


@dataclass(frozen=True)
class App:
    """A served app at `url`."""

    url: str
    port: int

    def client(self, **headers: str) -> httpx.Client:
        """A browser or program of its own."""
        return httpx.Client(base_url=self.url, headers=headers, timeout=30, trust_env=False)

    def hello(self, **headers: str) -> dict[str, object]:
        """The first message of the socket; raises `InvalidStatus` where it is shut."""
        with self.wire(**headers) as wire:
            return dict(json.loads(wire.recv(timeout=30)))

    def wire(self, **headers: str) -> ClientConnection:
        """The socket of a page."""
        address = f"ws://127.0.0.1:{self.port}{LIVE}"
        return connect(address, additional_headers=headers, proxy=None)


@contextmanager
def served(services: Services, *argv: str, environ: dict[str, str] | None = None) -> Iterator[App]:
    """The page of `services` with the flags `argv`, on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    chosen = settings.read(["--port", str(port), *argv], environ or {})
    changed = replace(services, settings=chosen)
    blocks = page.build(changed)
    page.launch(blocks, changed, block_thread=False)
    try:
        yield App(f"http://127.0.0.1:{port}", port)
    finally:
        blocks.close(verbose=False)


@pytest.fixture
def local(services: Services) -> Iterator[App]:
    """For this machine only."""
    with served(services, "--allow-host", "live.example.com") as app:
        yield app


@pytest.fixture
def guarded(services: Services) -> Iterator[App]:
    """For a network, with a token."""
    with served(services, "--host", "0.0.0.0", "--token", TOKEN) as app:
        yield app


@pytest.fixture
def by_login(services: Services, tmp_path: Path) -> Iterator[App]:
    """For a network, with logins."""
    path = tmp_path / "logins"
    path.write_text("ann:secret words\nbob:others\n", encoding="utf-8")
    with served(services, "--host", "0.0.0.0", "--logins", str(path)) as app:
        yield app


def refused_socket(app: App, **headers: str) -> int:
    with pytest.raises(InvalidStatus) as closed:
        app.hello(**headers)
    return closed.value.response.status_code


def test_only_known_hosts_are_answered(local: App) -> None:
    with local.client() as client:
        for host in ("localhost", "127.0.0.1:9", "[::1]", "live.example.com", "192.168.3.4:80"):
            assert client.get("/", headers={"Host": host}).status_code == 200
        for host in (
            "evil.example",
            "live.example.com.evil.example",
            "",
            "a b",
            "127.0.0.1.nip.io",
        ):
            for path in ("/", LORAS, "/healthz", "/assets/x.js"):
                answer = client.get(path, headers={"Host": host})
                assert answer.status_code == 421
                assert "--allow-host" in answer.text
        answer = client.get("/", headers={"X-Forwarded-Host": "evil.example"})
        assert answer.status_code == 421
        assert client.get("/", headers={"X-Forwarded-Host": "live.example.com"}).status_code == 200


def test_a_request_without_a_host_is_not_answered(local: App) -> None:
    with socket.create_connection(("127.0.0.1", local.port), timeout=30) as raw:
        raw.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert b" 421 " in raw.recv(4096).split(b"\r\n")[0]


def test_a_socket_of_an_unknown_host_or_page_is_shut(local: App) -> None:
    own = f"http://127.0.0.1:{local.port}"
    assert local.hello()["type"] == "hello"
    assert local.hello(Origin=own)["type"] == "hello"
    assert refused_socket(local, **FOREIGN) == 403
    assert refused_socket(local, Origin="null") == 403
    outer = {"X-Forwarded-Host": "evil.example", "Origin": "http://evil.example"}
    assert refused_socket(local, **outer) == 403


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "192.168.3.4", "live.example.com"])
def test_no_foreign_page_reads_or_changes_anything(local: App, host: str) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Host": host}
    with local.client() as client:
        for path in (*WAYS, "/gradio_api/queue/join", "/gradio_api/call/generate"):
            for headers in (FOREIGN, {"Origin": "null"}, {"Origin": f"http://{host}:1"}):
                answers = [
                    client.request(method, path, headers={**headers, **asked})
                    for method in ("GET", "POST", "OPTIONS", "HEAD", "PUT", "DELETE")
                ]
                assert {answer.status_code for answer in answers} == {403}
                names = {name for answer in answers for name in answer.headers}
                assert not [name for name in names if name.startswith("access-control")]
        embedded = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Host": host}
        assert client.get(LORAS, headers=embedded).status_code == 403


def test_our_own_page_is_let_through_without_cors(local: App) -> None:
    with local.client(Origin=local.url) as client:
        answer = client.get("/config")
        assert answer.status_code == 200
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_every_answer_has_the_headers(local: App) -> None:
    with local.client() as client:
        for path in ("/", "/config", "/nowhere", "/healthz", LORAS, "/gradio_api/upload"):
            headers = client.get(path).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "same-origin"
            assert headers["cross-origin-opener-policy"] == "same-origin"
            assert headers["cross-origin-resource-policy"] == "same-origin"
            assert "camera=(self)" in headers["permissions-policy"]
            assert headers["content-security-policy"] == content_policy(is_space=False)


def test_no_policy_names_a_host_but_those_that_frame_a_space() -> None:
    assert "//" not in content_policy(is_space=False)
    framed = "frame-ancestors 'self' https://huggingface.co https://*.hf.space"
    assert content_policy(is_space=True) == (
        content_policy(is_space=False).replace("frame-ancestors 'self'", framed)
    )


def test_a_network_has_to_show_the_token_everywhere(guarded: App) -> None:
    with guarded.client() as client:
        for path in WAYS:
            answer = client.get(path)
            assert answer.status_code == 401
            assert "set-cookie" not in answer.headers
            assert client.post(path).status_code == 401
            assert client.get(path, headers=BEARER).status_code in (200, 404)
        for path in ("/healthz", "/readyz", "/gradio_api/startup-events"):
            assert client.get(path).status_code in (200, 503)
        asked = client.get("/")
        assert doorstep.WANTED in asked.text
        assert asked.text.count("<input") == 1
        assert "<script" not in asked.text
        assert client.get(LORAS).json() == {"sentence": doorstep.WANTED_BY_PROGRAM}
    assert refused_socket(guarded) == 403
    assert guarded.hello(**BEARER)["type"] == "hello"


def test_the_token_of_an_address_becomes_a_cookie_and_the_rest_of_it_stays(guarded: App) -> None:
    with guarded.client() as client:
        answer = client.get(f"/?prompt=a%20lake&token={TOKEN}&seed=7")
        assert answer.status_code == 303
        assert answer.headers["location"] == "./?prompt=a%20lake&seed=7"
        assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(
            answer.headers["set-cookie"].split("; ")
        )
        assert TOKEN not in str(answer.headers)
        assert client.get("/?prompt=a%20lake&seed=7").status_code == 200
        assert client.get(LORAS).status_code == 200
        # A bookmark with the token in it is tidied up again.
        assert client.get(f"/?token={TOKEN}").headers["location"] == "./"
        cookie = Cookie.of(TOKEN)
        assert guarded.hello(Cookie=f"{cookie.name}={cookie.value}")["type"] == "hello"
        assert refused_socket(guarded, Cookie=f"{cookie.name}=x") == 403
    with guarded.client(**{"X-Forwarded-Proto": "https"}) as client:
        kept = client.get(f"/?token={TOKEN}").headers["set-cookie"]
        assert {"SameSite=None", "Secure", "Partitioned"} <= set(kept.split("; "))


def test_no_address_leads_to_another_host(guarded: App) -> None:
    with socket.create_connection(("127.0.0.1", guarded.port), timeout=30) as raw:
        asked = f"GET //evil.example/?token={TOKEN} HTTP/1.1\r\nHost: localhost\r\n\r\n"
        raw.sendall(asked.encode())
        assert b"location: ./\r\n" in raw.recv(4096).lower()


def test_the_page_with_the_field_lets_in(guarded: App) -> None:
    with guarded.client(Origin=guarded.url) as client:
        wrong = client.post("/?prompt=a", data={"token": "wrong"})
        assert wrong.status_code == 401
        assert "That is not the token" in wrong.text
        right = client.post("/?prompt=a", data={"token": TOKEN})
        assert (right.status_code, right.headers["location"]) == (303, "./?prompt=a")
        assert client.get("/").status_code == 200
        assert client.post("/", data={"token": "x" * 5000}).status_code == 405
    with guarded.client() as client:
        assert client.post("/", data={"token": "x" * 5000}).status_code == 413


def test_guessing_is_slowed_and_a_cookie_is_not(guarded: App) -> None:
    with guarded.client() as browser, guarded.client() as guesser:
        browser.get(f"/?token={TOKEN}")
        statuses = [guesser.get("/?token=wrong").status_code for _ in range(access.BURST + 2)]
        assert statuses == [401] * access.BURST + [429] * 2
        last = guesser.get(f"/?token={TOKEN}")
        assert (last.status_code, last.text) == (429, doorstep.SLOWER)
        assert "retry-after" in last.headers
        assert browser.get("/").status_code == 200


@pytest.mark.parametrize("token", ["", "wrong", TOKEN + "x", TOKEN[:-1], "é"])
def test_a_wrong_token_opens_nothing(guarded: App, token: str) -> None:
    with guarded.client() as client:
        assert client.get("/", params={"token": token}).status_code == 401
        given = {b"Authorization": f"Bearer {token}".strip().encode()}
        assert client.get(LORAS, headers=given).status_code == 401
        assert client.get(LORAS, headers={"Authorization": f"Basic {TOKEN}"}).status_code == 401


def test_a_token_that_nobody_has_is_not_served(services: Services) -> None:
    chosen = settings.read(["--host", "0.0.0.0"], {})
    with pytest.raises(ValueError, match="nobody could come in"):
        door.hung(chosen, "box", {})


def test_a_login_is_asked_for_everything_but_its_own_page(by_login: App) -> None:
    with by_login.client() as client:
        assert client.get("/").status_code == 200
        assert '"auth_required":true' in client.get("/").text.replace(" ", "")
        for path in (LORAS, "/config", "/gradio_api/info", "/metrics", "/gradio_api/heartbeat/x"):
            assert client.get(path).status_code == 401
        assert client.get(LORAS).json() == {"sentence": doorstep.LOGIN}
        assert client.get("/healthz").status_code == 200
        assert client.post("/gradio_api/reset", json={}).status_code == 401
        assert refused_socket(by_login) == 403
        wrong = client.post("/login", data={"username": "ann", "password": "no"})
        assert wrong.status_code == 400
        right = client.post("/login", data={"username": "ann", "password": "secret words"})
        assert right.status_code == 200
        cookies = "; ".join(f"{name}={value}" for name, value in right.cookies.items())
        assert client.get(LORAS, headers={"Cookie": cookies}).status_code == 200
        assert client.get("/config", headers={"Cookie": cookies}).status_code == 200
        assert by_login.hello(Cookie=cookies)["type"] == "hello"


def test_metrics_take_a_login_as_scrapers_send_it(by_login: App) -> None:
    with by_login.client() as client:
        # 404: the door is passed; these settings have no metrics.
        assert client.get("/metrics", auth=("bob", "others")).status_code == 404
        assert client.get("/metrics", auth=("bob", "secret words")).status_code == 401
        assert client.get(LORAS, auth=("bob", "others")).status_code == 401


def test_guessing_logins_is_slowed(by_login: App) -> None:
    with by_login.client() as client:
        guess = {"username": "ann", "password": "guess"}
        statuses = [client.post("/login", data=guess).status_code for _ in range(12)]
        assert statuses == [400] * access.BURST + [429] * 2


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("/gradio_api/live/pictures", 20 * 2**20),
        ("/gradio_api/live/open", 512 * 2**20),
        ("/gradio_api/queue/join", door.MAX_BODY_BYTES),
        ("/nowhere", door.MAX_BODY_BYTES),
    ],
)
def test_a_body_that_is_announced_too_large_is_not_read(local: App, path: str, most: int) -> None:
    with socket.create_connection(("127.0.0.1", local.port), timeout=30) as raw:
        length = most + 2 * door.ROOM
        asked = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n"
        raw.sendall(asked.encode())
        assert b" 413 " in raw.recv(4096).split(b"\r\n")[0]


@pytest.mark.parametrize("path", ["/gradio_api/queue/join", "/nowhere", "/gradio_api/run/generate"])
def test_a_body_that_does_not_end_is_cut(local: App, path: str) -> None:
    def chunks() -> Iterator[bytes]:
        yield from (b"x" * 2**16 for _ in range(door.MAX_BODY_BYTES // 2**16 + 2))

    with local.client() as client:
        answer = client.post(path, content=chunks())
        # What reads no body has answered before.
        assert answer.status_code == 413 or (
            path == "/nowhere" and answer.status_code in (404, 405)
        )
        assert client.get("/healthz").status_code == 200


def test_ways_that_nothing_of_ours_goes_are_shut(local: App) -> None:
    with local.client() as client:
        files = {"files": ("a.txt", b"text")}
        answer = client.post("/gradio_api/upload", files=files)
        assert (answer.status_code, answer.json()) == (403, {"sentence": door.NO_WAY})
        assert client.get("/gradio_api/proxy=https://a.hf.space/x").status_code == 403


@pytest.mark.parametrize("argv", [("--open",), ()])
def test_where_strangers_come_in_model_and_loras_are_fixed(
    services: Services, argv: tuple[str, ...]
) -> None:
    environ = {} if argv else {"SPACE_ID": "a/b", "SPACE_HOST": "a-b.hf.space"}
    with served(services, *argv, environ=environ) as app, app.client() as client:
        assert FIXED in client.get("/").text
        answer = client.post(f"{LORAS}?id=alice/ink")
        assert (answer.status_code, answer.json()) == (403, {"sentence": FIXED_LORAS})
        with app.wire() as wire:
            wire.recv(timeout=30)
            wire.send(json.dumps({"type": "model", "seq": 1, "name": "other"}))
            heard = [json.loads(wire.recv(timeout=30)) for _ in range(2)]
            assert FIXED in [message["sentence"] for message in heard]
        assert services.row.name == "postcard"
        framed = "https://*.hf.space" in client.get("/").headers["content-security-policy"]
        assert framed is (not argv)
