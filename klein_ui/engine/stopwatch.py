"""How long the parts of a render take, on whatever device."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from klein_ui.contract import Timings
from klein_ui.engine.device import wait_for


class Stopwatch:
    """Seconds spent in the parts of one render.

    A GPU lags behind the CPU: without waiting at the end of a part, its work would be counted to
    the part that waits first. That is three waits a render, which would come soon anyway.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._parts_s: dict[str, float] = {}

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count what happens meanwhile to the part `name`."""
        started = time.perf_counter()
        yield
        wait_for(self._device)
        self._parts_s[name] = time.perf_counter() - started

    def timings(self) -> Timings:
        """The parts so far."""
        return Timings(
            encode_s=self._parts_s.get("encode", 0.0),
            images_s=self._parts_s.get("images", 0.0),
            denoise_s=self._parts_s.get("denoise", 0.0),
            decode_s=self._parts_s.get("decode", 0.0),
        )
