"""Resumable training states on disk."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from torch import nn


def save_checkpoint(
    path: Path, model: nn.Module, optimiser: Any, schedule: Any, step: int, **more: Any
) -> None:
    """Write weights, optimiser, schedule and step; an interrupted write leaves the old file."""
    state = {
        "model": model.state_dict(),
        "optimiser": optimiser.state_dict(),
        "schedule": schedule.state_dict() if schedule is not None else None,
        "step": step,
        **more,
    }
    draft = path.with_suffix(".tmp")
    torch.save(state, draft)
    os.replace(draft, path)


def load_checkpoint(path: Path, model: nn.Module, optimiser: Any, schedule: Any) -> int:
    """Restore what :func:`save_checkpoint` wrote; the step to go on from, 0 without a file."""
    if not path.exists():
        return 0
    state = torch.load(path, map_location="cpu", weights_only=True)
    model.load_state_dict(state["model"])
    optimiser.load_state_dict(state["optimiser"])
    if schedule is not None:
        schedule.load_state_dict(state["schedule"])
    return int(state["step"])
