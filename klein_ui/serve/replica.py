"""A replica as Ray Serve runs it: the worker behind its paths. Needs Ray."""

import asyncio
from typing import Any

from fastapi import FastAPI, WebSocket
from ray import serve

from klein_ui.serve.folder import OwnFolder
from klein_ui.serve.routing import BUSY
from klein_ui.serve.worker import Offer, Worker

paths = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)


def _count(name: str) -> int:
    """How many replicas of the app `name` take requests, asked of the cluster."""
    app = serve.status().applications.get(name)
    states = [] if app is None else [one.replica_states for one in app.deployments.values()]
    running: int = sum(one.get("RUNNING", 0) for one in states)
    return max(1, running)


# It keeps a copy of what is defined above it, which is what a replica gets.
@serve.ingress(paths)
class Replica:
    """Loads its model when it begins, and is a lane for each WebSocket."""

    def __init__(self, offer: Offer) -> None:
        self._folder = OwnFolder()
        context = serve.get_replica_context()
        app, place = context.app_name, context.replica_id.unique_id
        self._worker = Worker(offer, self._folder.path, place, lambda: _count(app))

    @paths.websocket("/lane")
    async def lane(self, socket: WebSocket) -> None:
        """See `Worker.serve`."""
        await self._worker.serve(socket)

    @paths.get("/row")
    async def row(self) -> dict[str, Any]:
        """The row of its model, as JSON."""
        hello = self._worker.hello()
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
            self._folder.close()
