"""The moodboard: frames that somebody kept, on boards, with what they said of them.

A pin is acknowledged once it is on the disk: its PNG, which holds the request, and its row. Pins
are never evicted: where there is no room, the new one is refused with a sentence. What is deleted
can be brought back for a day.
"""

import secrets
import sqlite3
import time
from collections.abc import Callable, Sequence
from threading import Lock

from klein_ui import images, pins, provenance, validate
from klein_ui.contract import Frame, InvalidPicture, InvalidRequest, Request
from klein_ui.files import Vault
from klein_ui.ledger import PINS, Ledger
from klein_ui.pins import BOARD_COLUMNS, PIN_COLUMNS, Board, Bounds, Pin, board_of, pin_of

THUMBNAIL_PX = 320
UNDO_S = 24 * 3600.0
"""How long what was deleted can be brought back."""
PURGE_EVERY_S = 3600.0
FIRST_BOARD = "Moodboard"

MANY_BOARDS = "There are {} boards already; delete some first."
MANY_PINS = "There are {:,} pins already; delete some first."
HEAVY = "Your pins take the {:,} MB that this server keeps for each; delete some first."
FULL = "The boards are full; delete some pins first."
NO_PIN = "This pin is no longer there; list the pins anew, as a reload of the page does."
NO_BOARD = "This board is no longer there; list the boards anew, as a reload of the page does."
NO_PICTURE = "The picture of this pin is gone or damaged; delete the pin, and make it again."


class Moodboard:
    """The boards of every owner in `ledger`; an owner never sees those of another.

    `owner` is an opaque name of a user or browser. Each change is on disk, whole, when its call
    returns; every method raises `NotKept` where the disk would not have it, and `InvalidRequest`
    for a pin or board that is not there. Safe to use from several threads; `clock` gives seconds
    since the epoch.
    """

    def __init__(
        self,
        ledger: Ledger,
        bounds: Bounds | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._ledger = ledger
        self._bounds = bounds or Bounds()
        self._clock = clock
        self._vault = Vault(ledger.folder / PINS, ".png")
        self._purging = Lock()
        self._purged_at: float | None = None

    def boards(self, owner: str) -> tuple[Board, ...]:
        """The boards of `owner`, oldest first; none before the first pin."""
        query = f"""SELECT {BOARD_COLUMNS} FROM boards WHERE owner = ? AND deleted_at IS NULL
            ORDER BY number"""  # noqa: S608
        return tuple(map(board_of, self._ledger.rows(query, (owner,))))

    def create_board(self, owner: str, title: str) -> Board:
        """A new, empty board. Raises `InvalidRequest` where there are too many."""
        named = pins.title(title) or FIRST_BOARD
        with self._ledger.writing() as db:
            return self._new_board(db, owner, named)

    def rename_board(self, owner: str, board_id: str, title: str) -> Board:
        """Give the board another title."""
        named = pins.title(title) or FIRST_BOARD
        with self._ledger.writing() as db:
            board = _board(db, owner, board_id)
            db.execute("UPDATE boards SET title = ? WHERE id = ?", (named, board.id))
            return _board(db, owner, board_id)

    def delete_board(self, owner: str, board_id: str) -> None:
        """Delete the board with its pins; `restore_board` brings both back."""
        with self._ledger.writing() as db:
            board = _board(db, owner, board_id)
            now = self._clock()
            db.execute("UPDATE boards SET deleted_at = ? WHERE id = ?", (now, board.id))
            db.execute(
                "UPDATE pins SET deleted_at = ? WHERE board = ? AND deleted_at IS NULL",
                (now, board.id),
            )

    def restore_board(self, owner: str, board_id: str) -> Board:
        """Bring back a deleted board with the pins that were deleted with it."""
        with self._ledger.writing() as db:
            query = "SELECT deleted_at FROM boards WHERE owner = ? AND id = ?"
            row = db.execute(query, (owner, board_id)).fetchone()
            if row is None:
                raise InvalidRequest("board", NO_BOARD)
            db.execute("UPDATE boards SET deleted_at = NULL WHERE id = ?", (board_id,))
            db.execute(
                "UPDATE pins SET deleted_at = NULL WHERE board = ? AND deleted_at = ?",
                (board_id, row["deleted_at"]),
            )
            return _board(db, owner, board_id)

    def pin(
        self, owner: str, frame: Frame, board_id: str = "", lineage: Sequence[Request] = ()
    ) -> Pin:
        """Keep `frame` as the last pin of a board: without `board_id` the owner's first, which is
        made when needed. `lineage` are the requests that led to its references, oldest first.

        The very frame that is on that board already is not pinned twice. Raises `InvalidRequest`
        where the boards are full.
        """
        png = images.png(frame.pixels, provenance.texts(frame, lineage))
        thumbnail = images.thumbnail(frame.pixels, THUMBNAIL_PX)
        self._purge_now_and_then()
        with self._ledger.writing() as db:
            board = self._board_for(db, owner, board_id)
            picture = self._vault.put(png)
            there = f"""SELECT {PIN_COLUMNS} FROM pins WHERE owner = ? AND board = ?
                AND picture = ? AND deleted_at IS NULL"""  # noqa: S608
            row = db.execute(there, (owner, board.id, picture)).fetchone()
            if row is not None:
                return pin_of(row)
            size = len(png) + len(thumbnail)
            self._check_room(db, owner, size)
            values = {
                "id": _new_id(),
                "owner": owner,
                "board": board.id,
                "position": _end(db, board.id),
                "pinned_at": self._clock(),
                "stage": frame.stage.value,
                "made_by": provenance.request_digest(frame.request),
                "request": provenance.request_json(frame.request),
                "picture": picture,
                "bytes": size,
                "thumbnail": thumbnail,
            }
            db.execute(
                """INSERT INTO pins (id, owner, board, position, pinned_at, title, note, tags,
                star, role, stage, made_by, request, picture, bytes, thumbnail)
                VALUES (:id, :owner, :board, :position, :pinned_at, '', '', '[]', 0, '', :stage,
                :made_by, :request, :picture, :bytes, :thumbnail)""",
                values,
            )
            return _pin(db, owner, str(values["id"]))

    def pins(self, owner: str, board_id: str, start: int = 0, limit: int = -1) -> tuple[Pin, ...]:
        """The pins of a board in their order: `limit` of them from the one numbered `start` on,
        counted from 0; all without a limit."""
        query = f"""SELECT {PIN_COLUMNS} FROM pins WHERE owner = ? AND board = ?
            AND deleted_at IS NULL ORDER BY position, number LIMIT ? OFFSET ?"""  # noqa: S608
        return tuple(map(pin_of, self._ledger.rows(query, (owner, board_id, limit, start))))

    def get(self, owner: str, pin_id: str) -> Pin:
        """The pin of that id."""
        query = f"""SELECT {PIN_COLUMNS} FROM pins
            WHERE owner = ? AND id = ? AND deleted_at IS NULL"""  # noqa: S608
        return _one(self._ledger.rows(query, (owner, pin_id)))

    def picture(self, owner: str, pin_id: str) -> bytes:
        """The PNG of the pin, lossless, its request inside. Raises `InvalidPicture` where it is
        damaged."""
        data = self._vault.get(self.get(owner, pin_id).picture)
        if data is None:
            raise InvalidPicture(NO_PICTURE)
        return data

    def thumbnail(self, owner: str, pin_id: str) -> bytes:
        """A WebP of the pin, at most 320 pixels a side."""
        query = "SELECT thumbnail FROM pins WHERE owner = ? AND id = ? AND deleted_at IS NULL"
        rows = self._ledger.rows(query, (owner, pin_id))
        if not rows:
            raise InvalidRequest("pin", NO_PIN)
        found: bytes = rows[0]["thumbnail"]
        return found

    def edit(
        self,
        owner: str,
        pin_id: str,
        *,
        title: str | None = None,
        note: str | None = None,
        tags: Sequence[str] | None = None,
        star: bool | None = None,
        role: str | None = None,
    ) -> Pin:
        """Change what is said of a pin; what is None stays. Raises `InvalidRequest` for text that
        is too long."""
        wanted = {
            "title": None if title is None else pins.title(title),
            "note": None if note is None else pins.note(note),
            "tags": None if tags is None else pins.tags(tags),
            "star": None if star is None else int(star),
            "role": None if role is None else validate.role(role),
        }
        with self._ledger.writing() as db:
            pin = _pin(db, owner, pin_id)
            db.execute(
                """UPDATE pins SET title = ifnull(:title, title), note = ifnull(:note, note),
                tags = ifnull(:tags, tags), star = ifnull(:star, star), role = ifnull(:role, role)
                WHERE id = :id""",
                {**wanted, "id": pin.id},
            )
            return _pin(db, owner, pin_id)

    def place(self, owner: str, pin_ids: Sequence[str], board_id: str, before: str = "") -> None:
        """Put these pins, in this order, onto a board, theirs or another: before the pin `before`,
        or at the end."""
        moved = list(dict.fromkeys(pin_ids))
        with self._ledger.writing() as db:
            board = _board(db, owner, board_id)
            for pin_id in moved:
                _pin(db, owner, pin_id)
            staying = [pin_id for pin_id in _order(db, board.id) if pin_id not in set(moved)]
            if before and before not in staying:
                raise InvalidRequest("before", NO_PIN)
            at = staying.index(before) if before else len(staying)
            order = [*staying[:at], *moved, *staying[at:]]
            db.executemany(
                "UPDATE pins SET board = ?, position = ? WHERE id = ?",
                ((board.id, position, pin_id) for position, pin_id in enumerate(order)),
            )

    def delete(self, owner: str, pin_ids: Sequence[str]) -> None:
        """Take these pins off their boards; `restore` brings them back to their places."""
        with self._ledger.writing() as db:
            for pin_id in dict.fromkeys(pin_ids):
                pin = _pin(db, owner, pin_id)
                db.execute("UPDATE pins SET deleted_at = ? WHERE id = ?", (self._clock(), pin.id))

    def restore(self, owner: str, pin_ids: Sequence[str]) -> None:
        """Bring deleted pins back, and the board they were on. Raises `InvalidRequest` for one that
        was purged."""
        with self._ledger.writing() as db:
            for pin_id in pin_ids:
                query = "UPDATE pins SET deleted_at = NULL WHERE owner = ? AND id = ?"
                if not db.execute(query, (owner, pin_id)).rowcount:
                    raise InvalidRequest("pin", NO_PIN)
                board = db.execute("SELECT board FROM pins WHERE id = ?", (pin_id,)).fetchone()
                db.execute("UPDATE boards SET deleted_at = NULL WHERE id = ?", (board["board"],))

    def purge(self) -> None:
        """Forget what was deleted more than a day ago, and delete every picture that no pin has."""
        with self._ledger.writing() as db:
            _forget(db, self._clock() - UNDO_S)
        # Only now, when the rows are gone for good; in a transaction, so that nobody adds.
        with self._ledger.writing() as db:
            self._vault.sweep({row["picture"] for row in db.execute("SELECT picture FROM pins")})

    def _purge_now_and_then(self) -> None:
        """After a start, for what a killed process left behind, and then every hour."""
        with self._purging:
            now = self._clock()
            if self._purged_at is None or now - self._purged_at >= PURGE_EVERY_S:
                self.purge()
                self._purged_at = now

    def _board_for(self, db: sqlite3.Connection, owner: str, board_id: str) -> Board:
        if board_id:
            return _board(db, owner, board_id)
        query = f"""SELECT {BOARD_COLUMNS} FROM boards WHERE owner = ? AND deleted_at IS NULL
            ORDER BY number LIMIT 1"""  # noqa: S608
        row = db.execute(query, (owner,)).fetchone()
        return self._new_board(db, owner, FIRST_BOARD) if row is None else board_of(row)

    def _new_board(self, db: sqlite3.Connection, owner: str, title: str) -> Board:
        if self._boards_of(db, owner) >= self._bounds.boards:
            self._forget_all(db, owner)
            count = self._boards_of(db, owner)
            if count >= self._bounds.boards:
                raise InvalidRequest("board", MANY_BOARDS.format(count))
        board_id = _new_id()
        db.execute(
            "INSERT INTO boards (id, owner, title, made_at) VALUES (?, ?, ?, ?)",
            (board_id, owner, title, self._clock()),
        )
        return _board(db, owner, board_id)

    def _check_room(self, db: sqlite3.Connection, owner: str, size: int) -> None:
        if self._why_full(db, owner, size):
            # What waits for an undo must not be in the way of what is wanted now: one's own first.
            self._forget_all(db, owner)
            why = self._why_full(db, owner, size)
            if why == FULL:
                self._forget_all(db, None)
                why = self._why_full(db, owner, size)
            if why:
                raise InvalidRequest("pin", why)

    def _why_full(self, db: sqlite3.Connection, owner: str, size: int) -> str:
        """Why there is no room for a pin of `size` bytes; empty where there is."""
        count, held = _held(db, owner)
        if count >= self._bounds.pins:
            return MANY_PINS.format(count)
        if held + size > self._bounds.owner_bytes:
            return HEAVY.format(self._bounds.owner_bytes // 2**20)
        return FULL if _held(db, None)[1] + size > self._bounds.disk_bytes else ""

    def _boards_of(self, db: sqlite3.Connection, owner: str) -> int:
        query = "SELECT count(*) FROM boards WHERE owner = ?"
        (count,) = db.execute(query, (owner,)).fetchone()
        return int(count)

    def _forget_all(self, db: sqlite3.Connection, owner: str | None) -> None:
        """Nothing that `owner`, or anybody, deleted can be brought back any more."""
        _forget(db, self._clock(), owner)
        self._purged_at = None


def _board(db: sqlite3.Connection, owner: str, board_id: str) -> Board:
    query = f"""SELECT {BOARD_COLUMNS} FROM boards
        WHERE owner = ? AND id = ? AND deleted_at IS NULL"""  # noqa: S608
    row = db.execute(query, (owner, board_id)).fetchone()
    if row is None:
        raise InvalidRequest("board", NO_BOARD)
    return board_of(row)


def _pin(db: sqlite3.Connection, owner: str, pin_id: str) -> Pin:
    query = f"""SELECT {PIN_COLUMNS} FROM pins
        WHERE owner = ? AND id = ? AND deleted_at IS NULL"""  # noqa: S608
    return _one(db.execute(query, (owner, pin_id)).fetchall())


def _one(rows: list[sqlite3.Row]) -> Pin:
    if not rows:
        raise InvalidRequest("pin", NO_PIN)
    return pin_of(rows[0])


def _order(db: sqlite3.Connection, board_id: str) -> list[str]:
    """The pins of the board, deleted ones too: they come back to where they were."""
    rows = db.execute("SELECT id FROM pins WHERE board = ? ORDER BY position, number", (board_id,))
    return [row["id"] for row in rows]


def _end(db: sqlite3.Connection, board_id: str) -> int:
    """The first free place of the board, counted from 0."""
    query = "SELECT ifnull(max(position) + 1, 0) FROM pins WHERE board = ?"
    (position,) = db.execute(query, (board_id,)).fetchone()
    return int(position)


def _forget(db: sqlite3.Connection, before: float, owner: str | None = None) -> None:
    """Drop the rows of what `owner`, or anybody, deleted `before` that time."""
    values = {"before": before, "owner": owner}
    db.execute(
        "DELETE FROM pins WHERE deleted_at <= :before AND (:owner IS NULL OR owner = :owner)",
        values,
    )
    db.execute(
        """DELETE FROM boards WHERE deleted_at <= :before AND (:owner IS NULL OR owner = :owner)
        AND NOT EXISTS (SELECT 1 FROM pins WHERE pins.board = boards.id)""",
        values,
    )


def _held(db: sqlite3.Connection, owner: str | None) -> tuple[int, int]:
    """How many pins `owner`, or all, have, deleted ones too, and how many bytes these take."""
    # Two queries, since each has an index of its own.
    query = "SELECT count(*), ifnull(sum(bytes), 0) FROM pins"
    found = db.execute(query) if owner is None else db.execute(f"{query} WHERE owner = ?", (owner,))
    count, held = found.fetchone()
    return int(count), int(held)


def _new_id() -> str:
    return secrets.token_hex(8)
