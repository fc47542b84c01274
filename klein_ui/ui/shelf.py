"""Finished frames, kept for a while under unguessable names so that the page can fetch a PNG."""

import secrets

from klein_ui.cache import ByteLRU
from klein_ui.contract import Frame

NAME_BYTES = 16


class Shelf:
    """The most recent frames of all sessions, at most `max_bytes` of pixels."""

    def __init__(self, max_bytes: int) -> None:
        self._frames: ByteLRU[str, Frame] = ByteLRU(max_bytes)

    def put(self, frame: Frame) -> str:
        """Keep `frame`; its new name is the only way to it."""
        name = secrets.token_hex(NAME_BYTES)
        self._frames.put(name, frame, frame.pixels.nbytes)
        return name

    def get(self, name: str) -> Frame | None:
        """The frame called `name`, None when it is gone."""
        return self._frames.get(name)
