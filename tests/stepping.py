"""A scripted engine that steps only when it is told to, and a listener that can be waited for."""

import threading
from queue import SimpleQueue

from klein_ui import validate
from klein_ui.contract import Asked, Progress
from klein_ui.dispatcher import Event, Failed, Shown
from klein_ui.loading import Switched
from klein_ui.models import POSTCARD

LONG_S = 10.0


class Steps:
    """Lets the engine's steps through one by one, and tells when one waits."""

    def __init__(self) -> None:
        self.waiting: SimpleQueue[float] = SimpleQueue()
        self.go: SimpleQueue[None] = SimpleQueue()
        self.free = threading.Event()

    def sleep(self, seconds: float) -> None:
        if self.free.is_set():
            return
        self.waiting.put(seconds)
        self.go.get(timeout=LONG_S)

    def step(self, count: int = 1) -> None:
        for _ in range(count):
            self.waiting.get(timeout=LONG_S)
            self.go.put(None)

    def await_one(self) -> None:
        """Return once the engine stands inside a step; it stays there."""
        self.waiting.put(self.waiting.get(timeout=LONG_S))


class Ears:
    """A listener that remembers, and lets a test wait for an event."""

    def __init__(self) -> None:
        self.heard: SimpleQueue[Event] = SimpleQueue()

    def __call__(self, event: Event) -> None:
        self.heard.put(event)

    def shown(self) -> Shown:
        while not isinstance(event := self.heard.get(timeout=LONG_S), Shown):
            continue
        return event

    def failed(self) -> Failed:
        while not isinstance(event := self.heard.get(timeout=LONG_S), Failed):
            continue
        return event

    def switched(self) -> Switched:
        while not isinstance(event := self.heard.get(timeout=LONG_S), Switched):
            continue
        return event

    def phase(self, phase: str) -> Progress:
        while True:
            event = self.heard.get(timeout=LONG_S)
            if isinstance(event, Progress) and event.phase == phase:
                return event


def asked(prompt: str, side: int = 128) -> Asked:
    """One rung where `side` is 128, drafts of 128 below a larger one."""
    return validate.asked({"prompt": prompt, "width": side, "height": side, "draft": 128}, POSTCARD)
