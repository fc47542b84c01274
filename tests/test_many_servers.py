"""Two app processes on one data folder, behind the proxy of the documentation."""

import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from websockets.sync.client import connect

from tests.started import LONG_S, ROOT, Started, Talk, free_port, started

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
CONFIGURATION = ROOT / "docs" / "nginx" / "klein-live.conf"
NAME = "live.example.com"
PAIR = 2

pytestmark = [
    pytest.mark.skipif(NGINX is None, reason="no nginx here; install nginx"),
    pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make a certificate"),
]


@dataclass(frozen=True)
class Site:
    """What stands behind one name: two apps."""

    apps: tuple[Started, ...]
    port: int
    tls: ssl.SSLContext

    def ask(self, method: str, path: str, cookie: str = "", body: Any = None) -> tuple[int, Any]:
        """Through the proxy; the status and the JSON, or the cookie that came with a page."""
        wire = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=LONG_S, context=self.tls)
        headers = {"Host": NAME, "Cookie": cookie, "Content-Type": "application/json"}
        wire.request(method, path, json.dumps(body) if body is not None else None, headers)
        answer = wire.getresponse()
        content = answer.read()
        wire.close()
        if answer.getheader("content-type", "").startswith("text/html"):
            return answer.status, (answer.getheader("Set-Cookie") or "").partition(";")[0]
        return answer.status, json.loads(content)

    def new_cookie(self) -> str:
        """Of a browser that was never here."""
        status, cookie = self.ask("GET", "/")
        assert (status, cookie.partition("=")[0]) == (200, "klein-browser")
        return str(cookie)

    @contextmanager
    def page(self, cookie: str) -> Iterator[Talk]:
        """A page's socket, through the proxy."""
        raw = socket.create_connection(("127.0.0.1", self.port))
        address = f"wss://{NAME}/gradio_api/live"
        sent = {"Cookie": cookie}
        with connect(address, sock=raw, ssl=self.tls, additional_headers=sent) as wire:
            yield Talk(wire)

    def server_of(self, cookie: str) -> int:
        """Which app has the page of that browser."""
        with self.page(cookie) as talk:
            talk.types("a red sun", seq=1)
            talk.hears("frame", stage="final")
            (found,) = [index for index, app in enumerate(self.apps) if open_pages(app)]
        return found


def open_pages(app: Started) -> int:
    return int(app.get("/gradio_api/live/diagnostics")[1]["sessions"]["open"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with served(tmp_path_factory.mktemp("site")) as running:
        yield running


@contextmanager
def served(folder: Path, *flags: str) -> Iterator[Site]:
    """Two apps with `flags` on one data folder, and the proxy in front of them."""
    with ExitStack() as running:
        data = ("--data-dir", str(folder / "data"))
        apps = tuple(
            running.enter_context(started(folder / f"log-{index}", *data, *ALLOWED, *flags))
            for index in range(PAIR)
        )
        port = free_port()
        running.enter_context(proxy(folder, port, apps))
        tls = ssl.create_default_context(cafile=str(folder / f"{NAME}.pem"))
        yield Site(apps, port, tls)


ALLOWED = ("--allow-host", NAME)


@contextmanager
def proxy(folder: Path, port: int, apps: tuple[Started, ...]) -> Iterator[None]:
    """The proxy of the documentation in front of `apps`, with a certificate made now."""
    certificate(folder)
    text = CONFIGURATION.read_text().replace("listen 443", f"listen 127.0.0.1:{port}")
    text = text.replace("/etc/ssl", str(folder))
    for written, app in zip((7861, 7862), apps, strict=True):
        text = text.replace(f"127.0.0.1:{written}", f"127.0.0.1:{app.port}")
    places = "".join(
        f"{kind}_temp_path {folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    whole = folder / "nginx.conf"
    whole.write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/error.log;"
        f"events {{}} http {{ {places} {text} }}"
    )
    assert NGINX is not None
    command = [NGINX, "-p", str(folder), "-c", str(whole), "-e", str(folder / "error.log")]
    subprocess.run([*command, "-t"], check=True, capture_output=True)
    with subprocess.Popen(command) as process:
        try:
            with socket.socket() as knock:
                knock.settimeout(LONG_S)
                while knock.connect_ex(("127.0.0.1", port)):
                    assert process.poll() is None, (folder / "error.log").read_text()
            yield
        finally:
            process.terminate()


def certificate(folder: Path) -> None:
    """A key and a certificate of its own for the name."""
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
    files = ["-keyout", str(folder / f"{NAME}.key"), "-out", str(folder / f"{NAME}.pem")]
    about = ["-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME},IP:127.0.0.1"]
    subprocess.run([*command, *files, *about], check=True, capture_output=True)


def pinned(site: Site, app: Started, cookie: str, prompt: str) -> None:
    """Type `prompt` at `app` itself, and keep the picture."""
    wire = f"ws://127.0.0.1:{app.port}/gradio_api/live"
    with connect(wire, additional_headers={"Cookie": cookie}) as socket_of_page:
        talk = Talk(socket_of_page)
        talk.types(prompt, seq=1)
        frame = talk.hears("frame", stage="final")["frame"]
    asked = http.client.HTTPConnection("127.0.0.1", app.port, timeout=LONG_S)
    headers = {"Cookie": cookie, "Content-Type": "application/json"}
    asked.request("POST", "/gradio_api/live/pins", json.dumps({"frame": frame}), headers)
    answer = asked.getresponse()
    assert answer.status == 200, answer.read()
    asked.close()


def posted(site: Site, path: str, cookie: str = "", **fields: str) -> tuple[int, str]:
    """A form sent through the proxy, as a browser does; the status and the cookie that came."""
    wire = http.client.HTTPSConnection("127.0.0.1", site.port, timeout=LONG_S, context=site.tls)
    kind = "application/x-www-form-urlencoded"
    headers = {"Host": NAME, "Accept": "text/html", "Content-Type": kind, "Cookie": cookie}
    headers["Origin"] = f"https://{NAME}"
    wire.request("POST", path, urlencode(fields), headers)
    answer = wire.getresponse()
    answer.read()
    wire.close()
    return answer.status, (answer.getheader("Set-Cookie") or "").partition(";")[0]


def entered(app: Started, ticket: str) -> int:
    """What `app` itself says to a browser with that cookie."""
    wire = http.client.HTTPConnection("127.0.0.1", app.port, timeout=LONG_S)
    wire.request("GET", "/gradio_api/live/boards", headers={"Cookie": f"{ticket}; {BROWSER}"})
    status = wire.getresponse().status
    wire.close()
    return status


BROWSER = "klein-browser=" + "b" * 32


@pytest.mark.long
def test_who_logs_in_through_the_proxy_is_in_at_both_and_out_of_both(tmp_path: Path) -> None:
    logins = tmp_path / "logins"
    logins.touch(0o600)
    logins.write_text("ann:secret words\n")
    with served(tmp_path, "--logins", str(logins)) as site:
        assert posted(site, "/", username="ann", password="wrong") == (401, "")
        status, ticket = posted(site, "/", username="ann", password="secret words")
        assert status == 303
        assert site.ask("GET", "/gradio_api/live/boards", ticket)[0] == 200
        assert [entered(app, ticket) for app in site.apps] == [200, 200]
        assert [entered(app, f"{ticket}0") for app in site.apps] == [401, 401]
        assert posted(site, "/logout", ticket)[0] == 303
        assert [entered(app, ticket) for app in site.apps] == [401, 401]


def test_a_browser_stays_with_its_server_and_all_servers_are_used(site: Site) -> None:
    cookies = [site.new_cookie() for _ in range(8)]
    first = [site.server_of(cookie) for cookie in cookies]
    assert [site.server_of(cookie) for cookie in cookies] == first
    assert set(first) == {0, 1}


def test_both_keep_pins_on_one_board_at_once(site: Site) -> None:
    cookie = site.new_cookie()
    words = [f"picture {number}" for number in range(12)]
    with ThreadPoolExecutor(4) as at_once:
        list(
            at_once.map(
                lambda word: pinned(site, site.apps[int(word.split()[1]) % PAIR], cookie, word),
                words,
            )
        )
    status, boards = site.ask("GET", "/gradio_api/live/boards", cookie)
    assert status == 200
    (board,) = boards["boards"]
    found = site.ask("GET", f"/gradio_api/live/boards/{board['id']}/pins", cookie)[1]["pins"]
    assert sorted(pin["prompt"] for pin in found) == sorted(words)


def test_when_a_server_goes_its_browsers_move_on_with_their_boards(site: Site) -> None:
    cookie = next(each for each in iter(site.new_cookie, "") if site.server_of(each) == 0)
    pinned(site, site.apps[0], cookie, "a lighthouse")
    os.kill(site.apps[0].process.pid, signal.SIGKILL)
    site.apps[0].process.wait()
    with site.page(cookie) as talk:
        talk.types("a lighthouse at dusk", seq=1)
        assert talk.hears("frame", stage="final")["seq"] == 1
        assert open_pages(site.apps[1]) == 1
    (board,) = site.ask("GET", "/gradio_api/live/boards", cookie)[1]["boards"]
    assert board["pins"] == 1
