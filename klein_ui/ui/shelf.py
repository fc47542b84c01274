"""Finished frames under unguessable names, so that the page can fetch a PNG."""

import secrets
from collections import deque
from dataclasses import dataclass
from threading import Lock

from klein_ui.cache import ByteLRU
from klein_ui.contract import Frame, Request, Stage

NAME_BYTES = 16
MAX_REQUEST_BYTES = 8 * 2**20
PAGE_NAMES = 64
"""Of pictures that a page showed last, and may still ask for."""
LEFT_NAMES = 4
# What a request takes beside its prompt, and each of its references, rounded up.
REQUEST_BYTES = 512
REFERENCE_BYTES = 512


@dataclass(frozen=True, slots=True)
class Kept:
    """What a name leads to: the request, and its frame while that is still in memory."""

    request: Request
    frame: Frame | None


class Shelf:
    """The most recent frames of all sessions, at most `max_bytes` of pixels.

    Requests are small and kept far longer: a frame that is gone can be made again from its own.
    A page that is open keeps its last ones however much others type, and leaves a few behind for
    the one that it is loaded again as.
    """

    def __init__(self, max_bytes: int) -> None:
        self._frames: ByteLRU[str, Frame] = ByteLRU(max_bytes)
        self._requests: ByteLRU[str, Request] = ByteLRU(MAX_REQUEST_BYTES)
        self._pages: dict[str, deque[str]] = {}
        self._lock = Lock()

    def put(self, frame: Frame, page: str = "") -> str:
        """Keep `frame`, which `page` shows; its new name is the only way to it. A preview has none:
        its request makes another picture."""
        if frame.stage is Stage.PREVIEW:
            return ""
        name = self.promise(frame.request)
        self._frames.put(name, frame, frame.pixels.nbytes)
        if page:
            with self._lock:
                names = self._pages.setdefault(page, deque())
                names.append(name)
                self._thin(names, PAGE_NAMES)
        return name

    def leave(self, page: str) -> None:
        """The page is closed: all but its last names go."""
        with self._lock:
            self._thin(self._pages.pop(page, deque()), LEFT_NAMES)

    def promise(self, request: Request) -> str:
        """A name for the frame of `request`, which is made when it is asked for."""
        name = secrets.token_hex(NAME_BYTES)
        texts = [request.prompt, *(lora.name for lora in request.loras)]
        if request.blend is not None:
            texts.append(request.blend.prompt)
        more_bytes = sum(len(text.encode()) for text in texts)
        more_bytes += len(request.references) * REFERENCE_BYTES
        self._requests.put(name, request, REQUEST_BYTES + more_bytes)
        return name

    def _thin(self, names: deque[str], most: int) -> None:
        while len(names) > most:
            gone = names.popleft()
            self._requests.remove(gone)
            self._frames.remove(gone)

    def get(self, name: str) -> Kept | None:
        """What `name` leads to, None when even its request is gone."""
        request = self._requests.get(name)
        return None if request is None else Kept(request, self._frames.get(name))
