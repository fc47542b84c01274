"""What the dispatcher tells a session: frames, errors, how far things are, and goodbye."""

import contextlib
import logging
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass

from klein_ui.contract import Frame, KleinError, Progress, Stage
from klein_ui.models import ModelRow

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Shown:
    """A frame for the request numbered `seq`; `superseded` counts this session's stopped runs."""

    seq: int
    frame: Frame
    superseded: int


@dataclass(frozen=True, slots=True)
class Failed:
    """The request numbered `seq` made no picture; `sentence` says what to do."""

    seq: int
    sentence: str


@dataclass(frozen=True, slots=True)
class Switched:
    """The model of `row` is there now; with a `sentence` another one was wanted and failed."""

    row: ModelRow
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class Closing:
    """Nothing more comes: the app ends, and `sentence` says what becomes of what is typed."""

    sentence: str


Event = Shown | Failed | Progress | Switched | Closing
Listener = Callable[[Event], None]


def tell(listener: Listener, event: Event) -> None:
    """A listener that fails must not take the engine's thread with it."""
    try:
        listener(event)
    except Exception:
        log.exception("a listener failed")


def until_final(future: "Future[Frame]") -> Listener:
    """Ends `future` with the final frame, or with why there is none."""

    def listener(event: Event) -> None:
        # Whoever asked may have given up in this very moment.
        with contextlib.suppress(InvalidStateError):
            match event:
                case Shown(frame=frame) if frame.stage is Stage.FINAL:
                    future.set_result(frame)
                case Failed(sentence=sentence) | Closing(sentence=sentence):
                    future.set_exception(KleinError(sentence))

    return listener
