"""A file of an export as the frame it was saved from."""

from klein_ui import uploads
from klein_ui.contract import Frame, InvalidPicture, Origin, Stage, Timings
from klein_ui.provenance.reading import read
from klein_ui.provenance.record import Record

OTHER_SIZE = "The picture has another size than its request; choose the file as it was exported."

_UNKNOWN = Origin("", "", "", "")


def frame_in(png: bytes) -> tuple[Frame, Record]:
    """The frame of a PNG that holds its request, and its whole record. Raises `KleinError`."""
    record = read(png).entries[0].record
    return frame_of(png, record), record


def frame_of(picture: bytes, record: Record) -> Frame:
    """The frame of a picture's bytes, whose pixels are those that `record` tells of.

    Raises `InvalidPicture` for what is damaged, or of another size.
    """
    pixels, request = uploads.decoded(picture).pixels, record.request
    if pixels.shape != (request.height, request.width, 3):
        raise InvalidPicture(OTHER_SIZE)
    return Frame(request, record.stage or Stage.FINAL, pixels, Timings(), record.origin or _UNKNOWN)
