"""Decides whose request runs when: the thread that owns the engine, and when it has to end.

Sessions take turns, or one together where that was measured to help. An engine of several lanes
has a thread for each. What a frame, an error or progress leads to is the listener's business.
Whatever ends a thread, it begins again.
"""

import contextlib
import itertools
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from klein_ui import pacing
from klein_ui.contract import (
    Asked,
    DeviceLost,
    Frame,
    Held,
    KleinError,
    Lane,
    Origin,
    Progress,
    Request,
)
from klein_ui.events import Closing, Event, Failed, Listener, Shown, until_final
from klein_ui.figures import Count, Figures, Stats
from klein_ui.hands import Gate, Hand, Hands
from klein_ui.health import Doing, Health, Pulse
from klein_ui.loading import Clock, Loading, Source
from klein_ui.mailboxes import Mailboxes
from klein_ui.models import ModelRow
from klein_ui.performing import Deaths, Performer
from klein_ui.tireless import Tireless
from klein_ui.visitors import Visitors

__all__ = ["MAX_SESSIONS", "Dispatcher", "Event", "Failed", "Listener", "Shown", "Stats"]

log = logging.getLogger(__name__)

MAX_SESSIONS = 256

LOOK_S = 0.5
"""How often it is looked whether lanes came or went, where an engine has places elsewhere."""
CLOSE_S = 5.0
"""How long the threads of the other lanes may take to end, each."""

RESTARTING = "The app is restarting; what you type is drawn once it is back."
NO_DEVICE = "The graphics device failed, so the app is restarting; what you type is drawn then."
NO_THREAD = "The engine broke off again and again, so the app is restarting; type on then."


class Dispatcher:
    """Runs one engine for any number of sessions.

    Engines are loaded on the thread of the first lane. Listeners are called on the threads of the
    lanes and must not block.
    """

    def __init__(
        self,
        first: Source,
        settings: pacing.PacingSettings,
        clock: Clock = time.monotonic,
        lost: Callable[[], object] = lambda: None,
        visitors: Visitors | None = None,
    ) -> None:
        """`lost` is called once, on any thread, when only a new process can help. `visitors`, where
        given, keep in which context each session asked."""
        self._loading = Loading(first, self._report, clock)
        self._clock = clock
        self._lost = lost
        self._visitors = visitors
        self._boxes = Mailboxes(settings, clock)
        self.figures = Figures()
        self._progress = Progress("starting", "Starting…")
        self._stopping = False
        # Why nothing is taken any more, and whether it stays like that.
        self._refusal, self._is_final, self._is_lost = "", False, False
        self._one_off = itertools.count()
        self._is_suspect = False
        self._deaths = Deaths()
        self._gate = Gate()
        self.hands = Hands(self._hire)

    def start(self) -> None:
        """Begin to load the engine, and to render once it is there."""
        self.hands[0].thread.start()

    def stop(self, timeout_s: float = 10.0) -> bool:
        """Stop after the running step and free the engine; False if that took too long.

        May be called twice.
        """
        self._stopping = True
        self._loading.stop()
        self._boxes.wake()
        return self.hands.join(timeout_s)

    def drain(self, timeout_s: float) -> bool:
        """Take nothing new, say so to everybody, and finish what was asked for; False if that
        took too long, or cannot be done."""
        self._refuse(RESTARTING)
        if self._is_lost or self._loading.engine is None:
            return not self._boxes.waiting()
        return self._boxes.wait_until_done(timeout_s)

    def dismiss(self, timeout_s: float) -> bool:
        """Tell everybody that nothing more comes; False if some have not closed within that."""
        self._boxes.tell_all(Closing(self._refusal or RESTARTING))
        return self._boxes.wait_until_empty(timeout_s)

    def give_up(self, sentence: str) -> None:
        """There are no pictures any more, whoever asks: that is what `sentence` is about."""
        self._is_final = True
        self._refuse(sentence)
        self._boxes.refuse(sentence)

    def switch(self, source: Source) -> bool:
        """Have another model for everybody: what runs stops within a step, and `source` takes the
        place of the engine. Every listener is told how far that is, and how it ended.

        When it fails, the model before is loaded again. Of two switches the last one wins. False,
        and nothing is told, where that model is there already. While the app ends nothing is done.
        """
        if self._refusal:
            return True
        wanted = self._loading.want(source)
        self._boxes.wake()
        return wanted

    def open(self, name: str, listener: Listener) -> None:
        """Begin the session `name`; its listener is told at once where the loading stands."""
        self.hands.revive()
        self._boxes.open(name, listener, lambda: self._progress)

    def close(self, name: str) -> None:
        """End the session `name`: what waits is dropped, what runs stops within a step."""
        self._boxes.close(name)
        if self._visitors:
            self._visitors.left(name)

    def ahead(self, name: str) -> int | None:
        """How many come before session `name` where that has waited too long; see `Mailboxes`."""
        return None if self._loading.engine is None else self._boxes.ahead(name)

    def clear(self, name: str) -> None:
        """The prompt of session `name` was emptied: drop what waits, stop what runs."""
        self._boxes.clear(name)
        if self._visitors:
            self._visitors.cleared(name)

    def is_full(self) -> bool:
        """Whether there are as many sessions as one engine should have."""
        return len(self._boxes) >= MAX_SESSIONS

    def submit(self, name: str, asked: Asked, seq: int) -> None:
        """Put `asked` into the mailbox of session `name`, replacing what waits there.

        A closed session is ignored: its last message may arrive after it went. While the app
        ends, the session is told so, and asks the next one again.
        """
        if self._refusal:
            final = Failed(seq, self._refusal) if self._is_final else self._progress
            self._boxes.tell(name, final)
            return
        if self._visitors:
            self._visitors.heard(name)
        self._boxes.submit(name, asked, seq)
        self.hands.revive()

    def render(self, request: Request) -> "Future[Frame]":
        """One picture outside of any live session, in turn with them and never superseded."""
        name = f"one-off-{next(self._one_off)}"
        future: Future[Frame] = Future()
        if self._refusal:
            future.set_exception(KleinError(self._refusal))
            return future
        future.add_done_callback(lambda _: self.close(name))
        self.open(name, until_final(future))
        self.submit(name, Asked(request), seq=0)
        return future

    @property
    def row(self) -> ModelRow:
        """The model that requests must be for; another one from the moment it is there."""
        return self._loading.row

    @property
    def progress(self) -> Progress:
        """Where the loading stands."""
        return self._progress

    @property
    def origin(self) -> Origin | None:
        """The machinery of the moment; None while there is no engine."""
        engine = self._loading.engine
        with contextlib.suppress(AttributeError):
            return engine.origin if engine else None
        return None

    def held(self) -> Held:
        """The memory of the engine, where there is one."""
        engine = self._loading.engine
        # It may be closed in this very moment.
        with contextlib.suppress(AttributeError):
            return engine.held() if engine else Held()
        return Held()

    def stats(self) -> Stats:
        """Counts at this moment."""
        counts = self.figures.snapshot().counts
        done = (counts[Count.RENDERS], counts[Count.SUPERSEDED], counts[Count.TOGETHER])
        return Stats(self._loading.loads, len(self._boxes), *done, self._boxes.waiting())

    def health(self) -> Health:
        """How the engine and its thread are."""
        self.hands.revive()
        if self._is_lost:
            return Health(False, False, self._refusal)
        for hand in self.hands:
            complaint = hand.pulse.complaint(self._clock())
            if complaint:
                return Health(False, False, complaint)
        if self._refusal or not self._has_place():
            return Health(True, False, self._refusal or self._progress.sentence)
        return Health(True, True)

    def _refuse(self, sentence: str) -> None:
        self._refusal = sentence
        self._say(Progress("failed" if self._is_final else "restarting", sentence))

    def _lose(self, sentence: str) -> None:
        """Only a new process helps; what was asked for stays due, and the page asks that again."""
        if not self._is_lost:
            self._is_lost = True
            self._refuse(sentence)
            self._lost()

    # Everything below runs on the threads of the lanes, each of which has its own hand.

    def _hire(self, number: int) -> Hand:
        def stops() -> bool:
            self._beat(Doing.RENDERING, number)
            return self._stopping or self._is_to_load()

        performer = Performer(self._boxes, self.figures, self._deaths, stops)
        name = f"engine-{number}" if number else "engine"
        thread = Tireless(
            lambda again: self._live(again, number),
            name,
            lambda: self._lose(NO_THREAD),
            self._clock,
        )
        return Hand(number, performer, thread, Pulse(self._clock()))

    def _live(self, again: bool, number: int) -> None:
        hand = self.hands[number]
        if again:
            self.recover(number)
        while not self._stopping:
            rest_s = self.turn(number)
            if rest_s != 0.0:
                self._beat(Doing.WAITING, number)
                self._boxes.wait(hand.news, rest_s)
        if number == 0:
            for other in self.hands:
                if other is not hand:
                    other.thread.join(CLOSE_S)
            self._loading.close()

    def recover(self, number: int = 0) -> None:
        """Go on after a turn that broke off with whatever ends a thread: only the thread after it
        calls this, once. An engine that had a part in it has to show that it is sound; where it
        has other lanes, what the thread of one of them did says nothing about it."""
        self.figures.count(Count.RESTARTS)
        had_part = self.hands[number].performer.broke_off()
        if number:
            return
        was_suspect = self._is_suspect
        self._is_suspect = had_part or was_suspect
        if was_suspect:
            # It even died while it was to show that.
            self._loading.close()
        if not self._is_suspect:
            return
        try:
            self._loading.prove()
        except DeviceLost:
            self._lose(NO_DEVICE)
        except Exception as error:
            log.warning("the engine is loaded again", exc_info=error)
            self._loading.close()
        self._is_suspect = False

    def turn(self, number: int = 0) -> float | None:
        """Do what is to be done next: load, or one picture, or one batch with the lane `number`,
        whose thread alone calls it. The seconds to rest before the next turn, None until something
        changes."""
        hand = self.hands[number]
        hand.news = self._boxes.news
        if self._is_lost:
            return None
        try:
            if self._is_to_load():
                return None if number else self._bring_alone()
            return self._serve(hand)
        except DeviceLost as error:
            log.critical("the device is lost", exc_info=error)
        # Out of the handler: the error holds what lies on the device.
        self._lose(NO_DEVICE)
        return None

    @property
    def lanes(self) -> Sequence[Lane]:
        """All lanes of the engine of the moment."""
        engine = self._loading.engine
        return () if engine is None else engine.lanes

    def _is_to_load(self) -> bool:
        """Whether there is no engine, none that is of use, or one of another model than wanted."""
        return self._loading.is_wanted() or not self._has_place()

    def _has_place(self) -> bool:
        return any(lane.place is not None for lane in self.lanes)

    def _serve(self, hand: Hand) -> float | None:
        """Nothing may hold the engine between two turns: another model needs its room."""
        if hand.number == 0:
            self.hands.grow(len(self.lanes))
        with self._gate.within(hand.number) as may:
            lanes = self.lanes
            if may and hand.number < len(lanes) and lanes[hand.number].place is not None:
                rest_s = self._made(hand, lanes)
            else:
                # Nobody tells this thread that its lane has a place again.
                rest_s = LOOK_S if hand.number else None
        if hand.number and self._is_to_load():
            self._boxes.wake()
        if hand.number or all(lane.place == "" for lane in lanes):
            return rest_s
        return LOOK_S if rest_s is None else min(rest_s, LOOK_S)

    def _made(self, hand: Hand, lanes: Sequence[Lane]) -> float | None:
        lane, places = lanes[hand.number], frozenset(one.place for one in lanes if one.place)
        turn = self._boxes.begin(lane, self.row, hand.number, places)
        if not turn.jobs:
            return None if turn.until is None else max(0.0, turn.until - self._clock())
        self._beat(Doing.RENDERING, hand.number)
        hand.performer.perform(lane, self.row, turn.jobs)
        return 0.0

    def _bring_alone(self) -> float | None:
        """Load once no lane renders any more. The last one to end may wake this before it is out
        of the gate, so that it is looked again."""
        with self._gate.shut() as alone:
            return self._bring() if alone else LOOK_S

    def _bring(self) -> float | None:
        """Load. After a load that failed, tell whoever types, until a key comes late enough."""
        loading = self._loading
        if loading.engine is not None and not loading.is_wanted():
            # It has no place any more.
            loading.close()
        if loading.has_failed() and not loading.is_wanted():
            if not self._boxes.waiting():
                return None
            if not loading.may_retry():
                self._boxes.refuse(self._progress.sentence)
                return 0.0
        self._beat(Doing.LOADING)
        switched = loading.bring()
        self._boxes.another_model(loading.costs)
        if switched is not None:
            self._boxes.tell_all(switched)
        return 0.0

    def _beat(self, doing: Doing, number: int = 0) -> None:
        self.hands[number].pulse = Pulse(self._clock(), doing)

    def _report(self, progress: Progress) -> None:
        self._beat(Doing.LOADING)
        if progress.phase != self._progress.phase:
            log.info("%s", progress.sentence)
        if not self._refusal:
            self._say(progress)

    def _say(self, progress: Progress) -> None:
        def meanwhile() -> None:
            self._progress = progress

        self._boxes.tell_all(progress, meanwhile)
