"""One key of this installation, kept in its data folder, and what is signed with it."""

import hmac
import json
import logging
import secrets
from pathlib import Path

from klein_ui import files
from klein_ui.access import is_same
from klein_ui.contract import KleinError

log = logging.getLogger(__name__)

KEY_BYTES = 32
BROKEN = "“{path}” holds no key; remove it and a new one is made, which asks everybody in anew."


class Seal:
    """Signs texts for a purpose each; a signature for one is none for another.

    Without a `key` it has one of its own, which ends with the process.
    """

    def __init__(self, key: bytes = b"") -> None:
        self._key = key or secrets.token_bytes(KEY_BYTES)

    def sign(self, purpose: str, *texts: str) -> str:
        """The signature of `texts`: 64 hexadecimal digits."""
        # As a list, so that no text can pass as the end of one and the beginning of the next.
        message = json.dumps([purpose, *texts]).encode()
        return hmac.new(self._key, message, "sha256").hexdigest()

    def is_signed(self, signature: str, purpose: str, *texts: str) -> bool:
        """Whether `signature` is that of `texts`, in a time that does not tell how far it is."""
        return is_same(signature, self.sign(purpose, *texts))


def opened(path: Path) -> Seal:
    """The seal whose key is at `path`, made there at first. Where the disk does not have it, one
    that ends with the process. Raises `KleinError` for a key that is none."""
    try:
        key = files.once(path, secrets.token_bytes(KEY_BYTES))
    except OSError as error:
        log.warning(
            "“%s” is not kept, so a restart asks everybody in anew: %s", path, error.strerror
        )
        return Seal()
    if len(key) != KEY_BYTES:
        raise KleinError(BROKEN.format(path=path))
    return Seal(key)
