"""What a Hugging Face Space tells of itself: defaults for the settings, and if it is ZeroGPU."""

import os
from collections.abc import Mapping
from pathlib import Path

PERSISTENT = Path("/data")
"""Where a Space has its persistent storage, if it was given any."""

SETTLE_MS = "700"
"""Each picture on ZeroGPU is a call against somebody's quota, so it waits for a real pause."""


def on_zero_gpu(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the GPU is lent for a call at a time, as the package `spaces` tells it."""
    return environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")


def host(environ: Mapping[str, str]) -> str | None:
    """The address to listen on, where the surroundings say so."""
    everywhere = "0.0.0.0" if environ.get("SPACE_ID") else None  # noqa: S104
    return environ.get("GRADIO_SERVER_NAME") or everywhere


def port(environ: Mapping[str, str]) -> str | None:
    """The port to listen on, where the surroundings say so."""
    given = environ.get("PORT") if environ.get("SPACE_ID") else None
    return environ.get("GRADIO_SERVER_PORT") or given


def persistent(environ: Mapping[str, str], folder: Path = PERSISTENT) -> Path | None:
    """Where files outlive a restart of the Space; None where it has no such place."""
    if not environ.get("SPACE_ID") or not os.access(folder, os.W_OK):
        return None
    return folder / "klein-live"


def settle_ms(environ: Mapping[str, str]) -> str | None:
    """Milliseconds of pause after which a picture is made, where this is no place for more."""
    return SETTLE_MS if on_zero_gpu(environ) else None
