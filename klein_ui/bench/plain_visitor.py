"""A visitor of the plain Gradio app: the calls that Gradio's page makes for `Textbox.input`."""

import asyncio
import json
import secrets

import httpx

from klein_ui.bench.visitors import Page, Shown


class PlainPage:
    """One page over Gradio's queue.

    `Textbox.input` has the trigger mode “once”: while an event is pending, the page drops keys.
    A picture counts once its file was fetched, as the browser has to.
    """

    def __init__(self, url: str, shown: Shown) -> None:
        self._client = httpx.AsyncClient(base_url=url.rstrip("/"), timeout=120)
        self._shown = shown
        self._session = secrets.token_hex(6)
        self._pending: asyncio.Task[None] | None = None

    async def press(self, key: int, prompt: str) -> None:
        """Ask for a picture, unless one is on its way. Raises what the last one failed with."""
        if self._pending is not None:
            if not self._pending.done():
                return
            self._pending.result()
        self._pending = asyncio.create_task(self._ask(key, prompt))

    async def close(self) -> None:
        """Leave, whatever is on its way."""
        if self._pending is not None:
            self._pending.cancel()
        await self._client.aclose()

    async def _ask(self, key: int, prompt: str) -> None:
        body = {"data": [prompt], "fn_index": 0, "session_hash": self._session}
        joined = await self._client.post("/gradio_api/queue/join", json=body)
        joined.raise_for_status()
        address = f"/gradio_api/queue/data?session_hash={self._session}"
        async with self._client.stream("GET", address) as stream:
            async for line in stream.aiter_lines():
                message = json.loads(line.removeprefix("data:")) if line else {}
                if message.get("msg") == "process_completed":
                    await self._fetch(key, message)

    async def _fetch(self, key: int, message: dict[str, object]) -> None:
        output = message["output"]
        if not message["success"] or not isinstance(output, dict):
            raise RuntimeError(f"the event failed: {output}")
        picture = await self._client.get(output["data"][0]["url"])
        picture.raise_for_status()
        self._shown(key)


class PlainOpener:
    """Opens pages of the plain app at `url`."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def __call__(self, shown: Shown) -> Page:
        """A new page."""
        return PlainPage(self._url, shown)
