"""An engine around an engine: it stamps the pictures and records every render and step."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from klein_ui.bench.records import Outcome, Recorder, Render
from klein_ui.bench.stamp import number_of, stamped
from klein_ui.contract import Engine, Frame, Held, Hooks, Origin, Request, Stage, Superseded
from klein_ui.engine.alone import Alone


@dataclass(frozen=True, slots=True)
class Watched(Alone):
    """`inner`, with each picture carrying its prompt's number."""

    inner: Engine
    recorder: Recorder

    @property
    def origin(self) -> Origin:
        """The machinery of the inner engine."""
        return self.inner.origin

    @property
    def together(self) -> None:
        """Each render is recorded by itself."""
        return

    def render(self, request: Request, stage: Stage, hooks: Hooks) -> Frame:
        """Render, stamp and record; stopped and failed renders are recorded too."""
        number, started_s, step_ends_s = number_of(request.prompt), time.time(), list[float]()

        def superseded(steps_done: int) -> bool:
            if steps_done:
                step_ends_s.append(time.time())
            return hooks.superseded(steps_done)

        outcome = Outcome.FAILED
        try:
            preview = _stamping(hooks.preview, number) if hooks.preview else None
            frame = self.inner.render(request, stage, Hooks(superseded, preview))
            picture = replace(frame, pixels=stamped(frame.pixels, number))
            outcome = Outcome.FINISHED
        except Superseded:
            outcome = Outcome.STOPPED
            raise
        finally:
            ended_s = time.time()
            self.recorder.rendered(Render(number, started_s, ended_s, tuple(step_ends_s), outcome))
        return picture

    def has(self, request: Request) -> bool:
        """What the inner engine says."""
        return self.inner.has(request)

    def warm_up(self, request: Request) -> None:
        """Warm the inner engine, unrecorded."""
        self.inner.warm_up(request)

    def held(self) -> Held:
        """What the inner engine holds."""
        return self.inner.held()

    def relieve(self) -> None:
        """Relieve the inner engine."""
        self.inner.relieve()

    def close(self) -> None:
        """Close the inner engine."""
        self.inner.close()


def _stamping(preview: Callable[[Frame], None], number: int) -> Callable[[Frame], None]:
    return lambda frame: preview(replace(frame, pixels=stamped(frame.pixels, number)))
