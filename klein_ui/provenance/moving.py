"""A clip leaves as a picture does: each of its pictures checked and marked, the whole signed last.

A clip holds no request: it is of many, each of which is found again in the history it came from.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from klein_ui import clips, watermark
from klein_ui.clips import Kind, Limits
from klein_ui.contract import Pixels, Request
from klein_ui.provenance.export import Exporter
from klein_ui.provenance.names import file_name

LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Clip:
    """A file to save; `notes` are sentences the user should know."""

    name: str
    mime: str
    data: bytes
    notes: tuple[str, ...] = ()


def export(exporter: Exporter, pictures: Sequence[bytes], last: Request, kind: Kind) -> Clip:
    """The JPEGs `pictures`, the last one of the request `last`, as a clip within `LIMITS`.

    The mark goes into each picture as the clip shows it; WebP keeps it, and of GIF's 256 colours
    it is not promised. Raises `HeldBack` where the gate keeps one of them, `SigningFailed` where it
    must be signed and cannot, and `ValueError` without pictures.
    """
    shown = clips.chosen(pictures, LIMITS.pictures)
    notes = [exporter.gate.passed(_pixels(picture)) for picture in shown]
    mark = watermark.embed if exporter.watermark else None
    data = clips.clip(shown, kind, LIMITS, mark=mark)
    signed, unsigned = exporter.signed(data, f"image/{kind.value}")
    told = dict.fromkeys(note for of_one in notes for note in of_one)
    name = file_name(last.prompt, last.seed, kind.value)
    return Clip(name, f"image/{kind.value}", signed, (*told, *unsigned))


def _pixels(picture: bytes) -> Pixels:
    with Image.open(io.BytesIO(picture), formats=("JPEG",)) as image:
        return np.array(image.convert("RGB"))
