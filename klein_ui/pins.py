"""What a pin and a board are, what may be written on them, and how they lie in the index."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from klein_ui import provenance, validate
from klein_ui.contract import InvalidRequest, Request, Stage

MAX_TITLE_CHARS = 200
MAX_NOTE_CHARS = 5000
MAX_TAGS = 20
MAX_TAG_CHARS = 40


@dataclass(frozen=True, slots=True)
class Board:
    """A board of an owner. `pins` is how many are on it; times are seconds since the epoch."""

    id: str
    title: str
    made_at: float
    pins: int


@dataclass(frozen=True, slots=True)
class Pin:
    """A kept frame on a board.

    `position` orders the pins of a board and may have gaps. `role` is one of a reference, such as
    "palette" or "subject", empty for none. `picture` is the SHA-256 of the PNG, so that a page may
    keep that for ever.
    """

    id: str
    board: str
    position: int
    pinned_at: float
    request: Request
    stage: Stage
    picture: str
    title: str = ""
    note: str = ""
    tags: tuple[str, ...] = ()
    star: bool = False
    role: str = ""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many boards and pins an owner may have, what can still be brought back among them, and
    the bytes of an owner's pins and of all on disk."""

    boards: int = 100
    pins: int = 5000
    owner_bytes: int = 16 * 2**30
    disk_bytes: int = 16 * 2**30


STRANGERS = Bounds(boards=10, pins=200, owner_bytes=2**28)
"""For each browser of a server that is open to all: room for 200 pictures of a megapixel, which is
a sixty-fourth of what there is for everybody."""


BOARD_COLUMNS = """id, title, made_at, (SELECT count(*) FROM pins
    WHERE pins.board = boards.id AND pins.deleted_at IS NULL) AS pins"""
PIN_COLUMNS = """id, board, position, pinned_at, request, stage, picture, title, note, tags, star,
    role"""


def board_of(row: sqlite3.Row) -> Board:
    """The board of a row of `BOARD_COLUMNS`."""
    return Board(row["id"], row["title"], row["made_at"], row["pins"])


def pin_of(row: sqlite3.Row) -> Pin:
    """The pin of a row of `PIN_COLUMNS`."""
    return Pin(
        id=row["id"],
        board=row["board"],
        position=row["position"],
        pinned_at=row["pinned_at"],
        request=provenance.request_from(row["request"]),
        stage=Stage(row["stage"]),
        picture=row["picture"],
        title=row["title"],
        note=row["note"],
        tags=tuple(json.loads(row["tags"])),
        star=bool(row["star"]),
        role=row["role"],
    )


def title(value: object) -> str:
    """A title on one line. Raises `InvalidRequest`, as all of these do."""
    return validate.words("title", value, MAX_TITLE_CHARS)


def note(value: object) -> str:
    """A note, which may have several lines."""
    return validate.words("note", value, MAX_NOTE_CHARS, lines=True)


def tags(value: object) -> str:
    """A list of tags as JSON: each once, whatever its case, in their order."""
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        raise InvalidRequest("tags", "The tags must be a list of words.")
    each = [validate.words("tags", tag, MAX_TAG_CHARS) for tag in value]
    once = {tag.casefold(): tag for tag in reversed(each) if tag}
    if len(once) > MAX_TAGS:
        raise InvalidRequest("tags", f"A pin has {MAX_TAGS} tags at most; remove some.")
    return json.dumps(list(reversed(once.values())))
