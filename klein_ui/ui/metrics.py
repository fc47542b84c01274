"""The figures for Prometheus, at `/metrics` where `--metrics` asks for it."""

from collections.abc import Iterator
from functools import partial
from itertools import accumulate
from typing import Any

import psutil
from starlette.requests import Request as HTTPRequest
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from klein_ui.contract import EngineFailed
from klein_ui.figures import BOUNDS_S, Count, Part, Times
from klein_ui.ui.services import Services

PATH = "/metrics"
MISSING = "--metrics needs prometheus-client; install it: pip install -r requirements-metrics.txt"

HELP = {
    Count.RENDERS: "Pictures made, drafts and cached ones among them",
    Count.TOGETHER: "Batches of several pictures",
    Count.CACHE_HITS: "Pictures that the frame cache had",
    Count.SUPERSEDED: "Renders stopped for a newer request",
    Count.FAILURES: "Requests that made no picture",
    Count.OUT_OF_MEMORY: "Pictures there was no memory for, those made smaller among them",
    Count.RESTARTS: "Times that the engine's thread began again",
    Count.MOVES: "Pictures made elsewhere than their session's last one",
    Count.PLACES_LOST: "Pictures begun anew because the replica that made them was gone",
}


def check(wanted: bool) -> None:
    """Raises `EngineFailed` where metrics are `wanted` and the package for them is not there."""
    if wanted:
        _package()


def routes(services: Services) -> list[BaseRoute]:
    """`/metrics`, where the settings ask for it."""
    if not services.settings.metrics:
        return []
    return [Route(PATH, partial(told, services), methods=["GET"])]


def told(services: Services, request: HTTPRequest) -> Response:
    """The figures in the text format of Prometheus."""
    package = _package()
    registry = package.CollectorRegistry()
    registry.register(_Collector(services))
    return Response(package.generate_latest(registry), media_type="text/plain; version=0.0.4")


class _Collector:
    """Reads the figures when it is asked; see `prometheus_client.registry.Collector`."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def collect(self) -> Iterator[Any]:
        """The metric families of this moment."""
        from prometheus_client import core

        dispatcher = self._services.dispatcher
        figures, stats, health = (
            dispatcher.figures.snapshot(),
            dispatcher.stats(),
            dispatcher.health(),
        )
        held = dispatcher.held()
        for what, count in figures.counts.items():
            yield core.CounterMetricFamily(f"klein_{what.value}", HELP[what], value=count)
        stages = core.HistogramMetricFamily(
            "klein_render_stage_seconds", "Parts of a render", labels=["stage"]
        )
        for part, times in figures.times.items():
            if part is not Part.KEY_TO_FRAME:
                stages.add_metric([part.value], _buckets(times), times.sum_s)
        yield stages
        key = figures.times[Part.KEY_TO_FRAME]
        yield core.HistogramMetricFamily(
            "klein_key_to_frame_seconds",
            "From a key's request to its first picture, within the server",
            buckets=_buckets(key),
            sum_value=key.sum_s,
        )
        gauges = {
            "klein_sessions": ("Open pages and calls", stats.sessions),
            "klein_waiting": ("Sessions that wait for a picture", stats.waiting),
            "klein_alive": ("1 while the engine gets on", int(health.is_alive)),
            "klein_ready": ("1 while pictures can be had", int(health.is_ready)),
            "klein_resident_bytes": ("Main memory of the process", _resident()),
        }
        if held.device_bytes is not None:
            gauges["klein_device_bytes"] = ("Memory allocated on the GPU", held.device_bytes)
        for name, (meaning, value) in gauges.items():
            yield core.GaugeMetricFamily(name, meaning, value=value)
        caches = core.GaugeMetricFamily(
            "klein_cache_bytes", "What the caches hold", labels=["cache"]
        )
        for name, use in held.caches.items():
            caches.add_metric([name], use.held_bytes)
        yield caches


def _buckets(times: Times) -> list[tuple[str, float]]:
    """Cumulative, as Prometheus has them."""
    bounds = [*map(str, BOUNDS_S), "+Inf"]
    return list(zip(bounds, map(float, accumulate(times.buckets)), strict=True))


def _resident() -> int:
    return int(psutil.Process().memory_info().rss)


def _package() -> Any:
    try:
        import prometheus_client
    except ImportError as error:
        raise EngineFailed(MISSING) from error
    return prometheus_client
