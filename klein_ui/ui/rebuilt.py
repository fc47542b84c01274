"""A board from an export: its pictures pinned as they are, or made again where they are lossy.

A pin says that its request made its pixels. So only a PNG of an archive, whose digest is the
manifest's, is pinned as it is; a JPEG, a WebP, or a picture on a contact sheet is made again, where
everything for that is here, and else left out and said.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from itertools import count
from typing import BinaryIO

from klein_ui import validate
from klein_ui.contract import Frame, InvalidRequest, KleinError, Request
from klein_ui.pins import MAX_NOTE_CHARS, MAX_TAG_CHARS, MAX_TAGS, MAX_TITLE_CHARS
from klein_ui.provenance import archive
from klein_ui.provenance.entries import NO_CARD, Entry
from klein_ui.provenance.frames import frame_of
from klein_ui.provenance.reading import Found
from klein_ui.ui import answers
from klein_ui.ui.opened import opened
from klein_ui.ui.services import Services
from klein_ui.validate import MAX_ROLE_CHARS

MOST_MADE = 120
"""Pictures that one file has made again: those of a contact sheet."""

LEFT_OUT = "{count} of {all} pictures cannot be made here as they were, and were left out."
MADE_AGAIN = "{count} of {all} pictures were made again from their requests."
NONE = "None of its pictures can be made here as they were; choose their model above and try again."
STOPPED = "{count} of {all} pictures were pinned. {why}"
TITLE = "Opened board"

IsGone = Callable[[], Awaitable[bool]]


async def rebuilt(
    services: Services, owner: str, found: Found, file: BinaryIO | None, is_gone: IsGone
) -> tuple[dict[str, object], tuple[str, ...]]:
    """A new board of what `file`, an archive, or else a contact sheet holds, as JSON, and notes.

    Raises `KleinError` where there is no room, and where nothing could be pinned; then, and where
    the client goes away, the board is not left behind.
    """
    board = services.moodboard
    taken = {one.title for one in await asyncio.to_thread(board.boards, owner)}
    made = await asyncio.to_thread(board.create_board, owner, _new_title(found.title, taken))
    again, kept, stopped = 0, 0, ""
    try:
        for entry in found.entries:
            if await is_gone():
                raise KleinError(NONE)
            frame, is_made = await _frame(services, file, entry, again < MOST_MADE)
            if frame is not None:
                try:
                    await asyncio.to_thread(_pin, services, owner, made.id, frame, entry)
                except KleinError as error:
                    # What is pinned already is worth keeping when the disk is full.
                    if not kept:
                        raise
                    stopped = str(error)
                    break
                kept, again = kept + 1, again + is_made
        if not kept:
            raise answers.Refused(422, NONE)
    except BaseException:
        board.delete_board(owner, made.id)
        raise
    whole = len(found.entries)
    notes = [MADE_AGAIN.format(count=again, all=whole)] if again else []
    if stopped:
        notes.append(STOPPED.format(count=kept, all=whole, why=stopped))
    elif kept < whole:
        notes.append(LEFT_OUT.format(count=whole - kept, all=whole))
    return {"id": made.id, "title": made.title, "made_at": made.made_at, "pins": kept}, tuple(notes)


def _new_title(wanted: str, taken: Collection[str]) -> str:
    """`wanted`, or with a number where a board is called so."""
    title = wanted[: MAX_TITLE_CHARS - 6].strip() or TITLE
    numbered = (f"{title} {number}" for number in count(2))
    return title if title not in taken else next(one for one in numbered if one not in taken)


async def _frame(
    services: Services, file: BinaryIO | None, entry: Entry, may_make: bool
) -> tuple[Frame | None, bool]:
    """The frame of an entry, None where it cannot be had, and whether it was made again."""
    if file is not None and entry.file.endswith(".png"):
        try:
            png = await asyncio.to_thread(archive.picture, file, entry)
            return await asyncio.to_thread(frame_of, png, entry.record), False
        except KleinError:
            return None, False
    request = await asyncio.to_thread(_same, services, entry.record.request)
    if request is None or not may_make:
        return None, True
    try:
        return await asyncio.wrap_future(services.dispatcher.render(request)), True
    except KleinError:
        return None, True


def _same(services: Services, request: Request) -> Request | None:
    """`request` as it passes `validate`; None where it would be another picture here."""
    try:
        found = opened(request, services)
        return None if found.notes else validate.asked(found.fields, services.row).request
    except InvalidRequest:
        return None


def _pin(services: Services, owner: str, board_id: str, frame: Frame, entry: Entry) -> None:
    pin = services.moodboard.pin(owner, frame, board_id, entry.record.lineage)
    card = entry.card
    if card == NO_CARD:
        return
    services.moodboard.edit(
        owner,
        pin.id,
        # As much of it as a pin may hold.
        title=card.title[:MAX_TITLE_CHARS],
        note=card.note[:MAX_NOTE_CHARS],
        tags=[tag[:MAX_TAG_CHARS] for tag in card.tags[:MAX_TAGS]],
        role=card.role[:MAX_ROLE_CHARS],
        star=card.star,
    )
