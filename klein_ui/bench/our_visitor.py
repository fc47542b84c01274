"""A visitor of Klein Live: the page's cookie, its WebSocket, and its messages."""

import asyncio
import contextlib
import json
import secrets
import struct
from urllib.parse import urlsplit

import httpx
from websockets.asyncio.client import ClientConnection, connect

from klein_ui.bench.visitors import Page, Shown
from klein_ui.models import ModelRow


class OurPage:
    """One page over its socket; a picture that is sent again in finer colour is the same one."""

    def __init__(self, socket: ClientConnection, row: ModelRow, shown: Shown) -> None:
        self._socket = socket
        self._row = row
        self._shown = shown
        self._session = secrets.token_hex(8)
        self._reading = asyncio.create_task(self._read())

    async def press(self, key: int, prompt: str) -> None:
        """Send the whole request, as the page does at every key."""
        row = self._row
        message = {
            "type": "request",
            "seq": key,
            "prompt": prompt,
            "seed": 0,
            "width": row.default_side,
            "height": row.default_side,
            "draft": row.draft_side,
            "steps": row.steps,
            "model": row.name,
            "session": self._session,
        }
        await self._socket.send(json.dumps(message))

    async def close(self) -> None:
        """Close the socket. Raises what ended the reading before that, if it was no close."""
        await self._socket.close()
        with contextlib.suppress(asyncio.CancelledError):
            await self._reading

    async def _read(self) -> None:
        async for message in self._socket:
            if isinstance(message, bytes):
                (length,) = struct.unpack(">I", message[:4])
                header = json.loads(message[4 : 4 + length])
                if not header["fine"] and header["stage"] != "preview":
                    self._shown(header["seq"])


class OurOpener:
    """Opens pages of the app at `url`, which renders with the model of `row`."""

    def __init__(self, url: str, row: ModelRow) -> None:
        self._url = url
        self._row = row

    async def __call__(self, shown: Shown) -> Page:
        """Get the cookie that comes with the page, then connect."""
        async with httpx.AsyncClient(timeout=30) as client:
            page = await client.get(self._url)
        cookie = "; ".join(f"{name}={value}" for name, value in page.cookies.items())
        address = f"ws://{urlsplit(self._url).netloc}/gradio_api/live"
        socket = await connect(address, additional_headers={"Cookie": cookie}, max_size=None)
        return OurPage(socket, self._row, shown)
