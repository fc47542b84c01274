"""Loads the one pipeline: from the hub, a folder, or the assets."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import diffusers
import torch
import transformers
from diffusers import Flux2KleinPipeline

from klein_ui import models
from klein_ui.contract import EngineFailed, Origin, Progress
from klein_ui.engine.device import Device, choose
from klein_ui.engine.download import fetch
from klein_ui.engine.klein import KleinEngine
from klein_ui.models import ModelRow

Report = Callable[[Progress], None]

# klein 4B and its text encoder in bfloat16, and room to work; below, components take turns.
RESIDENT_BYTES = 20 * 2**30
HASH_WHOLE_BYTES = 256 * 2**20


@dataclass(frozen=True, slots=True)
class Choice:
    """Which weights run where."""

    row: ModelRow
    device: Device


def resolve(model: str, device: str, revision: str | None) -> Choice:
    """The row and device for what the settings say; "auto" is klein on CUDA, else postcard.

    Raises `EngineFailed` for a name, folder or device that is not there.
    """
    chosen = choose(device)
    if model == "auto":
        row = models.KLEIN_4B if chosen.name == "cuda" else models.POSTCARD
    elif model in models.names():
        row = models.get(model)
    elif Path(model).is_dir():
        row = models.from_folder(Path(model))
    else:
        raise EngineFailed(
            f"There is no model or folder “{model}”; "
            f"choose {', '.join(models.names())}, or the folder of a saved pipeline."
        )
    return Choice(replace(row, revision=revision) if revision else row, chosen)


def load(choice: Choice, cache_bytes: int, report: Report) -> KleinEngine:
    """Download if need be, then load onto the device. Raises `EngineFailed`."""
    row, device = choice.row, choice.device
    _silence_bars()
    if device.name == "cpu" and row.built_in:
        _leave_cores()
    folder = fetch(row, report)
    report(Progress("loading", f"Loading {row.title}…"))
    try:
        pipeline = Flux2KleinPipeline.from_pretrained(
            folder,
            dtype=device.dtype,
            use_safetensors=True,
            local_files_only=True,
        )
    except Exception as error:
        raise EngineFailed(
            f"The files of {row.title} are incomplete or damaged ({type(error).__name__}); "
            f"remove “{folder}” and get them again."
        ) from error
    pipeline.set_progress_bar_config(disable=True)
    _place(pipeline, device, row)
    return KleinEngine(pipeline, row, origin(folder, device), cache_bytes)


def origin(folder: Path, device: Device) -> Origin:
    """What the frames of these weights on this device and build record."""
    return Origin(
        revision=fingerprint(folder),
        device=device.hardware,
        dtype=str(device.dtype).removeprefix("torch."),
        build=f"torch {torch.__version__}, diffusers {diffusers.__version__}",
    )


def fingerprint(folder: Path) -> str:
    """A name for exactly these weights: the hub's commit, else a hash of the files.

    The hub's cache names a snapshot's folder by its commit. Large local weights are hashed by
    name, size and time of change, small ones by content.
    """
    if folder.parent.name == "snapshots":
        return folder.name
    files = sorted(folder.glob("*/*.safetensors"))
    whole = sum(file.stat().st_size for file in files) <= HASH_WHOLE_BYTES
    digest = hashlib.sha256()
    for file in files:
        stat = file.stat()
        digest.update(f"{file.parent.name}/{file.name}:{stat.st_size}".encode())
        digest.update(file.read_bytes() if whole else str(stat.st_mtime_ns).encode())
    return digest.hexdigest()[:16]


def _leave_cores() -> None:
    """Half the cores for a small model: the other half draws the page and serves it, and for its
    small matrices waking more threads costs more than they save."""
    torch.set_num_threads(max(1, (os.cpu_count() or 2) // 2))


def _silence_bars() -> None:
    """The page shows the progress; bars in the terminal say it again, for each component."""
    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()


def _place(pipeline: Flux2KleinPipeline, device: Device, row: ModelRow) -> None:
    try:
        if device.name == "cuda" and torch.cuda.mem_get_info()[0] < RESIDENT_BYTES:
            pipeline.enable_model_cpu_offload()
        else:
            pipeline.to(device.name)
    except torch.OutOfMemoryError as error:
        raise EngineFailed(
            f"{row.title} does not fit into the memory of {device.hardware}; "
            "close other programs, or start with --model postcard."
        ) from error
