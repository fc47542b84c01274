"""A clip is checked picture by picture, marked, and signed or refused."""

import io

import numpy as np
import pytest
from PIL import Image, ImageSequence

from klein_ui import images, watermark
from klein_ui.clips import Kind
from klein_ui.contract import Pixels, Request
from klein_ui.provenance import moving
from klein_ui.provenance.export import Exporter
from klein_ui.provenance.signing import SigningFailed
from klein_ui.safety import Gate, HeldBack, Verdict

REQUEST = Request("a red sun", 42, 512, 512, 4, 1.0, "postcard")


def picture(level: int, side: int = 64) -> bytes:
    ramp = np.linspace(40, 200, side).astype(np.uint8)
    pixels = np.stack([np.broadcast_to(ramp, (side, side))] * 3, axis=-1).copy()
    pixels[..., 0] = level
    return images.jpeg(pixels, images.FINE_QUALITY)


def dark_is_unsafe(pixels: Pixels) -> Verdict:
    return Verdict(pixels[..., 0].mean() > 100, "dark", 0.9)


def test_one_picture_that_is_held_back_holds_back_the_clip() -> None:
    careful = Exporter(Gate(dark_is_unsafe))
    light = [picture(200), picture(180)]
    assert moving.export(careful, light, REQUEST, Kind.GIF).notes == ()
    with pytest.raises(HeldBack, match="dark"):
        moving.export(careful, [light[0], picture(20), light[1]], REQUEST, Kind.GIF)


@pytest.mark.parametrize("kind", list(Kind))
def test_a_clip_is_named_and_says_once_what_was_not_checked(kind: Kind) -> None:
    made = moving.export(Exporter(), [picture(1), picture(200)], REQUEST, kind)
    assert (made.name, made.mime) == (f"a-red-sun-42.{kind.value}", f"image/{kind.value}")
    assert len(made.notes) == 1
    with Image.open(io.BytesIO(made.data)) as opened:
        assert (opened.format, getattr(opened, "n_frames", 1)) == (kind.value.upper(), 2)


def test_each_picture_of_a_webp_clip_is_marked() -> None:
    shown = [picture(level, 512) for level in (60, 120, 180)]
    made = moving.export(Exporter(watermark=True), shown, REQUEST, Kind.WEBP)
    with Image.open(io.BytesIO(made.data)) as opened:
        found = [
            watermark.detect(np.array(one.convert("RGB"))) for one in ImageSequence.Iterator(opened)
        ]
    assert len(found) == 3
    assert all(mark and mark.version == watermark.VERSION for mark in found)


def test_what_must_be_signed_and_cannot_does_not_leave() -> None:
    with pytest.raises(SigningFailed, match="no key"):
        moving.export(
            Exporter(must_sign=True, why_unsigned="no key"), [picture(1)], REQUEST, Kind.GIF
        )
