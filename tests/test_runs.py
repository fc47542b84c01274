"""Several who type at once on an invented clock: nobody starves, whatever a batch costs."""

from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from klein_ui import pacing
from klein_ui.contract import Frame, Stage, Timings
from klein_ui.engine.fake import FAKE_ORIGIN, FakeEngine
from klein_ui.models import POSTCARD
from klein_ui.pacing import Costs, PacingSettings, State
from klein_ui.runs import Runs
from klein_ui.turns import Job

from .stepping import asked

SETTINGS = PacingSettings()
PIXELS = np.zeros((128, 128, 3), np.uint8)


def test_what_was_asked_of_another_model_is_in_no_batch() -> None:
    play = Play({"a": [], "b": [], "c": []}, alone_s=0.05, more=0.1)
    for seq, (name, model) in enumerate((("a", "postcard"), ("b", "klein-4b"), ("c", "postcard"))):
        wanted = asked(name)
        wanted = replace(wanted, request=replace(wanted.request, model=model), drafts=())
        play.states[name] = pacing.typed(State(), wanted, seq, 0.0)
    jobs = play.runs.begin(play.engine, POSTCARD, play.states, 0.0).jobs
    assert [job.name for job in jobs] == ["a", "c"]


def test_whoever_emptied_the_prompt_is_left_to_the_own_place_anew() -> None:
    runs = Runs(SETTINGS)
    here, there, places = FakeEngine(place="a"), FakeEngine(place="b"), frozenset("ab")

    def key(seq: int, now: float) -> dict[str, State]:
        return {"one": pacing.typed(State(), asked(f"sun {seq}"), seq, now)}

    (job,) = runs.begin(here, POSTCARD, key(1, 0.0), 0.0, 0, places).jobs
    runs.end(job)
    assert runs.begin(there, POSTCARD, key(2, 1.0), 1.0, 1, places).left == ("one",)
    runs.begin(there, POSTCARD, {}, 2.0, 1, places)
    assert runs.begin(there, POSTCARD, key(3, 9.0), 9.0, 1, places).left == ("one",)


@dataclass
class Play:
    """Sessions by name with the times of their keys, and an engine of four equal steps.

    A picture alone takes `alone_s`, and each more of a batch `more` of that.
    """

    keys_s: dict[str, list[float]]
    alone_s: float
    more: float
    now: float = 0.0
    seq: int = 0
    batches: list[int] = field(default_factory=list)
    superseded: int = 0

    def __post_init__(self) -> None:
        self.states = {name: State() for name in self.keys_s}
        self.shown: dict[str, list[tuple[float, int, Stage]]] = {name: [] for name in self.keys_s}
        self.typed: dict[str, int] = {}
        self.engine = FakeEngine(together_s=self.together_s)
        self.runs = Runs(SETTINGS)
        self.runs.another_model(Costs().after(asked("").request, self.alone_s))

    def together_s(self, count: int) -> float:
        return self.alone_s * (1 + (count - 1) * self.more)

    def play(self) -> "Play":
        while True:
            self.hear()
            turn = self.runs.begin(self.engine, POSTCARD, self.states, self.now)
            if turn.jobs:
                for job in turn.jobs:
                    self.states[job.name] = self.states.pop(job.name)
                self.run(turn.jobs)
                continue
            coming = [keys[0] for keys in self.keys_s.values() if keys]
            coming += [] if turn.until is None else [turn.until]
            if not coming:
                return self
            self.now = max(self.now, min(coming))

    def hear(self) -> None:
        for name, keys in self.keys_s.items():
            while keys and keys[0] <= self.now:
                at = keys.pop(0)
                self.seq += 1
                self.typed[name] = self.seq
                self.states[name] = pacing.typed(
                    self.states[name], asked(f"{name}{self.seq}"), self.seq, at
                )
                self.runs.outdate(name, at)

    def run(self, jobs: tuple[Job, ...]) -> None:
        if len(jobs) > 1:
            self.batches.append(len(jobs))
        left, steps = self.asked(jobs, 0), POSTCARD.steps
        for step in range(steps):
            if left:
                self.now += self.together_s(len(left)) / steps
                left = self.asked(left, step + 1)
        frames = [self.show(job, len(jobs)) for job in left]
        if len(jobs) > 1:
            self.runs.measured_together(jobs, frames)
        else:
            for frame in frames:
                self.runs.measured(frame)

    def asked(self, jobs: tuple[Job, ...], steps_done: int) -> tuple[Job, ...]:
        self.hear()
        left: list[Job] = []
        for job in jobs:
            state = self.states[job.name]
            if self.runs.supersede(self.engine, job, state, steps_done, self.now):
                self.runs.end(job)
                self.superseded += 1
            else:
                left.append(job)
        return tuple(left)

    def show(self, job: Job, count: int) -> Frame:
        running = self.runs.end(job)
        self.states[job.name] = pacing.shown(self.states[job.name], running)
        self.shown[job.name].append((self.now, running.seq, running.stage))
        timings = Timings(denoise_s=self.together_s(count))
        return Frame(running.request, running.stage, PIXELS, timings, FAKE_ORIGIN)


def steady(name: str, every_s: float, keys: int = 60) -> dict[str, list[float]]:
    return {name: [every_s * key for key in range(1, keys + 1)]}


gaps = st.lists(st.floats(0.03, 0.15), min_size=20, max_size=40)
people = st.lists(gaps, min_size=2, max_size=5)
costs = st.sampled_from([0.005, 0.02, 0.04, 0.1, 0.2])
shares = st.sampled_from([0.05, 0.5, 0.75, 0.85, 1.0, 1.6])


def playing(people: list[list[float]], alone_s: float, more: float) -> Play:
    keys = {
        str(number): [sum(gaps_s[: key + 1]) for key in range(len(gaps_s))]
        for number, gaps_s in enumerate(people)
    }
    return Play(keys, alone_s, more)


@given(people=people, alone_s=costs, more=shares)
def test_nobody_who_never_pauses_starves(
    people: list[list[float]], alone_s: float, more: float
) -> None:
    play = playing(people, alone_s, more)
    keys = {name: list(times) for name, times in play.keys_s.items()}
    play.play()
    # What pacing promises to one alone, and a round of everybody else's before and after it.
    bound_s = max(SETTINGS.staleness_s, pacing.SLOW_MODEL_SLACK * alone_s)
    rounds_s = 2 * len(people) * alone_s * max(1.0, more)
    for name, shown in play.shown.items():
        first, last = keys[name][0], keys[name][-1]
        times = [first, *(at for at, _, _ in shown if at <= last), last]
        longest_s = max(b - a for a, b in pairwise(times))
        assert longest_s <= bound_s + rounds_s + alone_s + 0.001


@given(people=people, alone_s=costs, more=shares)
def test_everybody_gets_the_full_picture_of_their_last_key_and_none_goes_back(
    people: list[list[float]], alone_s: float, more: float
) -> None:
    play = playing(people, alone_s, more).play()
    for name, shown in play.shown.items():
        assert shown[-1][1:] == (play.typed[name], Stage.FINAL)
        seqs = [seq for _, seq, _ in shown]
        assert seqs == sorted(seqs)


def of_three(more: float, *, together: bool) -> Play:
    keys = {**steady("a", 0.05), **steady("b", 0.05), **steady("c", 0.05)}
    play = Play(keys, 0.06, more)
    if not together:
        play.engine.together_s = None
    return play.play()


def seen(play: Play) -> int:
    return sum(len(shown) for shown in play.shown.values())


def test_more_pictures_are_seen_where_a_batch_helps() -> None:
    play = of_three(0.5, together=True)
    assert seen(play) > 1.3 * seen(of_three(0.5, together=False))
    assert set(play.batches) == {2, 3}


def test_where_it_does_not_help_it_is_tried_and_no_fewer_are_seen() -> None:
    play = of_three(0.95, together=True)
    assert play.batches == [2, 2, 2]
    assert seen(play) > 0.9 * seen(of_three(0.95, together=False))
