"""What runs here and how fast, for whoever looks at the page: nothing secret, nobody's words."""

import platform
import shutil
from importlib.metadata import version

import psutil
from starlette.requests import Request as HTTPRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from klein_ui.contract import Held
from klein_ui.figures import Snapshot, Times
from klein_ui.ui import answers
from klein_ui.ui.services import Services

PATH = "/gradio_api/live/diagnostics"
PACKAGES = ("gradio", "torch", "diffusers", "transformers")


def routes(services: Services) -> list[BaseRoute]:
    """The one route of it."""
    return [answers.route(PATH, told, services, "GET")]


async def told(services: Services, request: HTTPRequest) -> Response:
    """All of it as JSON; times in milliseconds, sizes in bytes, null where it is not known."""
    dispatcher = services.dispatcher
    health, stats, figures = dispatcher.health(), dispatcher.stats(), dispatcher.figures.snapshot()
    held = dispatcher.held()
    return JSONResponse(
        {
            "health": {"alive": health.is_alive, "ready": health.is_ready, "said": health.reason},
            "model": _model(services),
            "times": {part.value: _times(times) for part, times in figures.times.items()},
            "counts": _counts(figures),
            "caches": {
                name: {"held": use.held_bytes, "most": use.max_bytes}
                for name, use in held.caches.items()
            },
            "memory": _memory(held),
            "places": sum(lane.place is not None for lane in dispatcher.lanes),
            "sessions": {"open": stats.sessions, "waiting": stats.waiting},
            "disk": {"free": _free(services)},
            "versions": _versions(),
        },
        headers={"Cache-Control": "no-store"},
    )


def _model(services: Services) -> dict[str, object]:
    origin, row = services.dispatcher.origin, services.row
    told: dict[str, object] = {
        "name": row.title,
        "memory": services.settings.memory,
        "revision": None,
        "device": None,
        "dtype": None,
        "execution": None,
    }
    if origin is not None:
        told |= {"revision": origin.revision, "device": origin.device, "dtype": origin.dtype}
        told |= {"execution": origin.path}
    return told


def _times(times: Times) -> dict[str, object]:
    return {"p50": _ms(times.p50_s), "p95": _ms(times.p95_s), "count": times.count}


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 1)


def _counts(figures: Snapshot) -> dict[str, int]:
    return {what.value: count for what, count in figures.counts.items()}


def _memory(held: Held) -> dict[str, object]:
    return {"process": int(psutil.Process().memory_info().rss), "device": held.device_bytes}


def _free(services: Services) -> int | None:
    try:
        return shutil.disk_usage(services.settings.data_dir).free
    except OSError:
        return None


def _versions() -> dict[str, str]:
    system = {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }
    return system | {name: version(name) for name in PACKAGES}
