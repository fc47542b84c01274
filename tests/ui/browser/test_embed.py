"""The live prompt box in a frame of another site's page, in a real browser."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from playwright.sync_api import Browser, Frame, Page, expect

from klein_ui.engine.fake import FakeEngine

from .tab import Site

OUTER = '<!doctype html><title>A blog</title><iframe src="{src}" width="400" height="500"></iframe>'


class Blog:
    """A site of another name that shows the box in its page."""

    def __init__(self) -> None:
        self.src = ""
        blog = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = OUTER.format(src=blog.src).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *said: Any) -> None:
                """Nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        # For the browser this is another site than 127.0.0.1.
        self.origin = f"http://localhost:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture(scope="module")
def blog() -> Iterator[Blog]:
    made = Blog()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def outer(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    yield context.new_page()
    context.close()


def framed(outer: Page, blog: Blog, src: str) -> Frame:
    """The frame of the blog's page with `src` in it."""
    blog.src = src
    outer.goto(blog.origin)
    _, inner = outer.frames
    return inner


@pytest.fixture(scope="module")
def embedding(serve: Callable[..., Site], blog: Blog) -> Site:
    """A site that lets the blog, and nobody else, show its box."""
    flags = ("--embed-on", blog.origin)
    return serve(FakeEngine(render_s=0.02, fails_on="thunderbolt"), flags=flags)


def test_another_site_shows_a_picture_while_one_types(
    outer: Page, blog: Blog, embedding: Site
) -> None:
    errors: list[str] = []
    outer.on("pageerror", lambda error: errors.append(str(error)))
    inner = framed(outer, blog, f"{embedding.url}embed?prompt=a+lake&seed=3")
    expect(inner.locator("img[data-stage=final]")).to_have_attribute("alt", "a lake")
    box = inner.get_by_role("textbox", name="Prompt")
    box.press("End")
    box.press_sequentially(" at night", delay=20)
    shown = inner.locator("img")
    expect(shown).to_have_attribute("alt", "a lake at night")
    expect(shown).to_have_attribute("data-stage", "final")
    assert shown.evaluate("image => image.naturalWidth") == 256
    assert embedding.engine.prompts[-1] == "a lake at night"
    assert errors == []


def test_what_goes_wrong_is_said_in_the_frame(outer: Page, blog: Blog, embedding: Site) -> None:
    inner = framed(outer, blog, f"{embedding.url}embed")
    inner.get_by_role("textbox", name="Prompt").fill("thunderbolt")
    expect(inner.get_by_role("status")).to_contain_text("type something else")


@pytest.mark.parametrize("path", ["embed", ""])
def test_an_origin_that_is_not_named_is_refused(
    outer: Page, blog: Blog, site: Site, path: str
) -> None:
    inner = framed(outer, blog, f"{site.url}{path}")
    assert inner.locator("input").count() == 0
    assert inner.url == "chrome-error://chromewebdata/"


def test_the_page_itself_is_in_nobodys_frame(outer: Page, blog: Blog, embedding: Site) -> None:
    inner = framed(outer, blog, embedding.url)
    assert inner.url == "chrome-error://chromewebdata/"
