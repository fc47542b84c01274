"""ZeroGPU's own package, `spaces`: imported before all others, and put around what needs the GPU.

On ZeroGPU it stands in for CUDA in the main process, which has no GPU: what is placed on `cuda`
there is packed when the page is launched, and unpacked on the GPU in a process forked for a call.
It must come before whatever may touch CUDA, and before Gradio, so nothing else is imported here.
"""

import importlib
from collections.abc import Callable
from typing import Any, TypeVar

from klein_ui import space
from klein_ui.contract import EngineFailed

Given = TypeVar("Given")
Answered = TypeVar("Answered")

MISSING = "ZeroGPU needs the package spaces; add it to requirements.txt of the Space."


def stand_in() -> None:
    """On ZeroGPU have `spaces` take the place of CUDA; anywhere else do nothing.

    Raises `EngineFailed` where the package is missing.
    """
    if space.on_zero_gpu():
        _spaces()


def on_gpu(
    task: Callable[[Given], Answered], duration: Callable[[Given], int]
) -> Callable[[Given], Answered]:
    """`task` on ZeroGPU's GPU, which is lent for `duration` seconds; anywhere else `task` itself.

    Off ZeroGPU that is what `spaces` does as well, but it need not be there.
    """
    if not space.on_zero_gpu():
        return task
    wrapped: Callable[[Given], Answered] = _spaces().GPU(duration=duration)(task)
    return wrapped


def _spaces() -> Any:
    try:
        return importlib.import_module("spaces")
    except ModuleNotFoundError as error:
        raise EngineFailed(MISSING) from error
