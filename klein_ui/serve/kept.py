"""What a replica was sent and keeps: the pixels of references, and files of LoRAs, by digest."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from klein_ui import files
from klein_ui.contract import InvalidLora, InvalidPicture, LoraFile, Request
from klein_ui.store import PictureStore

PICTURES_BYTES, MEMORY_BYTES = 2 * 2**30, 256 * 2**20
LORAS_BYTES = 16 * 2**30

NO_ROOM = (
    "The machine that draws has no room left for the LoRA; switch it off, or make room on its disk."
)
UNSENT = "The LoRA “{}” did not reach the machine that draws; switch it off and on again."

_DIGEST = re.compile("[0-9a-f]{64}")


class SentLoras:
    """Files of LoRAs in `folder` by the SHA-256 of their bytes, the last ones within
    `LORAS_BYTES`. What a name means is said for each render: it is the app's own."""

    def __init__(self, folder: Path, max_bytes: int = LORAS_BYTES) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._digests: Mapping[str, str] = {}
        self._used: dict[str, None] = {}

    def mean(self, digests: Mapping[str, str]) -> None:
        """From now on the names mean these digests."""
        self._digests = digests

    def file(self, name: str) -> LoraFile:
        """See `contract.Loras`."""
        path = self._path(self._digests.get(name, ""))
        try:
            stat = path.stat()
        except OSError as error:
            raise InvalidLora(UNSENT.format(name)) from error
        return LoraFile(path, stat.st_size, stat.st_mtime_ns)

    def has(self, digest: str) -> bool:
        """Whether it is there; it is in use then."""
        there = self._path(digest).is_file()
        if there:
            self._used[digest] = self._used.pop(digest, None)
        return there

    def put(self, digest: str, data: bytes) -> None:
        """Keep a file. Raises `InvalidLora` where it is another one than was announced, or where
        there is no room for it."""
        if hashlib.sha256(data).hexdigest() != digest:
            raise InvalidLora("A LoRA came damaged; switch it off and on again.")
        try:
            files.write(self._path(digest), data)
        except OSError as error:
            raise InvalidLora(NO_ROOM) from error
        self._used[digest] = self._used.pop(digest, None)
        self._tidy()

    def _path(self, digest: str) -> Path:
        # Never a path of what came from outside but for this.
        name = digest if _DIGEST.fullmatch(digest) else "none"
        return self._folder / f"{name}.safetensors"

    def _tidy(self) -> None:
        """Delete what was not used for longest; what an earlier process left goes first."""
        ranks = {digest: rank for rank, digest in enumerate(self._used)}
        kept = sorted(
            self._folder.glob("*.safetensors"), key=lambda path: -ranks.get(path.stem, -1)
        )
        held_bytes = 0
        for path in kept:
            held_bytes += path.stat().st_size
            if path != kept[0] and held_bytes > self._max_bytes:
                path.unlink(missing_ok=True)


class Kept:
    """Both in one folder."""

    def __init__(self, folder: Path) -> None:
        self.pictures = PictureStore(folder / "pictures", PICTURES_BYTES, MEMORY_BYTES)
        self.loras = SentLoras(folder / "loras")

    def missing(self, request: Request, loras: Iterable[str]) -> tuple[list[str], list[str]]:
        """The digests of pictures and of LoRAs that `request` needs and that were not sent yet."""
        pictures = dict.fromkeys(reference.digest for reference in request.references)
        if request.mask:
            pictures[request.mask] = None
        return (
            [digest for digest in pictures if not self._has(digest)],
            [digest for digest in dict.fromkeys(loras) if not self.loras.has(digest)],
        )

    def _has(self, digest: str) -> bool:
        try:
            self.pictures.get(digest)
        except InvalidPicture:
            return False
        return True
