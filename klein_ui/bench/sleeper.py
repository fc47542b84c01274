"""The fake engine of the benches: it sleeps for a known time and shows photo-like pictures."""

import threading
import time
from dataclasses import dataclass, field
from functools import lru_cache

from klein_ui.bench.photos import photo
from klein_ui.contract import (
    Frame,
    Held,
    Hooks,
    Origin,
    Pixels,
    Request,
    Stage,
    Superseded,
    Timings,
)
from klein_ui.engine.alone import Alone

ORIGIN = Origin("sleeper", "cpu", "uint8", "fake")
PHOTOS = 4
"""Different pictures, so that no codec or cache sees the same one twice in a row."""


@dataclass(slots=True)
class Sleeper(Alone):
    """Sleeps `render_s` seconds a picture, spread over its steps, whatever its size; one by one."""

    render_s: float
    origin: Origin = ORIGIN
    sleep: threading.Event = field(default_factory=threading.Event)
    made: int = 0
    together: None = None

    def render(self, request: Request, stage: Stage, hooks: Hooks) -> Frame:
        """Sleep step by step; the timings are measured, not nominal."""
        started_s = time.perf_counter()
        _ask(hooks, 0)
        for step in range(request.steps):
            self._step(started_s + self.render_s * (step + 1) / request.steps)
            _ask(hooks, step + 1)
            if step == 0 and hooks.preview and request.steps > 1:
                hooks.preview(self._frame(request, Stage.PREVIEW, started_s))
        return self._frame(request, stage, started_s)

    def has(self, request: Request) -> bool:
        """Never: nothing is kept."""
        return False

    def warm_up(self, request: Request) -> None:
        """Draw the pictures beforehand and take the time of one render."""
        for index in range(PHOTOS):
            _photo(request.width, request.height, index)
        self.sleep.wait(self.render_s)

    def held(self) -> Held:
        """Nothing."""
        return Held()

    def relieve(self) -> None:
        """Nothing to give back."""

    def close(self) -> None:
        """Nothing to free."""

    def _step(self, until_s: float) -> None:
        if (left_s := until_s - time.perf_counter()) > 0:
            self.sleep.wait(left_s)

    def _frame(self, request: Request, stage: Stage, started_s: float) -> Frame:
        self.made += 1
        pixels = _photo(request.width, request.height, self.made % PHOTOS)
        timings = Timings(denoise_s=time.perf_counter() - started_s)
        return Frame(request, stage, pixels, timings, self.origin)


def _ask(hooks: Hooks, steps_done: int) -> None:
    if hooks.superseded(steps_done):
        raise Superseded


@lru_cache(maxsize=16)
def _photo(width: int, height: int, seed: int) -> Pixels:
    return photo(width, height, seed)
