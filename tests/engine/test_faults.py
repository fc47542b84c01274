"""What torch's errors mean, and memory that really cannot be had."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from klein_ui.bench.photos import Album
from klein_ui.contract import DeviceLost, EngineFailed, Hooks, OutOfMemory, Stage, Superseded
from klein_ui.engine.faults import TOO_LARGE, named

from .rendering import load, request
from .short_of_memory import SMALL

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        MemoryError(),
        RuntimeError("MPS backend out of memory (MPS allocated: 9.0 GB)"),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory"
        ),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("std::bad_alloc"),
    ],
)
def test_too_little_memory_has_one_name(error: Exception) -> None:
    with pytest.raises(OutOfMemory, match=TOO_LARGE), named():
        raise error


@pytest.mark.parametrize(
    "sentence",
    [
        "CUDA error: device-side assert triggered\nCUDA kernel errors might be asynchronously",
        "CUDA error: an illegal memory access was encountered",
        "CUDA error: unspecified launch failure",
        "CUDA error: unknown error",
        "CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_NOT_INITIALIZED",
        "CUDA error: misaligned address",
    ],
)
def test_a_poisoned_device_has_one_name(sentence: str) -> None:
    with pytest.raises(DeviceLost, match="restart the app"), named():
        raise RuntimeError(sentence)


@pytest.mark.parametrize(
    "error", [RuntimeError("mat1 and mat2 shapes cannot be multiplied"), Superseded(), ValueError()]
)
def test_whatever_else_goes_wrong_keeps_its_name(error: Exception) -> None:
    with pytest.raises(type(error)) as raised, named():
        raise error
    assert raised.value is error


def test_a_sentence_that_is_there_already_stays() -> None:
    with pytest.raises(EngineFailed, match="said so"), named():
        raise EngineFailed("Out of memory, somebody said so.")


def test_relieving_leaves_nothing_but_the_weights_and_the_same_pictures(small_model: Path) -> None:
    engine = load(small_model, Album())
    first = engine.render(request(), Stage.FINAL, Hooks()).pixels
    assert any(stats.held_bytes for stats in engine.cache_stats().values())
    engine.relieve()
    assert not any(stats.held_bytes for stats in engine.cache_stats().values())
    again = engine.render(request(), Stage.FINAL, Hooks())
    assert not again.timings.cached
    assert (again.pixels == first).all()


@pytest.mark.skipif(sys.platform != "linux", reason="needs RLIMIT_AS")
@pytest.mark.parametrize("count", [3, pytest.param(20, marks=pytest.mark.long)])
def test_all_pictures_that_do_not_fit_come_smaller(small_model: Path, count: int) -> None:
    # Each block of its own, or what was freed would still count.
    environ = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_ARENA_MAX": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "tests.engine.short_of_memory", str(small_model), str(count)],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    note = "There was no memory for 512 × 512; this is 352 × 352."
    assert [one["first"] for one in told] == [
        {"kind": "Frame", "side": 352, "notes": [note]}
    ] * count
    assert not any(one["cached"] for one in told)
    assert [one["then"] for one in told] == [{"kind": "Frame", "side": SMALL, "notes": []}] * count
