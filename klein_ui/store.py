"""Pictures on disk by what they show, with the requests that made them: bounded and whole."""

import contextlib
import io
import os
import re
import struct
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import numpy as np
from PIL import Image

from klein_ui import files, provenance
from klein_ui.cache import ByteLRU
from klein_ui.contract import InvalidPicture, KleinError, Pixels, Request
from klein_ui.uploads import digest_of

GONE = "An image of the gallery is no longer kept; remove it and add it again."
NO_ROOM = "There is no room left on the disk for this image; free some and add it again."

IN_USE_S = 3600.0
"""A picture used within this time is only deleted where the bound cannot be held without."""
ROOMY = 0.9
"""Part of the bound that a tidying leaves, so that not every new picture needs one."""

_DIGEST = re.compile("[0-9a-f]{64}")
# The signature and the first chunk of a PNG, which begins with its width and height.
_HEADER = struct.Struct(">8s8xII")


class NoRoom(InvalidPicture):
    """The disk took no more: it is full, or the folder may not be written."""


class PictureStore:
    """PNG files named by the digest of their pixels, at most `max_bytes` of them in `folder`.

    Up to `memory_bytes` of decoded pixels are kept in front of it. What was not used for longest
    is deleted first. Safe to use from several threads; `clock` gives seconds since the epoch.
    """

    def __init__(
        self,
        folder: Path,
        max_bytes: int,
        memory_bytes: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._memory: ByteLRU[str, Pixels] = ByteLRU(memory_bytes)
        self._clock = clock
        self._lock = Lock()
        self._held_bytes: int | None = None

    def put(self, pixels: Pixels, request: Request | None = None) -> str:
        """Keep `pixels`, uint8 (height, width, 3); their digest. Nobody may write to them after.

        `request` is what made them; the first one stays. Raises `NoRoom`, leaving no half file.
        """
        digest = digest_of(pixels)
        path = self._path(digest)
        try:
            if not self._touch(path):
                self._add(path, _png(pixels))
            if request is not None and not _hands_back(request, digest):
                self._add_once(_sidecar(path), provenance.request_json(request).encode())
        except OSError as error:
            raise NoRoom(NO_ROOM) from error
        self._memory.put(digest, pixels, pixels.nbytes)
        return digest

    def get(self, digest: str) -> Pixels:
        """The pixels of `digest`, shared by all who ask. Raises `InvalidPicture` when gone."""
        if not _DIGEST.fullmatch(digest):
            raise InvalidPicture(GONE)
        path = self._path(digest)
        self._touch(path)
        kept = self._memory.get(digest)
        if kept is not None:
            return kept
        try:
            pixels = _pixels_of(path.read_bytes())
        except OSError as error:
            raise InvalidPicture(GONE) from error
        if pixels is None or digest_of(pixels) != digest:
            # Out of the way, or adding it again would find it there.
            _remove(path)
            raise InvalidPicture(GONE)
        self._memory.put(digest, pixels, pixels.nbytes)
        return pixels

    def size(self, digest: str) -> tuple[int, int] | None:
        """Width and height in pixels, without decoding; None when the picture is gone."""
        if not _DIGEST.fullmatch(digest):
            return None
        with contextlib.suppress(OSError, struct.error), self._path(digest).open("rb") as file:
            _, width, height = _HEADER.unpack(file.read(_HEADER.size))
            return width, height
        return None

    def made_by(self, digest: str) -> Request | None:
        """The request that made the picture; None for one from outside, or not kept."""
        if not _DIGEST.fullmatch(digest):
            return None
        with contextlib.suppress(OSError, ValueError, KleinError):
            return provenance.request_from(_sidecar(self._path(digest)).read_text("utf-8"))
        return None

    def _path(self, digest: str) -> Path:
        return self._folder / digest[:2] / f"{digest}.png"

    def _touch(self, path: Path) -> bool:
        """Mark `path` as used now; whether it is there."""
        now = self._clock()
        # Under the lock, or a tidying could be deleting what is found here.
        with self._lock, contextlib.suppress(OSError):
            os.utime(path, (now, now))
            return True
        return False

    def _add_once(self, path: Path, data: bytes) -> None:
        if not path.exists():
            self._add(path, data)

    def _add(self, path: Path, data: bytes) -> None:
        files.write(path, data)
        self._touch(path)
        with self._lock:
            if self._held_bytes is None:
                _sweep(self._folder, self._clock() - IN_USE_S)
                self._held_bytes = sum(kept.size_bytes for kept in _all_kept(self._folder))
            else:
                self._held_bytes += len(data)
            if self._held_bytes > self._max_bytes:
                self._held_bytes = self._tidy(path.stem)

    def _tidy(self, newest: str) -> int:
        """Delete the least recently used pictures, never `newest`; the bytes left."""
        kept = sorted(_all_kept(self._folder), key=lambda picture: picture.used_at)
        held_bytes = sum(picture.size_bytes for picture in kept)
        for picture in kept:
            in_use = self._clock() - picture.used_at < IN_USE_S
            if held_bytes <= self._max_bytes * (1.0 if in_use else ROOMY):
                break
            if picture.path.stem != newest:
                _remove(picture.path)
                held_bytes -= picture.size_bytes
        return held_bytes


@dataclass(frozen=True, slots=True)
class _Kept:
    """A picture on disk; `used_at` in seconds since the epoch, its sidecar counted in."""

    path: Path
    used_at: float
    size_bytes: int


def _all_kept(folder: Path) -> list[_Kept]:
    found: list[_Kept] = []
    for path in folder.glob("??/*.png"):
        # Another process may tidy the same folder.
        with contextlib.suppress(OSError):
            stat, sidecar = path.stat(), _sidecar(path)
            beside = sidecar.stat().st_size if sidecar.exists() else 0
            found.append(_Kept(path, stat.st_mtime, stat.st_size + beside))
    return found


def _sweep(folder: Path, before: float) -> None:
    """Delete what a killed process was writing `before` that time."""
    for part in folder.glob(f"??/*{files.PART}"):
        with contextlib.suppress(OSError):
            if part.stat().st_mtime < before:
                part.unlink()


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    _sidecar(path).unlink(missing_ok=True)


def _sidecar(path: Path) -> Path:
    return path.with_suffix(".json")


def _hands_back(request: Request, digest: str) -> bool:
    """Whether the picture was there before `request`, which changed nothing of it."""
    return any(reference.digest == digest for reference in request.references)


def _png(pixels: Pixels) -> bytes:
    out = io.BytesIO()
    # Of a photo, run lengths alone take half the time of level 6, and as many bytes.
    Image.fromarray(pixels).save(out, "PNG", compress_level=1, compress_type=zlib.Z_RLE)
    return out.getvalue()


def _pixels_of(data: bytes) -> Pixels | None:
    """The pixels of a PNG, None for a damaged one, of which Pillow may raise nearly anything."""
    with contextlib.suppress(Exception), Image.open(io.BytesIO(data), formats=["PNG"]) as picture:
        return np.array(picture)
    return None
