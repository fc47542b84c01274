"""The page: its tabs, its looks, and how it is served."""

import platform
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import gradio as gr
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute

from klein_ui import access, decoders, open_files
from klein_ui.dispatcher import MAX_SESSIONS
from klein_ui.ui import (
    api,
    api_routes,
    between,
    board,
    board_routes,
    boundary,
    client,
    clip_routes,
    connections,
    diagnostics,
    door,
    edit,
    embed,
    export_routes,
    header,
    health_routes,
    history_routes,
    lane,
    live,
    lora_routes,
    metrics,
    open_routes,
    owners,
    pictures,
    pin_routes,
    reaper,
    refit,
    saving,
    socket,
    tools,
    walk_routes,
    wire,
)
from klein_ui.ui.services import Services
from klein_ui.ui.theme import KleinTheme

TITLE = "Klein Live"
CACHE_S = (600, 3600)
"""How often pictures made for programs are tidied away, and at what age, in seconds."""
QUEUE_NAP_S = 0.01
"""How long Gradio's queue sleeps before it looks again whether an event came. Its own millisecond
is two hundredths of a core, day and night."""


@dataclass(frozen=True, slots=True)
class Served:
    """A page that is up: its FastAPI app, and where a browser on this machine finds it."""

    app: FastAPI
    url: str


def build(services: Services) -> boundary.Page:
    """The page with all its parts, not served yet."""
    decoders.restrict()
    blocks = boundary.Page(
        title=TITLE, analytics_enabled=False, fill_width=True, delete_cache=CACHE_S
    )
    with blocks:
        with gr.Column(elem_id="klein"):
            header.place(services)
            with gr.Tabs(elem_id="klein-tabs", overflow_behavior="wrap"):
                with gr.Tab("Live", id="live"):
                    fitted = live.place(services)
                with gr.Tab("Edit", id="edit"):
                    fitted += edit.place(services)
                with gr.Tab("Moodboard", id="board"):
                    board.place()
        between.place()
        lane.place(services, blocks)
        refit.place(services, fitted)
        api.register(services, blocks)
    # On ZeroGPU Gradio would let one event wait and refuse the next; here every key is one.
    blocks.queue(api_open=False, max_size=MAX_SESSIONS if services.settings.zero_gpu else None)
    blocks._queue.sleep_when_free = QUEUE_NAP_S
    return blocks


def routes(services: Services) -> list[BaseRoute]:
    """What the page asks for beside its Gradio events."""
    return [
        *health_routes.routes(services),
        *metrics.routes(services),
        *diagnostics.routes(services),
        # On ZeroGPU who asks is known from Gradio's events alone.
        *(() if services.settings.zero_gpu else socket.routes(services)),
        *saving.routes(services),
        *export_routes.routes(services),
        *open_routes.routes(services),
        *pictures.routes(services),
        *lora_routes.routes(services),
        *clip_routes.routes(services),
        *history_routes.routes(services),
        *board_routes.routes(services),
        *pin_routes.routes(services),
        *walk_routes.routes(services),
        *api_routes.routes(services),
        *(embed.absent() if services.settings.zero_gpu else embed.routes()),
    ]


def both(first: door.Hung, second: door.Hung) -> door.Hung:
    """A lifespan of two, the second within the first; the app takes one."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with first(app), second(app):
            yield

    return lifespan


def launch(blocks: gr.Blocks, services: Services, *, block_thread: bool = True) -> Served:
    """Serve `blocks`; with `block_thread` return only when the server ends.

    Raises `KleinError` for logins that cannot be read.
    """
    settings = services.settings
    logins = {} if settings.logins is None else access.logins(settings.logins)
    hung = both(reaper.reaping(blocks), door.hung(settings, platform.node(), logins, services.seal))
    served = tools.Tools(services) if settings.mcp else None
    app, url, _ = blocks.launch(
        # Gradio writes it into an address as it stands.
        server_name=f"[{settings.host}]" if ":" in settings.host else settings.host,
        server_port=settings.port,
        prevent_thread_lock=True,
        quiet=True,
        show_error=True,
        theme=KleinTheme(),
        head=client.head(services.row, only_events=settings.zero_gpu),
        favicon_path=client.FAVICON,
        app_kwargs={
            "routes": [*(served.routes() if served else tools.absent()), *routes(services)],
            "middleware": [
                Middleware(
                    owners.Named, services.seal, services.limits, is_public=settings.is_public
                ),
                Middleware(boundary.Guard, limits=services.limits),
            ],
            "exception_handlers": boundary.HANDLERS,
            "lifespan": both(served.lifespan, hung) if served else hung,
        },
        ssr_mode=False,
        pwa=False,
        run_history=False,
        enable_monitoring=False,
        footer_links=[],
        # Its tools are ours, in `tools`.
        mcp_server=False,
    )
    # JPEGs do not deflate, yet uvicorn spends 7 ms a picture on trying; it reads this at each
    # new connection, and gradio's launch has no way to say it before.
    blocks.server.config.ws_per_message_deflate = False
    # Else sixteen megabytes are read before anybody counts the letters of a message.
    blocks.server.config.ws_max_size = wire.MAX_MESSAGE_BYTES
    blocks.server.config.ws_max_queue = 8
    connections.watch(blocks.server.config, open_files.raised())
    if block_thread:
        blocks.block_thread()
    return Served(app, url)
