"""What lasts as long as the process: Python's collector need not look for rubbish in it.

The libraries are half a million objects. Looking through them takes a quarter of a second, in
which no key is answered, and is done again and again while they are imported.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


def begin() -> None:
    """What is made from now on lasts, until `end`."""
    gc.disable()


def end() -> None:
    """All that there is lasts; what is made from now on may become rubbish."""
    gc.freeze()
    gc.enable()


@contextmanager
def lasting() -> Iterator[None]:
    """What is made meanwhile lasts."""
    begin()
    try:
        yield
    finally:
        end()
