"""The one index of what is kept: typed states, boards and pins, in a SQLite database.

Plain files would need a journal of their own to change a board of 500 pins at once; SQLite has
one, and is in the standard library. It writes ahead (WAL), so that the strip of states is read
while a state is written. `synchronous=FULL`: a commit is on the disk before it returns, so an
acknowledged pin survives a power cut and not only the end of the process. That costs one fsync a
state or pin, which no render waits for.

Every change is one transaction that begins with the database's write lock (`BEGIN IMMEDIATE`).
Pictures are added and removed within it, so none is removed that somebody is about to point at:
not by another thread, and not by a second process on the same folder.

A damaged database is put aside together with the pins' pictures, which hold their requests: those
can be dropped on the app again. So are the pictures where the database was deleted. The disk is
first touched by the first call, and each call tries again, so that a disk that was full or away
needs no restart.
"""

import contextlib
import logging
import os
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from threading import RLock

from klein_ui import files
from klein_ui.contract import KleinError

log = logging.getLogger(__name__)

Scalar = str | int | float | bytes | None
Values = Sequence[Scalar] | Mapping[str, Scalar]

NAME = "ledger.sqlite3"
PINS, STATES = "pins", "states"
"""The folders of the pictures, beside the database."""

NEWER = (
    "The boards were kept by a newer version of the app; update it, or choose another folder with "
    "--data-dir."
)
BUSY = "The index of boards is in use by another process; end it and try again."
DAMAGED = "The index of boards is damaged; restart the app, which puts it aside and begins anew."
PUT_ASIDE = (
    "The index of boards and typed states was damaged or gone. What there was, with the pictures "
    "of all pins, was put aside into “{folder}”; drop those pictures on the app to have them back."
)

WAIT_S = 10.0
"""How long a change waits for one of another process."""

_FULL = {sqlite3.SQLITE_FULL}
_READ_ONLY = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}

# One entry a version: what leads to it from the one before. Only ever add to these.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE states (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            owner TEXT NOT NULL,
            session TEXT NOT NULL,
            parent TEXT NOT NULL,
            at REAL NOT NULL,
            stage TEXT NOT NULL,
            made_by TEXT NOT NULL,
            request TEXT NOT NULL,
            asked TEXT NOT NULL,
            picture TEXT NOT NULL,
            bytes INTEGER NOT NULL,
            thumbnail BLOB NOT NULL
        ) STRICT""",
        "CREATE INDEX states_of_owner ON states (owner, number, bytes)",
        "CREATE INDEX states_by_picture ON states (picture)",
        """CREATE TABLE boards (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            owner TEXT NOT NULL,
            title TEXT NOT NULL,
            made_at REAL NOT NULL,
            deleted_at REAL
        ) STRICT""",
        "CREATE INDEX boards_of_owner ON boards (owner, number)",
        """CREATE TABLE pins (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            owner TEXT NOT NULL,
            board TEXT NOT NULL REFERENCES boards (id),
            position INTEGER NOT NULL,
            pinned_at REAL NOT NULL,
            deleted_at REAL,
            title TEXT NOT NULL,
            note TEXT NOT NULL,
            tags TEXT NOT NULL,
            star INTEGER NOT NULL,
            role TEXT NOT NULL,
            stage TEXT NOT NULL,
            made_by TEXT NOT NULL,
            request TEXT NOT NULL,
            picture TEXT NOT NULL,
            bytes INTEGER NOT NULL,
            thumbnail BLOB NOT NULL
        ) STRICT""",
        "CREATE INDEX pins_of_board ON pins (owner, board, position)",
        "CREATE INDEX pins_by_request ON pins (owner, made_by)",
        "CREATE INDEX pins_by_picture ON pins (picture, bytes)",
    ),
)


class NotKept(KleinError):
    """What should be kept or read could not be; the sentence says why and what to do."""


class Ledger:
    """The database in `folder`, made where there is none. Safe to use from several threads.

    One connection writes and one reads, each under its lock.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._write_lock, self._read_lock = RLock(), RLock()
        self._writer: sqlite3.Connection | None = None
        self._reader: sqlite3.Connection | None = None
        self._notice = ""

    @property
    def notice(self) -> str:
        """A sentence where a damaged database was put aside; else empty."""
        return self._notice

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all that is done within is kept, or, when anything raises, nothing.

        Raises `NotKept` where the disk or the database would not have it.
        """
        with self._write_lock, _told():
            db = self._opened_writer()
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                # A full disk has ended the transaction already.
                with contextlib.suppress(sqlite3.Error):
                    db.execute("ROLLBACK")
                raise

    def rows(self, query: str, values: Values = ()) -> list[sqlite3.Row]:
        """What `query` finds, outside of any transaction. Raises `NotKept`."""
        with _told():
            if self._reader is None:
                with self._write_lock:
                    self._opened_writer()
            return self._found(query, values)

    def _found(self, query: str, values: Values) -> list[sqlite3.Row]:
        with self._read_lock:
            if self._reader is None:
                self._reader = _connected(self.folder / NAME)
            return self._reader.execute(query, values).fetchall()

    def close(self) -> None:
        """Let go of the files; the next call would open them again."""
        with self._write_lock, self._read_lock:
            for connection in (self._reader, self._writer):
                if connection is not None:
                    connection.close()
            self._reader = self._writer = None

    def _opened_writer(self) -> sqlite3.Connection:
        if self._writer is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            try:
                if self._is_lost():
                    self._put_aside("there are pins, and no index")
                self._writer = _opened(self.folder / NAME)
            except sqlite3.DatabaseError as error:
                if _code(error) not in _DAMAGED:
                    raise
                self._put_aside(error)
                self._writer = _opened(self.folder / NAME)
        return self._writer

    def _is_lost(self) -> bool:
        """Whether there are pictures of pins, and no index that knows of them."""
        pictures = self.folder.glob(f"{PINS}/??/*.png")
        return not (self.folder / NAME).exists() and next(pictures, None) is not None

    def _put_aside(self, why: object) -> None:
        aside = self.folder / time.strftime("damaged-%Y%m%d-%H%M%S")
        while aside.exists():
            aside = aside.with_name(f"{aside.name}-again")
        aside.mkdir()
        for name in (NAME, f"{NAME}-wal", f"{NAME}-shm", PINS):
            with contextlib.suppress(FileNotFoundError):
                os.replace(self.folder / name, aside / name)
        self._notice = PUT_ASIDE.format(folder=aside)
        log.warning("%s (%s)", self._notice, why)


def _connected(path: Path) -> sqlite3.Connection:
    # Its lock guards each connection; transactions are begun and ended by hand.
    db = sqlite3.connect(path, WAIT_S, isolation_level=None, check_same_thread=False)
    db.row_factory = sqlite3.Row
    return db


def _opened(path: Path) -> sqlite3.Connection:
    db = _connected(path)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA foreign_keys = ON")
        # One row says "ok"; damaged pages are told here, or raise.
        (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            damaged = sqlite3.DatabaseError(verdict)
            damaged.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise damaged
        _migrate(db)
    except BaseException:
        db.close()
        raise
    return db


def _migrate(db: sqlite3.Connection) -> None:
    db.execute("BEGIN IMMEDIATE")
    try:
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version > len(MIGRATIONS):
            raise NotKept(NEWER)
        for statements in MIGRATIONS[version:]:
            for statement in statements:
                db.execute(statement)
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        db.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            db.execute("ROLLBACK")
        raise


def _code(error: sqlite3.Error) -> int:
    """The primary code of SQLite, which its extended codes hold in their lowest byte."""
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return code & 0xFF


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """What the disk or SQLite raises within, as one sentence."""
    try:
        yield
    except OSError as error:
        raise NotKept(files.sentence(error)) from error
    except sqlite3.Error as error:
        raise NotKept(_sentence(error)) from error


def _sentence(error: sqlite3.Error) -> str:
    code = _code(error)
    for codes, sentence in (
        (_FULL, files.FULL),
        (_READ_ONLY, files.READ_ONLY),
        (_BUSY, BUSY),
        (_DAMAGED, DAMAGED),
    ):
        if code in codes:
            return sentence
    return files.UNREADABLE
