"""A replica as Ray Serve runs it: the worker behind its paths. Needs Ray."""

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any

from fastapi import FastAPI, WebSocket
from ray import serve

from klein_ui.serve.routing import BUSY
from klein_ui.serve.worker import Offer, Worker

COUNT_S = 2.0
"""How long the number of replicas is believed."""

paths = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)


class _Counter:
    """How many replicas of the app `name` take requests, asked of the cluster now and then."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._asked_at, self._known = -COUNT_S, 1

    def count(self) -> int:
        """As of `COUNT_S` ago at most."""
        if time.monotonic() - self._asked_at >= COUNT_S:
            self._asked_at = time.monotonic()
            app = serve.status().applications.get(self._name)
            states = [] if app is None else [one.replica_states for one in app.deployments.values()]
            self._known = sum(
                count for one in states for state, count in one.items() if state == "RUNNING"
            )
        return max(1, self._known)


# It keeps a copy of what is defined above it, which is what a replica gets.
@serve.ingress(paths)
class Replica:
    """Loads its model when it begins, and is a lane for each WebSocket."""

    def __init__(self, offer: Offer) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="klein-replica-")
        context = serve.get_replica_context()
        self._counter, place = _Counter(context.app_name), context.replica_id.unique_id
        self._worker = Worker(offer, Path(self._folder.name), place, self._counter.count)

    @paths.websocket("/lane")
    async def lane(self, socket: WebSocket) -> None:
        """See `Worker.serve`."""
        await self._worker.serve(socket)

    @paths.get("/row")
    async def row(self) -> dict[str, Any]:
        """The row of its model, as JSON."""
        hello = await self._worker.hello()
        fields: dict[str, Any] = hello["row"]
        return fields

    async def check_health(self) -> None:
        """Ray Serve calls it, and replaces a replica that raises."""
        self._worker.check()

    async def record_autoscaling_stats(self) -> dict[str, float]:
        """Ray Serve calls it, where it is to choose how many replicas there are."""
        return {BUSY: self._worker.busy()}

    async def __del__(self) -> None:
        # Only a replica that began has a worker.
        worker = getattr(self, "_worker", None)
        if worker is not None:
            await asyncio.to_thread(worker.close)
