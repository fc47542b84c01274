"""The tools of an app that was started with --mcp, by the client of MCP: pip install mcp.

python mcp_tools.py http://127.0.0.1:7860
"""

import asyncio
import base64
import json
import os
import sys
from pathlib import Path

from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client

URL = (sys.argv[1:] or ["http://127.0.0.1:7860"])[0].rstrip("/") + "/gradio_api/mcp/"
TOKEN = os.environ.get("KLEIN_TOKEN")
HEADERS = {"Authorization": f"Bearer {TOKEN}"} if TOKEN else {}


async def main():
    async with (
        streamablehttp_client(URL, headers=HEADERS) as (read, write, _),
        ClientSession(read, write) as session,
    ):
        await session.initialize()

        async def call(tool, **fields):
            result = await session.call_tool(tool, fields)
            if result.isError:
                sys.exit(result.content[0].text)
            picture, *texts = result.content
            return base64.b64decode(picture.data), json.loads(texts[-1].text)

        _, sun = await call("generate", prompt="a red sun over the sea", seed=7)
        image = {"frame": sun["frame"], "role": "the subject"}
        picture, night = await call("edit", prompt="make it night", images=[image])
        Path("tool.jpg").write_bytes(picture)
        _, pin = await call("pin", frame=night["frame"], board="Suns")
        print("tool.jpg, pinned on", pin["board"])


asyncio.run(main())
