"""A folder of one process, which the next one deletes where that ended without doing so."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from pathlib import Path

PREFIX = "klein-replica-"


class OwnFolder:
    """A new folder in `parent`, locked while its process lives; `path` is where it is."""

    def __init__(self, parent: Path | None = None) -> None:
        """Also deletes those of processes that are gone: Ray ends a replica without a last word."""
        parent = parent or Path(tempfile.gettempdir())
        for left in parent.glob(f"{PREFIX}*"):
            _sweep(left)
        while True:
            self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
            # Another one that begins now may have swept it before it was locked.
            with contextlib.suppress(OSError):
                self._lock = _locked(self.path)
                if self.path.exists():
                    return
                os.close(self._lock)

    def close(self) -> None:
        """Delete it."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def _locked(path: Path) -> int:
    """The descriptor that holds the lock of `path`. Raises `OSError` where somebody else does."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _sweep(path: Path) -> None:
    with contextlib.suppress(OSError):
        lock = _locked(path)
        shutil.rmtree(path, ignore_errors=True)
        os.close(lock)
