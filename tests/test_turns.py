"""Whose turn it is, with invented states."""

from dataclasses import replace

from klein_ui import pacing, turns
from klein_ui.contract import Request, Stage
from klein_ui.pacing import PacingSettings, State

from .stepping import asked

SETTINGS = PacingSettings(direct_s=-1.0)
NOW = 100.0


def cost(request: Request) -> float:
    return 0.1


def typing(prompt: str, side: int = 256) -> State:
    return pacing.typed(State(), asked(prompt, side), 1, NOW)


def settled(prompt: str, waited_s: float = 0.5) -> State:
    state = pacing.typed(State(), asked(prompt, 256), 1, NOW - waited_s)
    return replace(state, reached=Stage.DRAFT, stale_since=None)


def names(states: dict[str, State]) -> list[str]:
    return [job.name for job in turns.turn(states, cost, SETTINGS, NOW).jobs]


def test_nobody_is_waited_for_without_a_reason() -> None:
    assert turns.turn({}, cost, SETTINGS, NOW) == turns.Turn()
    assert turns.turn({"idle": State()}, cost, SETTINGS, NOW) == turns.Turn()


def test_until_is_the_first_time_that_something_comes_due() -> None:
    states = {"a": settled("a", waited_s=0.1), "b": settled("b", waited_s=0.2), "c": State()}
    turn = turns.turn(states, cost, SETTINGS, NOW)
    assert (turn.jobs, turn.until) == ((), NOW - 0.2 + SETTINGS.settle_s)


def test_those_who_type_come_in_turn_and_may_go_together() -> None:
    assert names({"a": typing("a"), "idle": State(), "b": typing("b")}) == ["a", "b"]


def test_a_settled_picture_lets_those_who_type_go_first_and_goes_with_none_of_them() -> None:
    assert names({"done": settled("d"), "a": typing("a"), "b": typing("b")}) == ["a", "b"]


def test_settled_pictures_may_go_together_while_nobody_types() -> None:
    assert names({"a": settled("a"), "b": settled("b")}) == ["a", "b"]


def test_one_that_waited_long_has_its_turn_alone_while_others_type() -> None:
    late = settled("late", waited_s=9.0)
    assert names({"other": settled("o"), "late": late, "a": typing("a")}) == ["late"]
    assert names({"other": settled("o"), "late": late}) == ["late", "other"]


def test_whoever_waits_for_another_key_is_not_drawn_into_a_batch() -> None:
    waits = replace(typing("slow typist"), typing_interval_s=0.2, stale_since=NOW)
    slow = turns.turn({"a": typing("a"), "waits": waits}, lambda request: 1.0, SETTINGS, NOW)
    assert [job.name for job in slow.jobs] == ["a"]


def test_a_job_says_what_runs_and_since_when() -> None:
    (job,) = turns.turn({"a": typing("a")}, cost, SETTINGS, NOW).jobs
    running = job.running
    assert (running.seq, running.stage, running.started_at) == (1, Stage.DRAFT, NOW)
    assert (running.expected_s, running.settled, job.preview) == (0.1, False, False)


def homes(here: str, **last: str) -> turns.Homes:
    return turns.Homes(here, frozenset({"p", "q"}), last, dict.fromkeys(last, NOW))


def test_whoever_is_at_home_elsewhere_is_left_to_that_place_for_a_moment() -> None:
    states = {"a": typing("a")}
    turn = turns.turn(states, cost, SETTINGS, NOW, homes("p", a="q"))
    assert (turn.jobs, turn.until) == ((), NOW + turns.MOST_PATIENCE_S)
    assert turn.left == ("a",)
    later = turns.turn(states, cost, SETTINGS, NOW + 0.11, homes("p", a="q"))
    assert [job.name for job in later.jobs] == ["a"]
    for home in (homes("q", a="q"), homes("p"), homes("p", a="gone")):
        assert turns.turn(states, cost, SETTINGS, NOW, home).jobs


def test_a_place_prefers_its_own_among_the_next_in_turn_and_no_further() -> None:
    states = {name: typing(name) for name in "abcdef"}

    def first(at_home: str) -> str:
        last = {name: "p" if name == at_home else "q" for name in states}
        return turns.turn(states, cost, SETTINGS, NOW + 0.2, homes("p", **last)).jobs[0].name

    assert [first(name) for name in "adef"] == ["a", "d", "a", "a"]


def test_nobody_is_passed_over_for_ever() -> None:
    states = {name: typing(name) for name in "ab"}
    guests = homes("p", a="q", b="p")
    turn = turns.turn(states, cost, SETTINGS, NOW, guests)
    assert (turn.jobs[0].name, turn.passed) == ("b", ("a",))
    often = replace(guests, passed={"a": guests.reach})
    assert turns.turn(states, cost, SETTINGS, NOW, often).jobs[0].name == "a"
