"""Graphs of steps: recorded once for each shape, replayed on fixed addresses, and never a wrong
picture. A tape stands in for the card: like a graph it runs nothing while it records, and knows
only the tensors that it was recorded with."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from klein_ui import models
from klein_ui.bench.photos import Album, photo
from klein_ui.contract import Hooks, Lora, Origin, Reference, Request, Stage
from klein_ui.engine import choosing, graphs, loader
from klein_ui.engine.device import Device, choose
from klein_ui.engine.graphs import CudaRecorder, StepGraphs, recorder_for
from klein_ui.engine.klein import KleinEngine
from klein_ui.loras import LoraShelf

from .lora_files import as_diffusers, pairs, saved
from .rendering import CACHE_BYTES, load, render, request


class Tape:
    """A recorder on the CPU."""

    def __init__(self, room: bool = True, fails: bool = False) -> None:
        self._room = room
        self._fails = fails
        self.steps = 0

    def record(self, step: Callable[[], Tensor]) -> Callable[[], Tensor]:
        self.steps += 1
        if self._fails:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        answer = torch.full_like(step(), torch.nan)

        def replay() -> Tensor:
            return answer.copy_(step())

        return replay

    def has_room(self, tokens: int) -> bool:
        return self._room


def taped(folder: Path, tape: Tape, album: Album, shelf: Path | None = None) -> KleinEngine:
    row = models.from_folder(folder)
    choice = choosing.Choice(row, choose("cpu"))
    pipeline, origin = loader.open_pipeline(choice, lambda progress: None)
    loras = None if shelf is None else LoraShelf(shelf)
    return KleinEngine(pipeline, row, origin, CACHE_BYTES, album, 0, loras, recorder=tape)


@pytest.fixture
def album() -> Album:
    return Album({"wide": photo(64, 32, 0), "tall": photo(32, 64, 1)})


def test_pictures_are_those_without_graphs(small_model: Path, album: Album) -> None:
    tape = Tape()
    ours, plain = taped(small_model, tape, album), load(small_model, album)
    wanted = [
        request(),
        request(prompt="blue", seed=9),
        request(width=96),
        request("wide"),
        # The same shapes at other positions.
        request("tall"),
        request(Reference("wide", strength=0.5)),
        request(Reference("wide", strength=0.2)),
        request(prompt="again", steps=3),
    ]
    for one in wanted:
        assert np.array_equal(render(ours, one), render(plain, one)), one


def test_each_shape_is_recorded_once(small_model: Path, album: Album) -> None:
    tape = Tape()
    engine = taped(small_model, tape, album)
    for prompt in ("a", "ab", "abc"):
        render(engine, request(prompt=prompt))
        render(engine, request(prompt=prompt, width=80))
    assert tape.steps == engine.steps_recorded == 2
    render(engine, request("wide"))
    render(engine, request("tall", prompt="b"))
    assert engine.steps_recorded == 3


def test_loras_are_switched_without_recording(
    small_model: Path, album: Album, tmp_path: Path
) -> None:
    engine = taped(small_model, Tape(), album, tmp_path)
    plain = load(small_model, album, loras=LoraShelf(tmp_path))
    for seed, name in enumerate(("ink", "wash")):
        saved(tmp_path, name, as_diffusers(pairs(plain._pipeline.transformer, 4, seed)))
    asked: list[Request] = [
        replace(request(prompt=f"{number}"), loras=loras)
        for number, loras in enumerate(
            [(Lora("ink"),), (), (Lora("wash"),), (Lora("ink", 0.3),), (Lora("ink"), Lora("wash"))]
        )
    ]
    for one in asked:
        assert np.array_equal(render(engine, one), render(plain, one)), one.loras
    # One without and one with.
    assert engine.steps_recorded == 2


def test_large_steps_are_left_as_they_are(
    small_model: Path, album: Album, monkeypatch: pytest.MonkeyPatch
) -> None:
    tape = Tape()
    engine = taped(small_model, tape, album)
    tokens = engine._prompts.encode("").embeds.shape[1] + 4 * 4
    monkeypatch.setattr(graphs, "MOST_TOKENS", tokens)
    render(engine, request())
    render(engine, request(width=80))
    assert tape.steps == 1


def test_kept_keys_are_left_as_they_are(small_kv_model: Path, album: Album) -> None:
    tape = Tape()
    ours, plain = taped(small_kv_model, tape, album), load(small_kv_model, album)
    assert np.array_equal(render(ours, request("wide")), render(plain, request("wide")))
    assert tape.steps == 0


@pytest.mark.parametrize("tape", [Tape(room=False), Tape(fails=True)])
def test_without_room_the_step_runs_as_it_is(small_model: Path, album: Album, tape: Tape) -> None:
    ours, plain = taped(small_model, tape, album), load(small_model, album)
    assert np.array_equal(render(ours, request()), render(plain, request()))
    assert ours.steps_recorded == 0


def test_kernels_that_cannot_be_recorded_run_as_they_are(
    small_model: Path, album: Album, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Tape):
        def record(self, step: Callable[[], Tensor]) -> Callable[[], Tensor]:
            self.steps += 1
            raise RuntimeError("operation not permitted when stream is capturing")

    tape = Broken()
    ours, plain = taped(small_model, tape, album), load(small_model, album)
    for wanted in (request(), request(width=80), request(prompt="b")):
        assert np.array_equal(render(ours, wanted), render(plain, wanted))
    assert tape.steps == 1
    assert "capturing" in caplog.text


def test_the_least_recently_used_graph_goes(
    small_model: Path, album: Album, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graphs, "MOST_GRAPHS", 2)
    tape = Tape()
    engine = taped(small_model, tape, album)
    for width in (64, 80, 96):
        render(engine, request(width=width))
    render(engine, request(prompt="b", width=96))
    assert tape.steps == 3
    render(engine, request(prompt="b", width=64))
    assert tape.steps == 4


def test_a_transformer_on_the_cpu_is_not_recorded(small_model: Path, album: Album) -> None:
    engine = load(small_model, album)
    assert recorder_for(engine._pipeline.transformer) is None
    assert not isinstance(engine._graphs, StepGraphs)


@pytest.mark.gpu
def test_a_gpu_replays_the_same_pictures(small_model: Path) -> None:
    row = models.from_folder(small_model)
    choice = choosing.Choice(row, Device("cuda", torch.bfloat16), memory="resident")
    pipeline, origin = loader.open_pipeline(choice, lambda progress: None)
    recorder = recorder_for(pipeline.transformer)
    assert isinstance(recorder, CudaRecorder)
    ours = KleinEngine(pipeline, row, origin, CACHE_BYTES, Album(), recorder=recorder)
    plain = KleinEngine(pipeline, row, Origin("", "", "", ""), CACHE_BYTES, Album())
    for prompt in ("a", "ab", "abc"):
        wanted = request(prompt=prompt)
        found = ours.render(wanted, Stage.FINAL, Hooks()).pixels
        assert np.array_equal(found, render(plain, wanted))
    assert ours.steps_recorded == 1
