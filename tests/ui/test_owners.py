"""Who asks: a browser by its cookie, a user by the login, and nobody without either."""

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request as HTTPRequest
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket

from klein_ui.limits import Limits
from klein_ui.seal import Seal
from klein_ui.ui.owners import COOKIE, NEW, Named, browser, owner_of

SEAL = Seal(b"k" * 32)
MADE_UP = "x" * 32


async def page(request: HTTPRequest) -> Response:
    return HTMLResponse("<p>page</p>")


async def who(request: HTTPRequest) -> Response:
    return PlainTextResponse(owner_of(request))


async def wire(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text(owner_of(socket))
    await socket.close()


def served(
    base_url: str = "http://testserver", *, is_public: bool = False, seal: Seal = SEAL
) -> TestClient:
    routes = [Route("/", page), Route("/who", who), WebSocketRoute("/wire", wire)]
    named = Middleware(Named, seal, Limits(lambda: 0.0), is_public=is_public)
    there = ("93.184.216.34", 1)
    return TestClient(Starlette(routes=routes, middleware=[named]), base_url, client=there)


def test_the_page_brings_a_cookie_that_no_script_reads_and_no_other_site_sends() -> None:
    header = served().get("/").headers["set-cookie"]
    assert header.startswith(f"{COOKIE}=")
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(header.split("; "))
    assert "Secure" not in header


FRAMED = {"SameSite=None", "Secure", "Partitioned"}


@pytest.mark.parametrize("forwarded", ["", "https", "https, http"])
def test_over_tls_a_page_in_the_frame_of_another_site_has_its_cookie(forwarded: str) -> None:
    client = served("http://testserver" if forwarded else "https://testserver")
    headers = {"X-Forwarded-Proto": forwarded} if forwarded else {}
    header = client.get("/", headers=headers).headers["set-cookie"]
    assert FRAMED | {"HttpOnly", "Path=/"} <= set(header.split("; "))


@pytest.mark.parametrize("forwarded", ["http", "http, https", "httpsx"])
def test_without_tls_there_is_no_cookie_that_a_browser_would_refuse(forwarded: str) -> None:
    header = served().get("/", headers={"X-Forwarded-Proto": forwarded}).headers["set-cookie"]
    assert "SameSite=Lax" in header.split("; ")
    assert not FRAMED & set(header.split("; "))


def test_a_browser_keeps_its_name_and_only_a_page_gives_one() -> None:
    client = served()
    assert "set-cookie" not in client.get("/who").headers
    client.get("/")
    first = client.cookies[COOKIE]
    client.get("/")
    assert client.cookies[COOKIE] == first
    assert served().get("/").cookies[COOKIE] != first
    assert client.get("/who").text == browser(first) != ""
    with client.websocket_connect("/wire") as socket:
        assert socket.receive_text() == browser(first)


@pytest.mark.parametrize("value", ["", "short", "x" * 33, "a b" + "c" * 29, MADE_UP + ".0"])
def test_what_is_no_cookie_of_ours_owns_nothing(value: str) -> None:
    for is_public in (True, False):
        client = served(is_public=is_public)
        client.cookies[COOKIE] = value
        assert client.get("/who").text == ""


def test_the_name_of_an_owner_does_not_tell_the_cookie() -> None:
    owner = browser(MADE_UP)
    assert owner.startswith("browser ")
    assert MADE_UP not in owner
    assert owner != browser("y" * 32)


@pytest.mark.parametrize(
    "signature",
    ["", "." + "0" * 64, "." + Seal().sign("browser", MADE_UP)],
    ids=["none", "zeros", "of another key"],
)
def test_where_strangers_come_in_a_made_up_name_owns_nothing_and_is_replaced(
    signature: str,
) -> None:
    client = served(is_public=True)
    client.cookies[COOKIE] = MADE_UP + signature
    assert client.get("/who").text == ""
    with client.websocket_connect("/wire") as socket:
        assert socket.receive_text() == ""
    del client.cookies[COOKIE]
    fresh = client.get("/", headers={"Cookie": f"{COOKIE}={MADE_UP}{signature}"}).cookies[COOKIE]
    assert not fresh.startswith(MADE_UP)
    assert client.get("/who").text == browser(fresh) != ""
    # A restart with the same key knows it again.
    again = served(is_public=True)
    assert again.get("/who", headers={"Cookie": f"{COOKIE}={fresh}"}).text == browser(fresh)


@pytest.mark.parametrize("signature", ["", "." + "0" * 64])
def test_among_friends_nothing_vanishes_with_a_signature(signature: str) -> None:
    client = served()
    header = {"Cookie": f"{COOKIE}={MADE_UP}{signature}"}
    assert client.get("/who", headers=header).text == browser(MADE_UP)
    mended = client.get("/", headers=header).cookies[COOKIE]
    assert mended == f"{MADE_UP}.{SEAL.sign('browser', MADE_UP)}"


def test_an_address_has_only_so_many_new_browsers_where_strangers_come_in() -> None:
    strangers, friends = served(is_public=True), served()
    for client, given in ((strangers, NEW.burst), (friends, NEW.burst + 5)):
        found = set[str]()
        for _ in range(NEW.burst + 5):
            client.cookies.clear()
            found |= set(client.get("/").cookies.values())
        assert len(found) == given
