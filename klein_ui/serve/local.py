"""A Ray cluster on this machine alone, as long as it is needed. Needs Ray."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import ray
from ray import serve
from ray.serve import Application

from klein_ui.serve.remote import prefix_of

OBJECTS_BYTES = 200 * 2**20
"""Pixels travel through WebSockets, so that Ray's own store of objects is hardly used."""


@contextmanager
def cluster(host: str, port: int, cpus: float | None = None) -> Iterator[None]:
    """Ray, and its proxy at `host` and `port`; all of it ends with this."""
    root = str(Path(__file__).resolve().parents[2])
    # Read when Ray starts its processes: they import this package, and tell nobody of it.
    others = os.environ.get("PYTHONPATH", "")
    if root not in others.split(os.pathsep):
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [root, others]))
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    ray.init(
        address="local",
        num_cpus=cpus,
        include_dashboard=False,
        object_store_memory=OBJECTS_BYTES,
        log_to_driver=False,
        logging_level="WARNING",
    )
    try:
        serve.start(http_options={"host": host, "port": port})
        yield
    finally:
        serve.shutdown()
        ray.shutdown()


def run(applications: Mapping[str, Application]) -> None:
    """Have the cluster run `applications`, each by its model's name; returns once they are warm."""
    for name, application in applications.items():
        serve.run(application, name=name, route_prefix=prefix_of(name))
