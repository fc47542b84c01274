"""Many cards and many who type, in invented time: what real pacing does with measured costs.

Every card has its own visitors, who stay with it, as they do with a replica; so each is simulated
by itself. What decides, `pacing` and `turns`, is the app's own code, and what a visitor saw is
written down in the same diaries as by `bench load`.
"""

import heapq
import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from klein_ui import pacing, turns
from klein_ui.bench.visitors import KEY_S, Diary
from klein_ui.contract import Asked, Request
from klein_ui.pacing import Costs, PacingSettings, State
from klein_ui.turns import Job

SPREAD = 0.05
"""Renders of one size differ by this part of their time, as a standard deviation."""


@dataclass(frozen=True, slots=True)
class Card:
    """What a render takes: `fixed_s` and then `pixel_s` for each pixel; `hop_s` comes on top for
    the way to the card and back, in which it does nothing else."""

    fixed_s: float
    pixel_s: float
    hop_s: float = 0.0

    def render_s(self, request: Request) -> float:
        """Seconds on the card alone."""
        return self.fixed_s + self.pixel_s * request.seen_pixels


def through(quick: tuple[int, float], slow: tuple[int, float], hop_s: float = 0.0) -> Card:
    """The card on which pictures of so many pixels take so many seconds, two sizes given."""
    pixel_s = (slow[1] - quick[1]) / (slow[0] - quick[0])
    return Card(quick[1] - pixel_s * quick[0], pixel_s, hop_s)


@dataclass(frozen=True, slots=True)
class Habit:
    """How somebody types: five keys a second for about `burst_s`, then about `pause_s` of looking,
    each drawn from an exponential distribution."""

    burst_s: float
    pause_s: float

    def keys(self, seconds: float, chance: random.Random) -> Iterator[float]:
        """When the keys fall, in seconds from the beginning."""
        share = self.burst_s / (self.burst_s + self.pause_s)
        # Begun long ago: some are just looking.
        now = 0.0 if chance.random() < share else self._pause(chance)
        now += chance.uniform(0, KEY_S)
        while now < seconds:
            until = now + chance.expovariate(1 / self.burst_s)
            while now < min(until, seconds):
                yield now
                now += KEY_S
            now += self._pause(chance)

    def _pause(self, chance: random.Random) -> float:
        return chance.expovariate(1 / self.pause_s) if self.pause_s else 0.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What a card did: the diaries of its visitors, and the part of the time it was busy."""

    diaries: tuple[Diary, ...]
    busy: float


def seats(users: int, cards: int, chance: random.Random | None = None) -> list[int]:
    """How many visitors each card has: as even as can be, or by a throw of the dice each."""
    if chance is None:
        return [users // cards + (card < users % cards) for card in range(cards)]
    counts = [0] * cards
    for _ in range(users):
        counts[chance.randrange(cards)] += 1
    return counts


def card(
    machine: Card, asked: Asked, users: int, seconds: float, habit: Habit, chance: random.Random
) -> Seen:
    """One `machine` and its `users`, each of whom asks for `asked` with every key anew."""
    keys = [list(habit.keys(seconds, chance)) for _ in range(users)]
    return _Simulation(machine, asked, keys, chance).run(seconds)


class _Simulation:
    """The events of one card in the order of their time."""

    def __init__(
        self, machine: Card, asked: Asked, keys: Sequence[list[float]], chance: random.Random
    ) -> None:
        self._machine, self._asked, self._chance = machine, asked, chance
        self._settings = PacingSettings()
        self._costs = Costs()
        for request in (*asked.drafts, asked.request):
            self._costs = self._costs.after(request, machine.render_s(request) + machine.hop_s)
        self._diaries = {f"{user}": Diary(times) for user, times in enumerate(keys)}
        self._states = {name: State() for name in self._diaries}
        self._order = itertools.count()
        self._events: list[tuple[float, int, str, int]] = []
        self._job: Job | None = None
        self._step_s = 0.0
        self._busy_s = self._until_s = 0.0

    def run(self, seconds: float) -> Seen:
        """Until nothing is left to be done; nobody types after so many `seconds`."""
        self._until_s = seconds
        for name, diary in self._diaries.items():
            for number, at in enumerate(diary.keys):
                self._put(at, name, number)
        while self._events:
            now, _, name, number = heapq.heappop(self._events)
            if name:
                self._typed(name, number, now)
            elif self._job and number:
                self._stepped(self._job, number, now)
            if self._job is None:
                self._begin(now)
        return Seen(tuple(self._diaries.values()), self._busy_s / seconds)

    def _put(self, at: float, name: str, number: int) -> None:
        heapq.heappush(self._events, (at, next(self._order), name, number))

    def _typed(self, name: str, number: int, now: float) -> None:
        asked = _with_prompt(self._asked, f"{name} {number}")
        self._states[name] = pacing.typed(self._states[name], asked, number, now)
        job = self._job
        if job and job.name == name and job.running.outdated_at is None:
            self._job = replace(job, running=replace(job.running, outdated_at=now))

    def _begin(self, now: float) -> None:
        turn = turns.turn(self._states, self._costs.forecast, self._settings, now)
        if turn.jobs:
            self._job = job = turn.jobs[0]
            self._states[job.name] = self._states.pop(job.name)
            spread = max(0.5, self._chance.gauss(1.0, SPREAD))
            took_s = self._machine.render_s(job.running.request) * spread + self._machine.hop_s
            self._step_s = took_s / job.running.request.steps
            self._put(now + self._step_s, "", 1)
        elif turn.until is not None:
            self._put(turn.until, "", 0)

    def _stepped(self, job: Job, done: int, now: float) -> None:
        self._busy_s += self._step_s if now <= self._until_s else 0.0
        state, running = self._states[job.name], job.running
        if done == running.request.steps:
            self._states[job.name] = pacing.shown(state, running)
            self._diaries[job.name].frames.append((running.seq, now))
            self._costs = self._costs.after(running.request, now - running.started_at)
            self._job = None
        elif pacing.supersede(state, running, done, self._costs.forecast, self._settings, now):
            self._job = None
        else:
            self._put(now + self._step_s, "", done + 1)


def _with_prompt(asked: Asked, prompt: str) -> Asked:
    drafts = tuple(replace(draft, prompt=prompt) for draft in asked.drafts)
    return Asked(replace(asked.request, prompt=prompt), drafts)
