"""A picture's file with its record and its card: the JSON beside a JPEG, and in a manifest."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

from klein_ui.provenance.record import SOFTWARE, Record, fields_of, record_of_fields
from klein_ui.provenance.strict import strict

_SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Card:
    """What somebody wrote to a picture on a board."""

    title: str = ""
    note: str = ""
    tags: tuple[str, ...] = ()
    role: str = ""
    star: bool = False


NO_CARD = Card()


@dataclass(frozen=True, slots=True)
class Entry:
    """A picture's file: `sha256` is of its bytes, in hex. Both are empty for a record alone."""

    record: Record
    file: str = ""
    sha256: str = ""
    card: Card = NO_CARD


def entry_fields(entry: Entry) -> dict[str, object]:
    """`entry` as a JSON object: its file, its record's fields, and its card's."""
    named = {"file": entry.file, "sha256": entry.sha256} if entry.file else {}
    card = asdict(entry.card) if entry.card != NO_CARD else {}
    return {**named, **fields_of(entry.record), **card}


def entry_from(given: object) -> Entry:
    """The entry of a JSON object. Raises `ValueError`, and `KleinError` for a later version's."""
    if not isinstance(given, Mapping):
        raise ValueError("no entry")
    file, digest = given.get("file", ""), given.get("sha256", "")
    if not isinstance(file, str) or not isinstance(digest, str):
        raise ValueError("no file")
    if digest and not _SHA256.fullmatch(digest):
        raise ValueError("no digest")
    written = {field.name: given[field.name] for field in fields(Card) if field.name in given}
    return Entry(record_of_fields(given), file, digest, strict(Card, written))


def sidecar(entry: Entry) -> bytes:
    """The JSON file beside a picture that cannot hold its record."""
    told = {"software": SOFTWARE, **entry_fields(entry)}
    return json.dumps(told, ensure_ascii=False, indent=1).encode()
