"""The engines of the bench: what they sleep, stamp and record."""

import time
from pathlib import Path

import pytest

from klein_ui.bench import engines
from klein_ui.bench.prompts import prompts
from klein_ui.bench.records import Outcome, Recorder
from klein_ui.bench.sleeper import Sleeper
from klein_ui.bench.stamp import number_of, read
from klein_ui.bench.watched import Watched
from klein_ui.contract import Frame, Hooks, Request, Stage, Superseded
from klein_ui.validate import asked

REQUEST = Request("a lake", 0, 256, 256, 4, 1.0, "fake-0")


def test_a_picture_carries_its_prompt() -> None:
    frame = Watched(Sleeper(0.0), Recorder()).render(REQUEST, Stage.FINAL, Hooks())
    assert frame.pixels.shape == (256, 256, 3)
    assert read(frame.pixels) == number_of("a lake")


def test_a_preview_carries_it_too() -> None:
    previews: list[Frame] = []
    hooks = Hooks(preview=previews.append)
    Watched(Sleeper(0.0), Recorder()).render(REQUEST, Stage.FINAL, hooks)
    assert [read(frame.pixels) for frame in previews] == [number_of("a lake")]


def test_a_render_is_recorded_with_its_steps() -> None:
    recorder = Recorder()
    before_s = time.time()
    Watched(Sleeper(0.02), recorder).render(REQUEST, Stage.FINAL, Hooks())
    (render,) = recorder.take().renders
    assert render.number == number_of("a lake")
    assert render.outcome is Outcome.FINISHED
    assert len(render.step_ends_s) == 4
    assert before_s <= render.started_s <= render.step_ends_s[0] <= render.ended_s
    assert render.render_ms >= 20
    assert recorder.take().renders == ()


def test_a_stopped_render_is_recorded() -> None:
    recorder = Recorder()
    hooks = Hooks(superseded=lambda steps_done: steps_done == 2)
    with pytest.raises(Superseded):
        Watched(Sleeper(0.0), recorder).render(REQUEST, Stage.FINAL, hooks)
    (render,) = recorder.take().renders
    assert (render.outcome, len(render.step_ends_s)) == (Outcome.STOPPED, 2)


def test_timings_are_measured() -> None:
    frame = Sleeper(0.02).render(REQUEST, Stage.FINAL, Hooks())
    assert frame.timings.render_s >= 0.02


def test_two_pictures_in_a_row_differ() -> None:
    sleeper = Sleeper(0.0)
    one, two = (sleeper.render(REQUEST, Stage.FINAL, Hooks()).pixels for _ in range(2))
    assert (one != two).any()


@pytest.mark.parametrize("spec", engines.FAKES, ids=lambda spec: spec.name)
def test_fakes_make_one_size_only(spec: engines.EngineSpec) -> None:
    found = asked({"prompt": "a lake"}, engines.row_of(spec))
    assert (found.request.width, found.request.height) == (512, 512)
    assert found.drafts == ()


def test_missing_weights_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "ASSETS", Path("nowhere"))
    assert "skipped" in (engines.missing(engines.POSTCARD) or "")
    assert engines.missing(engines.FAKES[0]) is None


def test_prompts_are_different_and_repeatable() -> None:
    made = prompts(20, 30, seed=1)
    assert len(set(made)) == 20
    assert all(len(prompt) == 30 and not prompt.endswith(" ") for prompt in made)
    assert made == prompts(20, 30, seed=1)
    assert made != prompts(20, 30, seed=2)
