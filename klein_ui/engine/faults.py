"""What torch's errors mean: too little memory, or a device that answers nothing any more.

The one place that reads their words, since most of them are a bare `RuntimeError`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from klein_ui.contract import DeviceLost, KleinError, OutOfMemory

TOO_LARGE = "There is too little memory for this picture; choose a smaller size or fewer images."
LOST = "The graphics device failed; restart the app, and the computer if it stays so."

_NO_MEMORY = (
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "cannot allocate memory",
    "alloc_failed",
    "bad_alloc",
)
# After these every call in this process fails: the CUDA context is corrupt.
_LOST = (
    "device-side assert",
    "illegal memory access",
    "illegal instruction",
    "misaligned address",
    "unspecified launch failure",
    "launch failure",
    "cuda error: unspecified",
    "cuda error: unknown error",
    "uncorrectable ecc",
    "device is lost",
    "gpu is lost",
    "cublas_status_not_initialized",
    "cublas_status_internal_error",
    "cublas_status_execution_failed",
    "cudnn_status_not_initialized",
    "cudnn_status_internal_error",
    "cudnn_status_execution_failed",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory, a device's or the main one, was too small."""
    if isinstance(error, MemoryError | OutOfMemory):
        return True
    return isinstance(error, RuntimeError) and _says(error, _NO_MEMORY)


def is_device_lost(error: BaseException) -> bool:
    """Whether every further call on the device fails as well, until the process begins anew."""
    if isinstance(error, DeviceLost):
        return True
    return isinstance(error, RuntimeError) and _says(error, _LOST)


@contextmanager
def named(too_large: Callable[[], str] = lambda: TOO_LARGE) -> Iterator[None]:
    """Whatever torch raises within it for want of memory becomes `OutOfMemory` with the sentence
    that `too_large` gives, what tells of a corrupt device `DeviceLost`; the rest passes as is."""
    try:
        yield
    except KleinError:
        raise
    except (RuntimeError, MemoryError) as error:
        if is_out_of_memory(error):
            raise OutOfMemory(too_large()) from error
        if is_device_lost(error):
            raise DeviceLost(LOST) from error
        raise


def _says(error: BaseException, words: tuple[str, ...]) -> bool:
    text = str(error).lower()
    return any(one in text for one in words)
