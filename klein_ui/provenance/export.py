"""A picture leaves: checked, marked, encoded with its request, and signed last."""

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from klein_ui import images, watermark
from klein_ui.contract import Frame, Pixels, Request
from klein_ui.provenance.archive import Item
from klein_ui.provenance.entries import NO_CARD, Card, Entry, sidecar
from klein_ui.provenance.names import file_name
from klein_ui.provenance.record import SOFTWARE, Record, record_of, texts_of
from klein_ui.provenance.signing import FOLDER, Signer, SigningFailed, opened
from klein_ui.safety import OPEN, Check, Gate, gate
from klein_ui.settings import Settings

log = logging.getLogger(__name__)

UNSIGNED = "The picture was saved unsigned. {why}"

WEBP_QUALITY = 90


class Format(StrEnum):
    """A format of exported pictures, by the suffix of its files."""

    PNG = "png"
    WEBP = "webp"
    JPEG = "jpg"

    @property
    def mime(self) -> str:
        """Its MIME type."""
        return "image/jpeg" if self is Format.JPEG else f"image/{self.value}"


@dataclass(frozen=True, slots=True)
class Exported:
    """A file to save: its name, its bytes, and what to save beside it.

    `sidecar` is the JSON for `name` + ".json", None for a PNG, which holds its record itself.
    `notes` are sentences the user should know.
    """

    name: str
    mime: str
    data: bytes
    record: Record
    sidecar: bytes | None = None
    notes: tuple[str, ...] = ()

    def item(self, card: Card = NO_CARD) -> Item:
        """The same for an archive."""
        return Item(self.data, self.name.rsplit(".", 1)[-1], self.record, card)


@dataclass(frozen=True, slots=True)
class Exporter:
    """How pictures leave. Without `signer`, `why_unsigned` says why they should have one.

    With `must_sign` nothing leaves unsigned.
    """

    gate: Gate = OPEN
    watermark: bool = False
    signer: Signer | None = None
    must_sign: bool = False
    why_unsigned: str = ""

    def about(self) -> str:
        """What is done with pictures that leave, in plain sentences for the page."""
        if self.gate.check is not None:
            checked = "A safety check looks at every picture before it is saved."
        elif self.gate.required:
            checked = "Nothing can be saved: a safety check is demanded here, and there is none."
        else:
            checked = "No safety check looks at pictures here."
        signed = "signed by this installation" if self.signer else "not signed"
        marked = "carry an invisible mark" if self.watermark else "carry no mark"
        return f"{checked} Saved pictures are {signed} and {marked}."

    def export(
        self,
        frame: Frame,
        kind: Format = Format.PNG,
        lineage: Sequence[Request] = (),
        card: Card = NO_CARD,
    ) -> Exported:
        """The file of `frame`; `lineage` are the requests that made its references.

        A marked picture differs from the frame by some levels; its request is the same. Raises
        `HeldBack` for what the gate keeps, and `SigningFailed` where it must sign and cannot.
        """
        notes = self.gate.passed(frame.pixels)
        pixels = watermark.embed(frame.pixels) if self.watermark else frame.pixels
        record = record_of(frame, lineage)
        data, unsigned = self.signed(encoded(pixels, kind, record), kind.mime)
        name = file_name(card.title or frame.request.prompt, frame.request.seed, kind.value)
        entry = Entry(record, name, hashlib.sha256(data).hexdigest(), card)
        beside = None if kind is Format.PNG else sidecar(entry)
        return Exported(name, kind.mime, data, record, beside, notes + unsigned)

    def signed(self, data: bytes, mime: str) -> tuple[bytes, tuple[str, ...]]:
        """`data` as it leaves, signed where that is set, and sentences the user should know.

        Raises `SigningFailed` where it must sign and cannot.
        """
        try:
            if self.signer is not None:
                return self.signer.signed(data, mime), ()
            if self.must_sign:
                raise SigningFailed(self.why_unsigned or "Signing is demanded, but not set up.")
        except SigningFailed as error:
            if self.must_sign:
                raise
            return data, (UNSIGNED.format(why=error),)
        return data, (UNSIGNED.format(why=self.why_unsigned),) if self.why_unsigned else ()


def encoded(pixels: Pixels, kind: Format, record: Record) -> bytes:
    """`pixels` as a file of `kind`: a PNG holds `record`, others the name of the software."""
    if kind is Format.PNG:
        return images.png(pixels, texts_of(record))
    exif = images.exif(SOFTWARE)
    if kind is Format.WEBP:
        return images.webp(pixels, WEBP_QUALITY, exif)
    return images.jpeg(pixels, images.FINE_QUALITY, exif)


def exporter(chosen: Settings, load_check: Callable[[Path], Check]) -> Exporter:
    """How pictures leave by the settings; signing is tested now, and the check loaded.

    What is required and missing refuses each export. Raises `KleinError` for a safety check that
    is wanted, not required, and missing. `load_check` makes the safety check of a folder.
    """
    folder = chosen.safety
    load = None if folder is None else lambda: load_check(folder)
    checked = gate(load, required=chosen.require_safety)
    signer, why = None, ""
    if chosen.sign != "off":
        try:
            signer = opened(chosen.data_dir / FOLDER)
        except SigningFailed as error:
            why = str(error)
            log.warning("Pictures cannot be signed. %s", why)
    return Exporter(checked, chosen.watermark, signer, chosen.sign == "require", why)
