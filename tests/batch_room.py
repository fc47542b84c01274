"""A room of sessions before a dispatcher, whose scripted engine makes batches on invented time."""

from collections.abc import Callable, Iterator, Sequence

from klein_ui.contract import Frame, Hooks, Outcome, Render, Request, Stage
from klein_ui.dispatcher import Dispatcher
from klein_ui.engine.fake import FakeEngine
from klein_ui.loading import Source
from klein_ui.models import POSTCARD
from klein_ui.pacing import PacingSettings

from .stepping import Ears, Steps, asked

ALONE_S = 0.04
STEPS = POSTCARD.steps
SETTINGS = PacingSettings(settle_s=0.01)
SETTLING = PacingSettings(settle_s=0.2)
FULL_SIDE = 256

Times = Callable[[int], float]
"""How many times the seconds of one picture so many take together."""


def half(count: int) -> float:
    return count / 2


def barely(count: int) -> float:
    """Each more picture adds so much that leaving saves something."""
    return 0.25 + 0.75 * count


class Sized(FakeEngine):
    """Takes longer for larger pictures."""

    def __init__(self, sleep: Callable[[float], None], times: Times | None, room: int) -> None:
        super().__init__(ALONE_S, sleep=sleep, room=room)
        if times is not None:
            self.together_s = lambda count: self.render_s * times(count)

    def render(self, request: Request, stage: Stage, hooks: Hooks) -> Frame:
        self.render_s = ALONE_S * request.seen_pixels / 128**2
        return super().render(request, stage, hooks)

    def render_together(self, renders: Sequence[Render]) -> Iterator[tuple[int, Outcome]]:
        self.render_s = ALONE_S * renders[0].request.seen_pixels / 128**2
        return super().render_together(renders)


class Room:
    """Sessions before a dispatcher whose engine takes invented time, and steps when told to."""

    def __init__(self, times: Times | None, room: int, settings: PacingSettings) -> None:
        self.now = 100.0
        self.steps = Steps()
        self.engine = Sized(self.sleep, times, room)
        self.dispatcher = Dispatcher(
            Source(POSTCARD, lambda report: self.engine, (asked("").request,)),
            settings,
            clock=lambda: self.now,
        )
        self.ears = {name: Ears() for name in "abcdx"}
        self.seq = 0
        for name, ears in self.ears.items():
            self.dispatcher.open(name, ears)
        self.steps.free.set()
        self.dispatcher.start()
        self.ears["a"].phase("ready")

    def sleep(self, seconds: float) -> None:
        self.steps.sleep(seconds)
        self.now += seconds

    def type(self, name: str, side: int = 128) -> int:
        """A key of session `name`; its number."""
        self.seq += 1
        self.dispatcher.submit(name, asked(f"{name}{self.seq}", side), self.seq)
        return self.seq

    def hold(self) -> None:
        """A picture of session x stands in its first step, so that others wait together."""
        self.steps.free.clear()
        self.type("x")
        self.steps.await_one()

    def go(self) -> None:
        """The engine steps freely from here on."""
        self.steps.free.set()
        self.steps.step()

    def begun(self, names: str) -> dict[str, int]:
        """All of `names` type at once, and stand in their batch's first step; their numbers."""
        self.hold()
        typed = {name: self.type(name) for name in names}
        self.steps.step(STEPS)
        self.steps.await_one()
        return typed

    def round(self, names: str) -> None:
        """All of `names` type while the engine is busy, and see their pictures."""
        self.hold()
        typed = {name: self.type(name) for name in names}
        self.go()
        for name, seq in {"x": self.seq - len(names), **typed}.items():
            assert self.ears[name].shown().seq == seq

    def learn(self, names: str) -> None:
        """Rounds until batches of as many as `names` were measured; then counts begin anew."""
        for _ in range(3 * (len(names) - 1)):
            self.round(names)
        assert self.engine.counts.batches[-1] == len(names)
        self.forget()

    def draft(self, names: str) -> dict[str, int]:
        """All of `names` ask for a full picture, and see its draft; their numbers."""
        self.hold()
        typed = {name: self.type(name, FULL_SIDE) for name in names}
        self.go()
        assert self.ears["x"].shown()
        assert [self.ears[name].shown().frame.stage for name in names] == [Stage.DRAFT] * len(names)
        return typed

    def settle(self) -> None:
        """A pause while the engine is busy with the picture of x."""
        self.hold()
        self.now += 0.3

    def learn_full(self, names: str) -> None:
        """The same as `learn` for full pictures; of the first two one is measured alone."""
        for _ in range(4):
            self.draft(names)
            self.settle()
            self.go()
            assert self.ears["x"].shown()
            for name in names:
                full = self.ears[name].shown().frame
                assert (full.stage, full.request.width) == (Stage.FINAL, FULL_SIDE)
        self.forget()

    def forget(self) -> None:
        """Let counts begin anew."""
        self.engine.counts.batches.clear()
        self.engine.counts.superseded = 0
        self.engine.counts.steps = self.engine.counts.decodes = 0
        self.engine.prompts.clear()
