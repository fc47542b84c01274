"""The tools of MCP with a real client over HTTP, in front of which stands the door."""

import asyncio
import base64
import io
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client
from mcp.types import CallToolResult, ImageContent, TextContent
from PIL import Image

from klein_ui import validate
from klein_ui.contract import InvalidRequest
from klein_ui.limits import CALLS, GENEROUS, Limits
from klein_ui.settings import Settings
from klein_ui.ui import api_calls, page, programs, tools
from klein_ui.ui.answers import FOREIGN_PAGE
from klein_ui.ui.services import Services

from ..started import free_port

# The client's own streams are closed by the collector, and it uses older names.
pytestmark = pytest.mark.filterwarnings("ignore")

TOKEN = "a-token-of-this-test"  # noqa: S105
SMALL = {"width": 128, "height": 128}


def serve(services: Services, **chosen: Any) -> Iterator[tuple[Services, str]]:
    settings: Settings = replace(services.settings, port=free_port(), mcp=True, **chosen)
    served = replace(services, settings=settings)
    blocks = page.build(served)
    url = page.launch(blocks, served, block_thread=False).url.rstrip("/")
    yield served, f"{url}{programs.MCP_PATH}/"
    blocks.close(verbose=False)


@pytest.fixture
def here(services: Services) -> Iterator[tuple[Services, str]]:
    yield from serve(services)


@pytest.fixture
def guarded(services: Services) -> Iterator[tuple[Services, str]]:
    yield from serve(services, token=TOKEN)


@pytest.fixture
def with_logins(services: Services, tmp_path: Path) -> Iterator[tuple[Services, str]]:
    logins = tmp_path / "logins"
    logins.write_text("ada:engine\n", encoding="utf-8")
    yield from serve(services, logins=logins)


@asynccontextmanager
async def client(at: tuple[Services, str], **headers: str) -> AsyncIterator[ClientSession]:
    async with (
        streamablehttp_client(at[1], headers=headers) as (read, write, _),
        ClientSession(read, write) as session,
    ):
        await session.initialize()
        yield session


def told(result: CallToolResult) -> dict[str, Any]:
    """What a tool says beside its picture, which is one that can be seen."""
    assert not result.isError, result.content
    picture, *texts = result.content
    assert isinstance(picture, ImageContent)
    with Image.open(io.BytesIO(base64.b64decode(picture.data))) as shown:
        said: dict[str, Any] = {"size": shown.size, "mime": picture.mimeType}
    for text in texts:
        assert isinstance(text, TextContent)
        said |= json.loads(text.text)
    return said


def refusal(result: CallToolResult) -> str:
    assert result.isError
    (text,) = result.content
    assert isinstance(text, TextContent)
    return text.text


async def test_a_client_finds_three_tools(here: tuple[Services, str]) -> None:
    async with client(here) as session:
        listed = (await session.list_tools()).tools
    assert [tool.name for tool in listed] == ["generate", "edit", "pin"]
    assert "FLUX.2" in (listed[0].description or "")
    assert listed[0].inputSchema["required"] == ["prompt"]


async def test_a_picture_is_made_edited_and_pinned(here: tuple[Services, str]) -> None:
    async with client(here) as session:
        made = told(await session.call_tool("generate", {"prompt": "sun", "seed": 3, **SMALL}))
        assert (made["size"], made["mime"], made["seed"]) == ((128, 128), "image/jpeg", 3)
        image = {"frame": made["frame"], "role": "the subject"}
        edited = told(
            await session.call_tool("edit", {"prompt": "at night", "images": [image], **SMALL})
        )
        pinned = told(
            await session.call_tool("pin", {"frame": edited["frame"], "board": "Of a program"})
        )
        again = told(
            await session.call_tool("pin", {"prompt": "sea", "board": "Of a program", **SMALL})
        )
    assert pinned["board"] == "Of a program"
    assert again["board_id"] == pinned["board_id"]
    services, _ = here
    boards = services.moodboard.boards(programs.THIS_MACHINE)
    assert [(board.title, board.pins) for board in boards] == [("Of a program", 2)]
    pin = services.moodboard.get(programs.THIS_MACHINE, pinned["pin"])
    (looked_at,) = pin.request.references
    maker = services.pictures.made_by(looked_at.digest)
    assert maker is not None
    assert maker.prompt == "sun"
    async with httpx.AsyncClient() as web:
        whole = await web.get(made["png"])
    assert whole.headers["content-type"] == "image/png"


async def test_an_image_may_come_in_base64_with_a_mask(here: tuple[Services, str]) -> None:
    out = io.BytesIO()
    Image.fromarray(np.full((96, 96, 3), 200, dtype=np.uint8)).save(out, "PNG")
    data = base64.b64encode(out.getvalue()).decode()
    async with client(here) as session:
        asked = {"prompt": "x", "images": [{"data": data}], "mask": f"data:image/png;base64,{data}"}
        told(await session.call_tool("edit", asked))
        for images, says in (
            ([{"data": "!"}], tools.NO_DATA),
            ([{}], tools.ONE_SOURCE),
            ([{"data": data, "frame": "x"}], tools.ONE_SOURCE),
            ([{"data": base64.b64encode(b"GIF89a").decode()}], "GIF images cannot be read here"),
            ("x", tools.NO_IMAGES),
            ([], api_calls.NO_IMAGE),
            ([{"frame": "nothing"}], "no longer kept"),
        ):
            result = await session.call_tool("edit", {"prompt": "x", "images": images})
            assert says in refusal(result)


async def test_a_frame_that_is_made_again_counts_as_a_call(services: Services) -> None:
    own = replace(services, limits=Limits(lambda: 0.0))
    request = validate.asked({"prompt": "sun", **SMALL}, own.row).request
    names = [own.shelf.promise(request) for _ in range(2)]
    for at in serve(own):
        for _ in range(CALLS.burst * GENEROUS - 2):
            own.limits.wait_s(CALLS, "127.0.0.1")
        async with client(at) as session:
            images = [{"frame": name} for name in names]
            result = await session.call_tool("edit", {"prompt": "x", "images": images})
            assert CALLS.who in refusal(result)
            result = await session.call_tool("pin", {"frame": names[1]})
            assert CALLS.who in refusal(result)


async def test_no_base64_is_decoded_where_everybody_waits(
    here: tuple[Services, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    places = set[bool]()

    def seen(value: object) -> bytes:
        places.add(asyncio._get_running_loop() is None)
        raise InvalidRequest("data", tools.NO_DATA)

    monkeypatch.setattr(tools, "_bytes", seen)
    async with client(here) as session:
        for given in ({"images": [{"data": "x"}]}, {"images": [], "mask": "x"}):
            refusal(await session.call_tool("edit", {"prompt": "x", **given}))
    assert places == {True}


async def test_what_is_wrong_is_one_sentence(here: tuple[Services, str]) -> None:
    async with client(here) as session:
        for given, says in (
            ({}, "say in it what the picture shows"),
            ({"prompt": "x", "seed": -1}, "seed must be a whole number"),
            ({"prompt": "x", "colour": 1}, "There is no field “colour” here"),
            ({"prompt": "boom"}, "type something else"),
        ):
            assert says in refusal(await session.call_tool("generate", given))
        assert "There is no tool draw" in refusal(await session.call_tool("draw", {}))


async def test_behind_a_token_the_boards_are_those_of_the_token(
    guarded: tuple[Services, str],
) -> None:
    async with client(guarded, Authorization=f"Bearer {TOKEN}") as session:
        pinned = told(await session.call_tool("pin", {"prompt": "sun", **SMALL}))
    async with httpx.AsyncClient() as web:
        boards = guarded[1].replace("/mcp/", "/v1/boards")
        listed = await web.get(boards, headers={"Authorization": f"Bearer {TOKEN}"})
        assert listed.json()["boards"][0]["id"] == pinned["board_id"]
        assert (await web.get(boards)).status_code == 401
        assert (await web.post(guarded[1], json={})).status_code == 401


async def test_with_logins_the_boards_are_those_of_the_user(
    with_logins: tuple[Services, str],
) -> None:
    right, wrong = (base64.b64encode(f"ada:{word}".encode()).decode() for word in ("engine", "x"))
    async with client(with_logins, Authorization=f"Basic {right}") as session:
        told(await session.call_tool("pin", {"prompt": "sun", **SMALL}))
    services, at = with_logins
    assert [board.pins for board in services.moodboard.boards("user ada")] == [1]
    async with httpx.AsyncClient() as web:
        refused = await web.post(at, json={}, headers={"Authorization": f"Basic {wrong}"})
        assert refused.status_code == 401
        assert "Authorization: Basic" in refused.json()["sentence"]


async def test_on_an_open_server_a_program_has_no_boards(services: Services) -> None:
    for at in serve(services, open=True):
        async with client(at) as session:
            result = await session.call_tool("pin", {"prompt": "sun"})
            assert refusal(result) == programs.NOBODY


async def test_only_clients_are_spoken_to(here: tuple[Services, str]) -> None:
    async with httpx.AsyncClient() as web:
        for at in (here[1], here[1].rstrip("/")):
            read = await web.get(at)
            assert (read.status_code, read.json()["sentence"]) == (405, tools.POSTED)
        foreign = await web.post(here[1], json={}, headers={"Origin": "https://elsewhere.example"})
        assert (foreign.status_code, foreign.json()["sentence"]) == (403, FOREIGN_PAGE)
