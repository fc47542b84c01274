"""Typed states on disk: a row, a thumbnail and a picture each, within bounds.

The pictures are JPEG of quality 93 in full colour, what the page shows of a picture at rest. A
PNG would take six times the room and the time of a scrub, and buy nothing: the exact pixels are
made again from the request. The thumbnails are WebP and lie in the database, where many small
reads cost least.
"""

import contextlib
import sqlite3
from dataclasses import dataclass
from threading import Lock

from klein_ui import images, provenance
from klein_ui.contract import Pixels, Request, Stage
from klein_ui.files import Vault
from klein_ui.ledger import STATES, Ledger, NotKept

THUMBNAIL_PX = 160
ROOMY = 0.9
"""Part of the bound in bytes that an eviction leaves, so that not every state needs one."""

_PINNED = """EXISTS (SELECT 1 FROM pins WHERE pins.owner = states.owner
    AND pins.made_by = states.made_by AND pins.deleted_at IS NULL)"""
_COLUMNS = f"id, session, parent, at, stage, request, asked, {_PINNED} AS pinned"


@dataclass(frozen=True, slots=True)
class State:
    """What one typing led to.

    `request` made the picture that is kept; `asked` is the settled request it is a rung of, equal
    to it for a final. `at` is in seconds since the epoch. `parent` is the id of the state that was
    on screen before, empty for the first one; it may be gone by now. `pinned`: on a board of its
    owner.
    """

    id: str
    session: str
    parent: str
    at: float
    stage: Stage
    request: Request
    asked: Request
    pinned: bool = False


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many states are kept, an owner's and all, and the bytes of an owner's and of all on disk.

    Beyond their own bound an owner's typing takes of their own oldest states alone, so nobody's
    takes more of the others' than that bound.
    """

    states_an_owner: int = 1000
    states: int = 20_000
    owner_bytes: int = 2**29
    disk_bytes: int = 2**30


STRANGERS = Bounds(states_an_owner=300, owner_bytes=2**26)
"""For each browser of a server that is open to all: an afternoon of typing at a megapixel, and a
sixteenth of what there is for everybody."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A state's `picture` as JPEG, and its `thumbnail` as WebP."""

    picture: bytes
    thumbnail: bytes


def encoded(pixels: Pixels) -> Encoded:
    """What is kept of `pixels`."""
    return Encoded(images.jpeg(pixels, images.FINE_QUALITY), images.thumbnail(pixels, THUMBNAIL_PX))


class States:
    """The states of all owners in `ledger`. The oldest unpinned ones go first; pinned ones go
    last, and their pins stay. Safe to use from several threads."""

    def __init__(self, ledger: Ledger, bounds: Bounds) -> None:
        self._ledger = ledger
        self._bounds = bounds
        self._vault = Vault(ledger.folder / STATES, ".jpg")
        self._sweeping = Lock()
        self._swept = False

    def keep(self, owner: str, state: State, pictures: Encoded) -> None:
        """Keep `state`, in the place of what was kept under its id. Raises `NotKept`."""
        self._sweep_once()
        with self._ledger.writing() as db:
            before = db.execute("SELECT picture FROM states WHERE id = ?", (state.id,)).fetchall()
            self._put(db, owner, state, pictures)
            gone = {row["picture"] for row in before} | self._evict(db, owner)
        # What cannot be removed now is swept after the next start.
        with contextlib.suppress(NotKept):
            self._remove(gone)

    def latest(
        self, owner: str, limit: int, session: str | None = None, before: str = ""
    ) -> tuple[State, ...]:
        """The newest `limit` states of `owner`, oldest first: of one `session` or of all, and
        `before` the state of that id or up to the last. Raises `NotKept`."""
        rows = self._ledger.rows(
            f"""SELECT {_COLUMNS} FROM states WHERE owner = :owner
            AND (:session IS NULL OR session = :session)
            AND (:before = '' OR number < (SELECT number FROM states AS at WHERE at.id = :before))
            ORDER BY number DESC LIMIT :limit""",  # noqa: S608
            {"owner": owner, "session": session, "before": before, "limit": limit},
        )
        return tuple(_state(row) for row in reversed(rows))

    def get(self, owner: str, state_id: str) -> State | None:
        """The state, None where it is gone or another owner's. Raises `NotKept`."""
        query = f"SELECT {_COLUMNS} FROM states WHERE owner = ? AND id = ?"  # noqa: S608
        return next(map(_state, self._ledger.rows(query, (owner, state_id))), None)

    def thumbnail(self, owner: str, state_id: str) -> bytes | None:
        """A WebP whose longer side is at most 160 pixels; None where it is gone."""
        rows = self._ledger.rows(
            "SELECT thumbnail FROM states WHERE owner = ? AND id = ?", (owner, state_id)
        )
        return next((row["thumbnail"] for row in rows), None)

    def picture(self, owner: str, state_id: str) -> bytes | None:
        """A JPEG of the frame; None where it is gone."""
        rows = self._ledger.rows(
            "SELECT picture FROM states WHERE owner = ? AND id = ?", (owner, state_id)
        )
        return next((self._vault.get(row["picture"]) for row in rows), None)

    def _put(self, db: sqlite3.Connection, owner: str, state: State, pictures: Encoded) -> None:
        request, asked = map(provenance.request_json, (state.request, state.asked))
        size = len(pictures.picture) + len(pictures.thumbnail) + len(request) + len(asked)
        db.execute(
            """INSERT INTO states (id, owner, session, parent, at, stage, made_by, request, asked,
            picture, bytes, thumbnail) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET stage = excluded.stage, made_by = excluded.made_by,
            request = excluded.request, asked = excluded.asked, picture = excluded.picture,
            bytes = excluded.bytes, thumbnail = excluded.thumbnail""",
            (
                state.id,
                owner,
                state.session,
                state.parent,
                state.at,
                state.stage.value,
                provenance.request_digest(state.request),
                request,
                asked,
                self._vault.put(pictures.picture),
                size,
                pictures.thumbnail,
            ),
        )

    def _evict(self, db: sqlite3.Connection, owner: str) -> set[str]:
        """Delete what is beyond the bounds, never the newest; the pictures it had."""
        bounds = self._bounds
        gone = _thinned(db, bounds.states_an_owner, bounds.owner_bytes, owner)
        return gone | _thinned(db, bounds.states, bounds.disk_bytes, None)

    def _remove(self, pictures: set[str]) -> None:
        if not pictures:
            return
        # In a transaction, so that nobody points at one meanwhile.
        with self._ledger.writing() as db:
            for picture in pictures:
                query = "SELECT 1 FROM states WHERE picture = ? LIMIT 1"
                if db.execute(query, (picture,)).fetchone() is None:
                    self._vault.remove(picture)

    def _sweep_once(self) -> None:
        """Delete the pictures that a killed process wrote and no state has."""
        with self._sweeping:
            if not self._swept:
                with self._ledger.writing() as db:
                    rows = db.execute("SELECT picture FROM states")
                    self._vault.sweep({row["picture"] for row in rows})
                self._swept = True


_OLDEST = f"""FROM states WHERE (:owner IS NULL OR owner = :owner)
    AND number < (SELECT max(number) FROM states) ORDER BY {_PINNED}, number"""  # noqa: S608


def _thinned(db: sqlite3.Connection, most: int, most_bytes: int, owner: str | None) -> set[str]:
    """Delete what `owner`, or all, have beyond these bounds; the pictures it had."""
    gone = _deleted(db, _held(db, owner)[0] - most, owner)
    (_, size_bytes) = _held(db, owner)
    if size_bytes > most_bytes:
        gone |= _deleted(db, _surplus(db, size_bytes - most_bytes * ROOMY, owner), owner)
    return gone


def _held(db: sqlite3.Connection, owner: str | None) -> tuple[int, float]:
    """How many states `owner`, or all, have, and how many bytes these take."""
    # Two queries, so that one owner's are found by their index.
    query = "SELECT count(*), total(bytes) FROM states"
    found = db.execute(query) if owner is None else db.execute(f"{query} WHERE owner = ?", (owner,))
    count, size_bytes = found.fetchone()
    return count, size_bytes


def _deleted(db: sqlite3.Connection, count: int, owner: str | None) -> set[str]:
    """Delete the `count` states that go first, of `owner` or of all; their pictures."""
    if count <= 0:
        return set()
    query = f"""DELETE FROM states WHERE number IN (SELECT number {_OLDEST} LIMIT :count)
        RETURNING picture"""  # noqa: S608
    rows = db.execute(query, {"owner": owner, "count": count}).fetchall()
    return {row["picture"] for row in rows}


def _surplus(db: sqlite3.Connection, surplus_bytes: float, owner: str | None) -> int:
    """How many states, of `owner` or of all, have to go so that `surplus_bytes` go with them."""
    count = 0
    for row in db.execute(f"SELECT bytes {_OLDEST}", {"owner": owner}).fetchall():
        if surplus_bytes <= 0:
            break
        surplus_bytes -= row["bytes"]
        count += 1
    return count


def _state(row: sqlite3.Row) -> State:
    return State(
        id=row["id"],
        session=row["session"],
        parent=row["parent"],
        at=row["at"],
        stage=Stage(row["stage"]),
        request=provenance.request_from(row["request"]),
        asked=provenance.request_from(row["asked"]),
        pinned=bool(row["pinned"]),
    )
