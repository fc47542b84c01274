"""Tickets: who is in, told by what a browser keeps, so that no restart forgets it.

A ticket names its holder and its end, and is signed with the key of the installation, together with
the password of the moment and a mark that is another one after each logout. So nothing is kept of
those who are in, and none outlives its password, its login or its logout.
"""

import contextlib
import hashlib
import logging
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from klein_ui import files
from klein_ui.access import is_same
from klein_ui.seal import Seal

log = logging.getLogger(__name__)

AGE_S = 30 * 24 * 3600
"""How long a ticket is good for."""


class Tickets:
    """Tickets for those whose password `passwords` has. `clock` gives seconds since the epoch.

    The marks of those who logged out are kept in the folder `marks`, a file each, so that processes
    which share it agree and none overwrites another's; without it, until the process ends.
    """

    def __init__(
        self,
        seal: Seal,
        passwords: Mapping[str, str],
        marks: Path | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._seal = seal
        self._passwords = dict(passwords)
        self._folder = marks
        self._clock = clock
        self._unkept: dict[str, bytes] = {}

    def issue(self, name: str) -> str:
        """A ticket for `name`, of letters, digits and dots. Raises `KeyError` for nobody's name."""
        return self._written(name, int(self._clock()) + AGE_S)

    def holder(self, ticket: str) -> str | None:
        """Whose ticket that is; None where it is nobody's, or no longer good."""
        encoded, _, rest = ticket.partition(".")
        with contextlib.suppress(ValueError):
            name = bytes.fromhex(encoded).decode()
            until = int(rest.partition(".")[0][:18])
            if name in self._passwords and self._clock() < until:
                return name if is_same(ticket, self._written(name, until)) else None
        return None

    def end(self, name: str) -> None:
        """None of the tickets of `name` is good any more, in whatever browser."""
        mark = secrets.token_bytes(8)
        try:
            if self._folder is not None:
                files.write(self._path(self._folder, name), mark)
                self._unkept.pop(name, None)
                return
        except OSError as error:
            log.warning("a logout is not kept over a restart: %s", files.sentence(error))
        self._unkept[name] = mark

    def _written(self, name: str, until: int) -> str:
        password, mark = self._passwords[name], self._mark(name).hex()
        signature = self._seal.sign("ticket", name, password, mark, str(until))
        return f"{name.encode().hex()}.{until}.{signature}"

    def _mark(self, name: str) -> bytes:
        """Of the last logout, whichever process it was at; so it is read each time."""
        if self._folder is None or name in self._unkept:
            return self._unkept.get(name, b"")
        path = self._path(self._folder, name)
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return b""
        except OSError:
            # Whether they logged out cannot be told any more, so they have.
            log.warning("“%s” cannot be read; whoever it is of has to log in again", path)
            return self._unkept.setdefault(name, secrets.token_bytes(8))

    @staticmethod
    def _path(folder: Path, name: str) -> Path:
        return folder / hashlib.sha256(name.encode()).hexdigest()
