"""A scripted engine: known times, counted calls, no weights. For tests, benches and UI work."""

import hashlib
import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from klein_ui.contract import (
    EngineFailed,
    Frame,
    Held,
    Hooks,
    Lane,
    Origin,
    Outcome,
    Pixels,
    Render,
    Request,
    Stage,
    Superseded,
    Timings,
)
from klein_ui.engine.seats import Seats

Sleep = Callable[[float], object]

FAILED = "The scripted engine failed; type something else."
FAKE_ORIGIN = Origin("fake", "cpu", "uint8", "fake")


@dataclass(slots=True)
class Counts:
    """What the fake engine was made to do; a step of a batch is one. `batches` are their sizes."""

    renders: int = 0
    steps: int = 0
    decodes: int = 0
    previews: int = 0
    superseded: int = 0
    warm_ups: int = 0
    relieved: int = 0
    batches: list[int] = field(default_factory=list)


@dataclass(slots=True)
class FakeEngine:
    """Takes `render_s` seconds a picture, spread over its steps, whatever its size.

    A prompt that contains `fails_on` raises. `sleep` is handed in so that tests need not wait.
    `together_s` says how many seconds so many pictures take at once; without it they are made one
    by one. Of more than `room` the memory is too small.
    """

    render_s: float = 0.04
    fails_on: str = "\0never"
    sleep: Sleep = field(default_factory=lambda: threading.Event().wait)
    counts: Counts = field(default_factory=Counts)
    prompts: list[str] = field(default_factory=list)
    origin: Origin = FAKE_ORIGIN
    closed: bool = False
    together_s: Callable[[int], float] | None = None
    room: int = 4
    place: str | None = ""

    @property
    def lanes(self) -> Sequence[Lane]:
        """Itself."""
        return (self,)

    @property
    def together(self) -> "FakeEngine | None":
        """Itself, where it was told how long that takes."""
        return self if self.together_s is not None else None

    def render(self, request: Request, stage: Stage, hooks: Hooks) -> Frame:
        """A picture of flat bands in colours made from the prompt and the seed."""
        self.counts.renders += 1
        self.prompts.append(request.prompt)
        self._ask(hooks, 0)
        for step in range(request.steps):
            self.sleep(self.render_s / request.steps)
            self.counts.steps += 1
            if step == 0 and self.fails_on in request.prompt:
                raise EngineFailed(FAILED)
            self._ask(hooks, step + 1)
            if step == 0 and hooks.preview and request.steps > 1:
                self.counts.previews += 1
                hooks.preview(self._frame(request, Stage.PREVIEW))
        self.counts.decodes += 1
        return self._frame(request, stage)

    def bucket(self, request: Request) -> Hashable | None:
        """Pictures of one size and number of steps, without images."""
        return None if request.references else (request.width, request.height, request.steps)

    def render_together(self, renders: Sequence[Render]) -> Iterator[tuple[int, Outcome]]:
        """Like so many renders, but that the steps are of all who are left."""
        self.counts.batches.append(len(renders))
        if len(renders) > self.room:
            raise EngineFailed("The scripted engine has too little memory.")
        seats = Seats([one.hooks for one in renders])
        seats.superseded(0)
        steps = renders[0].request.steps
        for step in range(steps):
            if seats.taken:
                self.sleep(self._together_s(len(seats.taken)) / steps)
                self.counts.steps += 1
                seats.superseded(step + 1)
            for place in seats.previewing() if step == 0 else ():
                self._preview(renders[place])
        for place, one in enumerate(renders):
            yield place, self._outcome(one, len(renders), stays=place in seats.taken)

    def has(self, request: Request) -> bool:
        """Never: the fake engine keeps nothing."""
        return False

    def warm_up(self, request: Request) -> None:
        """Take the time of one render, uncounted."""
        self.counts.warm_ups += 1
        self.sleep(self.render_s)

    def held(self) -> Held:
        """Nothing."""
        return Held()

    def relieve(self) -> None:
        """Count it: the fake engine keeps nothing."""
        self.counts.relieved += 1

    def close(self) -> None:
        """Remember that it was closed."""
        self.closed = True

    def _together_s(self, count: int) -> float:
        return self.together_s(count) if self.together_s else count * self.render_s

    def _preview(self, one: Render) -> None:
        self.counts.previews += 1
        if one.hooks.preview:
            one.hooks.preview(self._frame(one.request, Stage.PREVIEW))

    def _outcome(self, one: Render, count: int, *, stays: bool) -> Outcome:
        if not stays:
            self.counts.superseded += 1
            return Superseded()
        if self.fails_on in one.request.prompt:
            return EngineFailed(FAILED)
        self.counts.renders += 1
        self.counts.decodes += 1
        self.prompts.append(one.request.prompt)
        timings = Timings(denoise_s=self._together_s(count))
        return replace(self._frame(one.request, one.stage), timings=timings)

    def _ask(self, hooks: Hooks, steps_done: int) -> None:
        if hooks.superseded(steps_done):
            self.counts.superseded += 1
            raise Superseded

    def _frame(self, request: Request, stage: Stage) -> Frame:
        timings = Timings(denoise_s=self.render_s)
        return Frame(request, stage, bands(request), timings, self.origin)


def bands(request: Request) -> Pixels:
    """Eight horizontal bands, shape (height, width, 3), coloured by all but the size."""
    images = [(looked_at.digest, looked_at.strength) for looked_at in request.references]
    more = f"{images}{request.mask}{request.keep_background}" if images else ""
    loras = "".join(f"\0{lora.name}{lora.scale}" for lora in request.loras if lora.scale)
    rest = f"{more}{loras}"
    colours = _colours(request.seed, request.prompt, rest)
    if request.blend is not None:
        other = _colours(request.blend.seed, request.blend.prompt, rest)
        mixed = colours + request.blend.share * (other.astype(float) - colours)
        colours = mixed.round().astype(np.uint8)
    rows = np.arange(request.height) * 8 // request.height
    return np.ascontiguousarray(np.broadcast_to(colours[rows][:, None, :], shape(request)))


def _colours(seed: int, prompt: str, rest: str) -> Pixels:
    key = f"{seed}\0{prompt}{rest}".encode()
    return np.frombuffer(hashlib.sha256(key).digest()[:24], dtype=np.uint8).reshape(8, 3)


def shape(request: Request) -> tuple[int, int, int]:
    """The shape of a frame's pixels."""
    return (request.height, request.width, 3)
