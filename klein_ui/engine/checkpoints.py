"""When to ask whether a render is superseded, without keeping the device waiting.

A GPU lags behind the CPU. To ask about a step only once it is done, and yet never to let the
device stand still, one more step is given to it before the one before is waited for. So what is
superseded stops within one step.
"""

from collections import deque
from collections.abc import Callable

import torch

from klein_ui.contract import Hooks, Superseded

Wait = Callable[[], None]
Mark = Callable[[], Wait]
"""Marks the end of all that the device was given so far; what comes back waits for it."""


class Checkpoints:
    """Asks `hooks` once for each step that is done, while `ahead` more may be under way."""

    def __init__(self, hooks: Hooks, mark: Mark, ahead: int) -> None:
        self._hooks = hooks
        self._mark = mark
        self._ahead = ahead
        self._under_way: deque[tuple[int, Wait]] = deque()

    @classmethod
    def on(cls, device: torch.device, hooks: Hooks) -> "Checkpoints":
        """Those for `device`."""
        return cls(hooks, lambda: _mark(device), ahead=1 if device.type == "cuda" else 0)

    def ask(self, steps_done: int) -> None:
        """Raises `Superseded` when `hooks` say so."""
        if self._hooks.superseded(steps_done):
            raise Superseded

    def given(self, steps: int) -> None:
        """The device was given its step number `steps`, counted from 1. Raises `Superseded`."""
        self._under_way.append((steps, self._mark()))
        while len(self._under_way) > self._ahead:
            self._oldest()

    def all_done(self) -> None:
        """Wait for all steps that were given. Raises `Superseded`."""
        while self._under_way:
            self._oldest()

    def _oldest(self) -> None:
        steps, wait = self._under_way.popleft()
        wait()
        self.ask(steps)


def _mark(device: torch.device) -> Wait:
    if device.type == "cuda":
        event = torch.cuda.Event()  # type: ignore[no-untyped-call]
        event.record(torch.cuda.current_stream(device))
        waits: Wait = event.synchronize
        return waits
    if device.type == "mps":
        return torch.mps.synchronize
    return _at_once


def _at_once() -> None:
    """The CPU has done what it was given."""
