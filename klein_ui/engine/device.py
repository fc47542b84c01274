"""Where to run, and in which number format."""

import gc
from dataclasses import dataclass

import torch

from klein_ui.contract import EngineFailed


@dataclass(frozen=True, slots=True)
class Device:
    """A torch device by name, and the type of the weights on it."""

    name: str
    dtype: torch.dtype

    @property
    def hardware(self) -> str:
        """The device in words, as a frame records it."""
        if self.name == "cuda":
            return torch.cuda.get_device_name()
        return {"mps": "Apple GPU", "cpu": f"CPU, {torch.get_num_threads()} threads"}[self.name]


def release() -> None:
    """Give back the memory of what nobody holds any more, so that it counts as free."""
    # A pipeline's modules and hooks hold each other.
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def allocated_bytes() -> int | None:
    """What this process holds of a CUDA device's memory; None where there is none."""
    return int(torch.cuda.memory_allocated()) if torch.cuda.is_available() else None


def choose(wanted: str) -> Device:
    """The device called `wanted`, or the best there is for "auto".

    Raises `EngineFailed` when this machine or this build of torch lacks it.
    """
    if wanted == "auto":
        wanted = next(name for name in ("cuda", "mps", "cpu") if _is_there(name))
    if not _is_there(wanted):
        raise EngineFailed(
            f"There is no {wanted.upper()} device that this build of torch can use; "
            "choose another with --device."
        )
    return Device(wanted, torch.float32 if wanted == "cpu" else torch.bfloat16)


def _is_there(name: str) -> bool:
    if name == "cuda":
        return torch.cuda.is_available()
    if name == "mps":
        return torch.backends.mps.is_available()
    return True


def wait_for(device: torch.device) -> None:
    """Until `device` has done all it was given; on the CPU that is at once."""
    if device.type == "cuda":
        torch.cuda.current_stream(device).synchronize()
    elif device.type == "mps":
        torch.mps.synchronize()
