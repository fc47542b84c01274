"""Tickets: who is in, told by what a browser keeps, so that no restart forgets it.

A ticket names its holder and its end, and is signed with the key of the installation, together with
the password of the moment and a mark that is another one after each logout. So nothing is kept of
those who are in, and none outlives its password, its login or its logout.
"""

import contextlib
import json
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

    The marks of those who logged out are kept at `marks`; without that, until the process ends.
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
        self._path = marks
        self._clock = clock
        self._marks = self._read()

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
        self._marks[name] = secrets.token_hex(8)
        self._write()

    def _written(self, name: str, until: int) -> str:
        password, mark = self._passwords[name], self._marks.get(name, "")
        signature = self._seal.sign("ticket", name, password, mark, str(until))
        return f"{name.encode().hex()}.{until}.{signature}"

    def _read(self) -> dict[str, str]:
        if self._path is None:
            return {}
        try:
            found = json.loads(self._path.read_bytes())
            return {str(name): str(mark) for name, mark in found.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, AttributeError):
            # Who logged out cannot be told any more, so everybody has.
            log.warning("“%s” cannot be read; everybody has to log in again", self._path)
            return {name: secrets.token_hex(8) for name in self._passwords}

    def _write(self) -> None:
        if self._path is None:
            return
        kept = {name: mark for name, mark in self._marks.items() if name in self._passwords}
        try:
            files.write(self._path, json.dumps(kept).encode())
        except OSError as error:
            log.warning("a logout is not kept over a restart: %s", files.sentence(error))
