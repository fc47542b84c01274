"""Files that are there whole or not at all, and files named by what they hold."""

import contextlib
import errno
import hashlib
import os
import re
import tempfile
from collections.abc import Container, Iterator
from pathlib import Path

PART = ".part"
"""How the name of a file ends that is still being written."""

FULL = "The disk is full; free some room, and what follows is kept again."
READ_ONLY = "The folder of the app's data cannot be written; check that the app may write there."
UNREADABLE = "The disk failed; check it, and what follows is kept again."

_DIGEST = re.compile("[0-9a-f]{64}")
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_READ_ONLY = {errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EEXIST, errno.EISDIR}


def write(path: Path, data: bytes) -> None:
    """All of `data` at `path`, on the disk itself, or nothing. Raises `OSError`."""
    with _beside(path, data) as part:
        os.replace(part, path)


def once(path: Path, data: bytes) -> bytes:
    """What is at `path`: `data`, where there was nothing before, for its owner alone to read.

    Of several processes that begin at the same time, all get the same. Raises `OSError`.
    """
    with contextlib.suppress(FileNotFoundError):
        return path.read_bytes()
    with _beside(path, data) as part:
        _name_once(part, path)
    return path.read_bytes()


@contextlib.contextmanager
def _beside(path: Path, data: bytes) -> Iterator[str]:
    """A file with all of `data`, on the disk itself, that gets its name `path` within this."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(PART, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(handle)
        yield part
    finally:
        Path(part).unlink(missing_ok=True)
    _sync_names(path.parent)


def _name_once(part: str, path: Path) -> None:
    # Unlike a rename, a link never takes the place of what another process has put there.
    try:
        os.link(part, path)
    except FileExistsError:
        return
    except OSError:
        # Some disks, such as FAT, have no links.
        if not path.exists():
            os.replace(part, path)


def _sync_names(folder: Path) -> None:
    """The new name, too, must outlive a power cut; Windows does that by itself."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def sentence(error: OSError) -> str:
    """What the user should know of a file that could not be written."""
    if error.errno in _FULL:
        return FULL
    return READ_ONLY if error.errno in _READ_ONLY else UNREADABLE


class Vault:
    """Files in `folder` named by the SHA-256 of their bytes and `suffix`, such as ".png".

    It counts nothing and evicts nothing: who owns it knows which are still wanted, and calls
    `remove` and `sweep` only while nobody adds. Safe to read from any thread.
    """

    def __init__(self, folder: Path, suffix: str) -> None:
        self._folder = folder
        self._suffix = suffix

    def put(self, data: bytes) -> str:
        """Keep `data`; its digest. Raises `OSError`, leaving no half file."""
        digest = hashlib.sha256(data).hexdigest()
        # What was kept before may have been damaged since.
        if self.get(digest) is None:
            write(self._path(digest), data)
        return digest

    def get(self, digest: str) -> bytes | None:
        """The bytes of `digest`, checked; None where they are gone or damaged."""
        if not _DIGEST.fullmatch(digest):
            return None
        with contextlib.suppress(OSError):
            data = self._path(digest).read_bytes()
            if hashlib.sha256(data).hexdigest() == digest:
                return data
        return None

    def remove(self, digest: str) -> None:
        """Delete the file of `digest`, where there is one and it can be deleted."""
        if _DIGEST.fullmatch(digest):
            with contextlib.suppress(OSError):
                self._path(digest).unlink()

    def sweep(self, wanted: Container[str]) -> int:
        """Delete all files but those `wanted`, as a killed process leaves them; how many."""
        swept = 0
        for path in self._folder.glob("??/*"):
            if path.suffix == PART or (path.suffix == self._suffix and path.stem not in wanted):
                with contextlib.suppress(OSError):
                    path.unlink()
                    swept += 1
        return swept

    def _path(self, digest: str) -> Path:
        return self._folder / digest[:2] / f"{digest}{self._suffix}"
