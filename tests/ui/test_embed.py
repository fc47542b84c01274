"""The prompt box for other pages: what it is made of, and whose frames may show it."""

import asyncio
import re
from dataclasses import replace

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.testclient import TestClient
from starlette.types import Message

from klein_ui import settings
from klein_ui.ui import embed, page
from klein_ui.ui.headers import Headers
from klein_ui.ui.services import Services

BLOG = "https://blog.example.com"


def test_it_is_one_small_page_that_asks_for_nothing_else() -> None:
    with TestClient(Starlette(routes=embed.routes())) as client:
        page = client.get(f"{embed.PATH}?prompt=%3Cscript%3E")
    assert page.headers["content-type"].startswith("text/html")
    assert "%3C" not in page.text
    assert page.text.count("<script>") == 1
    assert not re.search(r"(?:src|href)=[\"']?(?:https?:)?//", page.text)
    assert len(page.content) < 20_000


def test_on_zero_gpu_where_there_is_no_socket_it_is_a_sentence(services: Services) -> None:
    lent = replace(services, settings=settings.read([], {"SPACES_ZERO_GPU": "true"}))
    with TestClient(Starlette(routes=page.routes(lent))) as client:
        answer = client.get(embed.PATH)
    assert (answer.status_code, answer.text) == (404, embed.ABSENT)


def test_only_the_box_is_for_the_pages_that_are_named() -> None:
    for path, by in ((embed.PATH, f"'self' {BLOG}"), ("/", "'self'")):
        told = asyncio.run(begun(Headers(is_space=False, embed_on=(BLOG,)), path))
        assert told["content-security-policy"].endswith(f"frame-ancestors {by}")
    nobody = asyncio.run(begun(Headers(is_space=False), embed.PATH))
    assert nobody["content-security-policy"].endswith("frame-ancestors 'self'")


async def begun(headers: Headers, path: str) -> MutableHeaders:
    """The headers of an answer to what was asked at `path`."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "path": path, "scheme": "http", "headers": []}
    await headers.on(send, scope, "localhost")({"type": "http.response.start", "status": 200})
    return MutableHeaders(scope=sent[0])
