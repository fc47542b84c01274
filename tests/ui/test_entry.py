"""What is shown to come in, a token or a login, over HTTP and WebSocket."""

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from gradio_client import Client
from gradio_client.exceptions import AuthenticationError

from klein_ui import access, settings
from klein_ui.seal import Seal
from klein_ui.ui import door, doorstep
from klein_ui.ui.services import Services

from .doors import (
    BEARER,
    FOREIGN,
    LORAS,
    PASSWORD,
    TOKEN,
    WAYS,
    App,
    cookies_of,
    logged_in,
    logins_at,
    refused_socket,
    served,
)


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
    with served(services, *logins_at(path)) as app:
        yield app


@pytest.fixture
def local(services: Services) -> Iterator[App]:
    """For this machine only."""
    with served(services, "--allow-host", "live.example.com") as app:
        yield app


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
        assert TOKEN.encode().hex() not in str(answer.headers)
        assert client.get("/?prompt=a%20lake&seed=7").status_code == 200
        assert client.get(LORAS).status_code == 200
        # A bookmark with the token in it is tidied up again.
        assert client.get(f"/?token={TOKEN}").headers["location"] == "./"
        (name,) = [name for name in client.cookies if name.startswith("klein-door-")]
        assert guarded.hello(Cookie=f"{name}={client.cookies[name]}")["type"] == "hello"
        assert refused_socket(guarded, Cookie=f"{name}={client.cookies[name]}0") == 403
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
        door.hung(chosen, "box", {}, Seal())


def test_a_login_is_asked_for_everything(by_login: App) -> None:
    with by_login.client() as client:
        for path in (*WAYS, "/theme.css", "/gradio_api/user", "/gradio_api/heartbeat/x"):
            answer = client.get(path)
            assert answer.status_code == 401
            assert "set-cookie" not in answer.headers
        asked = client.get("/")
        assert doorstep.WANTED_LOGIN in asked.text
        assert asked.text.count("<input") == 2
        assert "<script" not in asked.text
        assert client.get(LORAS).json() == {"sentence": doorstep.LOGIN}
        assert client.get("/healthz").status_code == 200
        assert client.post("/gradio_api/reset", json={}).status_code == 401
    assert refused_socket(by_login) == 403


def test_no_page_of_others_shows_the_fields_for_a_password(
    services: Services, tmp_path: Path
) -> None:
    path, blog = tmp_path / "logins", "https://blog.example.com"
    path.write_text("ann:secret words\n", encoding="utf-8")
    form = {doorstep.NAME: "ann", doorstep.PASSWORD: "wrong"}
    with (
        served(services, *logins_at(path), "--embed-on", blog) as app,
        app.client(Origin=app.url) as client,
    ):
        for answer in (
            client.get("/embed"),
            client.get("/emb%65d"),
            client.post("/embed", data=form),
        ):
            assert (answer.status_code, answer.text) == (401, doorstep.LOGIN_IN_FRAME)
        assert blog not in client.get("/").headers["content-security-policy"]
        shown = client.get("/embed", headers=logged_in(app))
        assert shown.status_code == 200
        assert blog in shown.headers["content-security-policy"]


def test_the_page_with_two_fields_logs_in(by_login: App) -> None:
    form = {doorstep.NAME: " ann ", doorstep.PASSWORD: "secret words"}
    with by_login.client(Origin=by_login.url) as client:
        wrong = client.post("/?prompt=a", data={**form, doorstep.PASSWORD: "no"})
        assert wrong.status_code == 401
        assert doorstep.WRONG_LOGIN in wrong.text
        right = client.post("/?prompt=a", data=form)
        assert (right.status_code, right.headers["location"]) == (303, "./?prompt=a")
        kept = set(right.headers["set-cookie"].split("; "))
        assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= kept
        assert "secret" not in str(right.headers)
        for path in ("/", LORAS, "/config"):
            assert client.get(path).status_code == 200
        # Of a second tab that still has the page with the fields.
        assert client.post("/?prompt=b", data=form).headers["location"] == "./?prompt=b"
        by_browser = client.post("/login", data=form, headers={"Accept": "text/html"})
        assert (by_browser.status_code, by_browser.headers["location"]) == (303, "./")
        assert client.post("/", data={**form, "x": "x" * 5000}).status_code == 413
    assert by_login.hello(**logged_in(by_login, "bob", "others"))["type"] == "hello"
    foreign = {"Origin": "https://evil.example"}
    with by_login.client(**foreign) as client:
        assert client.post("/", data=form).status_code == 403


def test_clients_of_gradio_log_in_as_they_are_used_to(by_login: App) -> None:
    with by_login.client() as client:
        wrong = client.post("/login", data={"username": "ann", "password": "no"})
        assert (wrong.status_code, wrong.json()["detail"]) == (401, doorstep.WRONG_LOGIN)
        assert client.post("/login", json={}).status_code == 401
        right = client.post("/login", data={"username": "ann", "password": "secret words"})
        assert (right.status_code, right.json()) == (200, {"success": True})
        assert client.get("/config").status_code == 200
    ann = Client(by_login.url, auth=("ann", PASSWORD), verbose=False)
    assert "/generate" in str(ann.view_api(return_format="dict"))
    with pytest.raises(AuthenticationError):
        Client(by_login.url, auth=("ann", "no"), verbose=False)


def test_who_is_in_is_in_after_a_restart_too(services: Services, tmp_path: Path) -> None:
    logins = tmp_path / "logins"
    logins.write_text("ann:secret words\nbob:others\n", encoding="utf-8")
    with served(services, *logins_at(logins)) as app:
        ann, bob = logged_in(app), logged_in(app, "bob", "others")
    with served(services, *logins_at(logins)) as app, app.client() as client:
        assert app.hello(**ann)["type"] == "hello"
        assert [client.get(LORAS, headers=one).status_code for one in (ann, bob)] == [200, 200]
    logins.write_text("ann:another one\n", encoding="utf-8")
    with served(services, *logins_at(logins)) as app, app.client() as client:
        assert [client.get(LORAS, headers=one).status_code for one in (ann, bob)] == [401, 401]
        assert refused_socket(app, **ann) == 403
    # Another installation, whose key is another one.
    logins.write_text("ann:secret words\n", encoding="utf-8")
    with served(replace(services, seal=Seal()), *logins_at(logins)) as app, app.client() as client:
        assert client.get(LORAS, headers=ann).status_code == 401


def test_who_has_shown_the_token_is_in_after_a_restart_too(services: Services) -> None:
    flags = ("--host", "0.0.0.0", "--token")
    with served(services, *flags, TOKEN) as app, app.client() as client:
        kept = cookies_of(client.get(f"/?token={TOKEN}"))
    with served(services, *flags, TOKEN) as app:
        assert app.hello(**kept)["type"] == "hello"
    with served(services, *flags, TOKEN + "2") as app:
        assert refused_socket(app, **kept) == 403


def test_nobody_is_logged_out_by_an_address(by_login: App) -> None:
    ann, second, bob = (
        logged_in(by_login),
        logged_in(by_login),
        logged_in(by_login, "bob", "others"),
    )
    with by_login.client() as client:
        foreign = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
        asked = client.get("/logout", headers={**ann, **foreign})
        assert (asked.status_code, asked.text.count("<button")) == (200, 1)
        assert "logged in as ann" in asked.text
        assert "set-cookie" not in asked.headers
        for headers in (FOREIGN, {"Origin": "null"}):
            assert client.post("/logout", headers={**ann, **headers}).status_code == 403
        assert client.get("/config", headers=ann).status_code == 200
        assert client.get("/logout").status_code == 401
        out = client.post("/logout", headers={**ann, "Origin": by_login.url})
        assert (out.status_code, out.headers["location"]) == (303, "./")
        assert "Max-Age=0" in out.headers["set-cookie"]
        for one, status in ((ann, 401), (second, 401), (bob, 200)):
            assert client.get("/config", headers=one).status_code == status
        assert client.get("/config", headers=logged_in(by_login)).status_code == 200


def test_an_open_page_hears_whether_it_is_still_let_in(by_login: App, local: App) -> None:
    ann = logged_in(by_login)
    with by_login.client() as client, local.client() as friend:
        assert client.get(doorstep.ADMITTED).status_code == 401
        assert client.get(doorstep.ADMITTED, headers=ann).status_code == 204
        assert friend.get(doorstep.ADMITTED).status_code == 204


def test_what_a_user_typed_is_the_users_in_any_browser(by_login: App, services: Services) -> None:
    boards = "/gradio_api/live/boards"
    with by_login.client() as client:
        first, second = logged_in(by_login), logged_in(by_login)
        made = client.post(boards, json={"title": "mine"}, headers=first)
        assert made.status_code == 200
        (board,) = client.get(boards, headers=second).json()["boards"]
        assert board["title"] == "mine"
        bob = logged_in(by_login, "bob", "others")
        assert client.get(boards, headers=bob).json() == {"boards": []}
    assert [one.title for one in services.moodboard.boards("user ann")] == ["mine"]


def test_metrics_take_a_login_as_scrapers_send_it(by_login: App) -> None:
    with by_login.client() as client:
        # 404: the door is passed; these settings have no metrics.
        assert client.get("/metrics", auth=("bob", "others")).status_code == 404
        assert client.get("/metrics", auth=("bob", "secret words")).status_code == 401
        assert client.get(LORAS, auth=("bob", "others")).status_code == 401


def test_guessing_logins_is_slowed_and_right_ones_are_no_tries(by_login: App) -> None:
    guess = {"username": "ann", "password": "guess"}
    bob = {"username": "bob", "password": "others"}
    with by_login.client() as client, by_login.client() as browser:
        ins = [client.post("/login", data=bob).status_code for _ in range(access.BURST * 2)]
        assert set(ins) == {200}
        client.cookies.clear()
        known = logged_in(by_login, "bob", "others")
        # A login of one's own, by turns, makes guessing at another's no faster.
        statuses = []
        for _ in range(access.BURST + 2):
            statuses.append(client.post("/login", data=guess).status_code)
            client.post("/login", data=bob)
        assert statuses == [401] * access.BURST + [429] * 2
        # Who is in stays in, whatever others at the same address try.
        assert browser.get("/config", headers=known).status_code == 200
        assert by_login.hello(**known)["type"] == "hello"
        late = client.post("/", data=bob)
        assert (late.status_code, late.text) == (429, doorstep.SLOWER)


def test_programs_with_the_right_token_make_no_tries(guarded: App) -> None:
    with guarded.client() as client:
        for _ in range(access.BURST * 2):
            assert client.get(LORAS, headers=BEARER).status_code == 200
        statuses = []
        for _ in range(access.BURST + 2):
            statuses.append(client.get("/?token=wrong").status_code)
            client.get(LORAS, headers=BEARER)
        assert statuses == [401] * access.BURST + [429] * 2
