"""The engine on ZeroGPU: caches here, in the main process, and a GPU for a call at a time.

What is known goes along with a call, and what is new comes back with its frame, so that it does not
matter that the process with the GPU goes away. Each call is made in the context of the visitor who
asked: it is their quota.
"""

import logging
import time
from collections.abc import Callable, Sequence
from contextvars import Context
from dataclasses import replace
from threading import Thread

from klein_ui.cache import CacheStats
from klein_ui.contract import (
    EngineFailed,
    Frame,
    Held,
    Hooks,
    InvalidLora,
    Lane,
    Origin,
    Postponed,
    Request,
    Stage,
    Superseded,
    Timings,
    Use,
)
from klein_ui.serve import zero_words
from klein_ui.serve.zero_calls import Answer, Call, Made, Refused, Stopped, Ticket, Watch
from klein_ui.serve.zero_kept import Kept
from klein_ui.serve.zero_time import Durations
from klein_ui.serve.zero_worker import KINDS

log = logging.getLogger(__name__)

POLL_S = 0.005
QUEUE_S = 1.0
"""Who waits longer for a GPU lets others have their turn meanwhile, and keeps the place in
ZeroGPU's queue."""
LOOK_S = 0.02
"""How long a turn is of who has given way before, or where another such call goes on: so a picture
is shown soon after it is made, however many wait, and their turns never spin."""

TOO_MANY = "Too many pictures wait for a GPU; type on in a moment."

Work = Callable[[Ticket], Answer]
Decorate = Callable[[Work, Callable[[Ticket], int]], Work]
Visitor = Callable[[str], Context]


class ZeroEngine:
    """Fills `contract.Engine`. Made before the page is launched, since only then can weights be
    placed; it outlives `close`, so that they are there when it is loaded again."""

    def __init__(
        self,
        work: Work,
        decorate: Decorate,
        watch: Watch,
        origin: Origin,
        kept: Kept,
        visitor: Visitor,
        durations: Durations,
    ) -> None:
        """`work` renders in the process that has the GPU, where `decorate` has it run for so many
        seconds; `visitor` is the context of a session."""
        self._gpu = decorate(work, lambda ticket: ticket.call.seconds)
        self._watch = watch
        self._origin = origin
        self._kept = kept
        self._visitor = visitor
        self._durations = durations
        self._calls: dict[str, Call] = {}
        self.calls_made = 0

    @property
    def origin(self) -> Origin:
        """The weights, device and build behind the frames."""
        return self._origin

    @property
    def lanes(self) -> Sequence[Lane]:
        """The one thread that asks for a GPU."""
        return (self,)

    @property
    def place(self) -> str:
        """What is kept is in this process."""
        return ""

    @property
    def together(self) -> None:
        """None: each call is somebody's own quota."""
        return

    def has(self, request: Request) -> bool:
        """Whether the frame of `request` is cached."""
        try:
            return self._kept.has(request)
        except InvalidLora:
            return False

    def render(self, request: Request, stage: Stage, hooks: Hooks) -> Frame:
        """The frame of `request`, from the cache or from a GPU. See `contract.Engine`.

        There is no preview: it would be decoded at the visitor's cost. `Postponed` comes where no
        GPU is there yet, so that others have their turn; asked again, the session goes on waiting
        at its place in the queue. `EngineFailed` says why ZeroGPU gave none.
        """
        cached = self._kept.frame(request)
        if cached is not None:
            return replace(cached, stage=stage, timings=Timings(cached=True))
        call = self._call(request, stage, hooks)
        self._follow(call, hooks)
        self._calls.pop(hooks.session, None)
        match call.outcome:
            case Made(frame=frame):
                return replace(frame, stage=stage)
            case Refused(kind=kind, sentence=sentence):
                raise KINDS[kind](sentence)
            case Stopped():
                raise Superseded
            case Exception() as error:
                raise error

    def unwanted(self, session: str) -> None:
        """Nobody wants the picture of `session` any more, whose turn it may not be: its call costs
        nothing but a start, or a step. Called on any thread."""
        call = self._calls.get(session)
        if call is not None:
            call.stop()

    def warm_up(self, request: Request) -> None:
        """Nothing: there is nobody yet whose quota it could be."""

    def cache_stats(self) -> dict[str, CacheStats]:
        """Counts and sizes of the caches of the main process, by what they hold."""
        return self._kept.stats()

    def held(self) -> Held:
        """The caches of the main process; the GPU is nobody's between two calls."""
        stats = self.cache_stats()
        return Held({name: Use(one.held_bytes, one.max_bytes) for name, one in stats.items()})

    def relieve(self) -> None:
        """Let go of the caches; the memory of the GPU is that of another process."""
        self._kept.clear()

    def close(self) -> None:
        """Let go of the caches. The weights stay: they cannot be placed once more."""
        self._kept.clear()

    def _call(self, request: Request, stage: Stage, hooks: Hooks) -> Call:
        """The call that makes `request`. One for each session at a time: two would be two GPUs."""
        before = self._calls.get(hooks.session)
        seconds = self._durations.seconds(request)
        if before is not None:
            if before.has_failed(request):
                return before
            if before.take_over(self._kept.order(request, stage, before.slot), seconds):
                return before
            if not before.wait(0.0):
                before.stop()
                self._follow(before, hooks)
        return self._begin(request, stage, hooks.session, seconds)

    def _begin(self, request: Request, stage: Stage, session: str, seconds: int) -> Call:
        self._forget()
        slot = self._watch.take()
        if slot is None:
            raise EngineFailed(TOO_MANY)
        try:
            call = Call(self._kept.order(request, stage, slot), seconds, self._watch)
        except BaseException:
            self._watch.give_back(slot)
            raise
        self._calls[session] = call
        self.calls_made += 1
        context = self._visitor(session)
        Thread(target=context.run, args=(self._run, call), name="gpu call", daemon=True).start()
        return call

    def _forget(self) -> None:
        """Drop the calls that ended while their sessions were away, but for the failures of those
        who may come back for them."""
        over = [(name, call) for name, call in list(self._calls.items()) if call.wait(0.0)]
        for name, call in over:
            if len(over) > self._watch.slots or not call.has_failed():
                self._calls.pop(name, None)

    def _run(self, call: Call) -> None:
        """On a thread of its own: it may wait in ZeroGPU's queue for up to a minute."""
        outcome: Answer | Exception
        # Whatever it is: somebody waits for the end of this call.
        try:
            outcome = self._gpu(Ticket(call))
            if isinstance(outcome, Made):
                self._kept.keep(call.order, outcome)
                self._durations.rendered(outcome.frame)
        except BaseException as error:
            outcome = EngineFailed(zero_words.sentence(error))
            is_theirs = zero_words.is_told(error)
            log.warning("no GPU: %s", outcome, exc_info=None if is_theirs else error)
        call.end(outcome)

    def _has_news(self) -> bool:
        """Whether a call whose session has given way has begun or ended: its turn should come."""
        return any(call.gave_way and call.is_past_queue for call in list(self._calls.values()))

    def _follow(self, call: Call, hooks: Hooks) -> None:
        """Until `call` ends. Raises `Superseded` where nobody wants its picture any more, and
        `Postponed` where it has not begun for a while."""
        stopped, waited, since = False, False, time.monotonic()
        while not call.wait(POLL_S):
            steps = call.steps
            if steps is not None and waited:
                self._durations.started(call.bound_s)
            waited = steps is None
            if not stopped and hooks.superseded(steps or 0):
                stopped = True
                call.stop()
            # What has begun stops within a step, and then its process is free for the next.
            if waited and stopped:
                raise Superseded
            turn_s = LOOK_S if call.gave_way or self._has_news() else QUEUE_S
            if waited and time.monotonic() - since > turn_s:
                call.gave_way = True
                raise Postponed
        if stopped:
            raise Superseded
