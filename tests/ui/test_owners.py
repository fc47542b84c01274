"""Who asks: a browser by its cookie, a user by the login, and nobody without either."""

from typing import Any

import pytest
from gradio.routes import App
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection
from starlette.requests import Request as HTTPRequest
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from klein_ui.ui.owners import COOKIE, Named, owner_of


async def page(request: HTTPRequest) -> Response:
    return HTMLResponse("<p>page</p>")


async def text(request: HTTPRequest) -> Response:
    return PlainTextResponse("text")


def served(base_url: str = "http://testserver") -> TestClient:
    routes = [Route("/", page), Route("/text", text)]
    return TestClient(Starlette(routes=routes, middleware=[Middleware(Named)]), base_url)


def asking(cookies: dict[str, str], app: object = None) -> HTTPConnection:
    header = "; ".join(f"{name}={value}" for name, value in cookies.items()).encode()
    scope: dict[str, Any] = {"type": "http", "headers": [(b"cookie", header)], "app": app}
    return HTTPConnection(scope)


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
    assert "set-cookie" not in client.get("/text").headers
    client.get("/")
    first = client.cookies[COOKIE]
    client.get("/")
    assert client.cookies[COOKIE] == first
    assert served().get("/").cookies[COOKIE] != first


@pytest.mark.parametrize("value", ["", "short", "x" * 33, "é" * 32, "a b" + "c" * 29])
def test_what_is_no_cookie_of_ours_owns_nothing(value: str) -> None:
    assert owner_of(asking({COOKIE: value} if value.isascii() else {})) == ""


def test_the_name_of_an_owner_does_not_tell_the_cookie() -> None:
    owner = owner_of(asking({COOKIE: "x" * 32}))
    assert owner
    assert "x" * 32 not in owner
    assert owner != owner_of(asking({COOKIE: "y" * 32}))


def test_with_a_login_the_user_owns_and_the_cookie_does_not() -> None:
    app = App()
    app.auth = {"ann": "secret"}  # type: ignore[assignment]
    app.tokens = {"token": "ann"}
    of_ann = {f"access-token-unsecure-{app.cookie_id}": "token", COOKIE: "x" * 32}
    assert owner_of(asking(of_ann, app)) == "user ann"
    assert owner_of(asking({COOKIE: "x" * 32}, app)) == ""
    app.auth = None
    assert owner_of(asking(of_ann, app)).startswith("browser ")
