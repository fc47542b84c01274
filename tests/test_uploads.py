"""Whatever somebody adds becomes true pixels, or one sentence that says what to do."""

import io
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageFile

from klein_ui import uploads
from klein_ui.contract import InvalidPicture, Pixels

ROOT = Path(__file__).resolve().parent.parent
RED, WHITE = (255, 0, 0), (255, 255, 255)

MEASURE = """
import resource, sys
import numpy as np
from klein_ui import uploads
from klein_ui.contract import InvalidPicture
data = sys.stdin.buffer.read()
small = bytes(data[:8])
for warm in (b"", small):
    try: uploads.decoded(warm)
    except InvalidPicture: pass
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try: uploads.decoded(data)
except InvalidPicture as error: print(error)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def noise(width: int = 80, height: int = 64, channels: int = 3) -> Pixels:
    shape = (height, width, channels)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def png(picture: Image.Image, **options: object) -> bytes:
    return saved(picture, "PNG", **options)


def flat(mode: str, colour: object) -> Image.Image:
    return Image.new(mode, (80, 64), colour)  # type: ignore[arg-type]


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_of(width: int, height: int, bits: int, colour: int, rows: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows, 9)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def refusal(data: bytes) -> str:
    with pytest.raises(InvalidPicture) as refused:
        uploads.decoded(data)
    return str(refused.value)


def test_a_png_comes_back_exactly() -> None:
    upload = uploads.decoded(png(Image.fromarray(noise())))
    assert np.array_equal(upload.pixels, noise())
    assert upload.pixels.dtype == np.uint8
    assert upload.notes == ()


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_every_kind_is_read(kind: str) -> None:
    (pixel,) = {tuple(row) for row in uploads.decoded(saved(flat("RGB", RED), kind)).pixels[:, 40]}
    assert np.abs(np.subtract(pixel, RED)).max() <= 3


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"\0", "add a PNG, JPEG or WebP"),
        (b"A plain text, renamed to photo.png.\n", "text"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC photos cannot be read here; save it as JPEG"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x18ftypavif\0\0\0\0mif1avif", "AVIF"),
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        (b"%PDF-1.7\n", "PDF"),
        (b"II*\0\x08\0\0\0", "TIFF"),
        (b"MM\0*\0\0\0\x08", "TIFF"),
        (b"BM\0\0\0\0\0\0\0\0", "BMP"),
        (b"\x89PNG\r\n\x1a\n", "damaged"),
        (b"\xff\xd8\xff\xe0", "damaged"),
        (b"GIF89a", "GIF images cannot be read here; save it as PNG"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "damaged"),
        (bytes(21 * 2**20), "larger than 20 MB"),
    ],
)
def test_what_is_no_image_says_what_to_do(data: bytes, says: str) -> None:
    sentence = refusal(data)
    assert says in sentence
    assert sentence.endswith(".")


@pytest.mark.parametrize(
    ("size", "says"),
    [
        ((1, 1), "at least 64"),
        ((63, 400), "at least 64"),
        ((1, 20_000), "at least 64"),
        ((64, 513), "8 times"),
        ((4097, 4096), "16,777,216"),
    ],
)
def test_sides_the_pipeline_would_refuse_are_refused(size: tuple[int, int], says: str) -> None:
    assert says in refusal(png(Image.new("1", size)))


def test_the_longest_shape_is_taken() -> None:
    assert uploads.decoded(png(Image.new("L", (64, 512)))).pixels.shape == (512, 64, 3)


@pytest.mark.parametrize("side", [13_370, 100_000])
def test_a_bomb_costs_nothing(side: int) -> None:
    row = bytes(1 + (side + 7) // 8)
    # The second says more than it holds, which only shows once it is decoded.
    bomb = png_of(side, side, 1, 0, row * min(side, 13_370) if side < 20_000 else row)
    ran = subprocess.run(
        [sys.executable, "-c", MEASURE], input=bomb, capture_output=True, cwd=ROOT, check=True
    )
    sentence, grown_kib = ran.stdout.decode().splitlines()
    assert "16,777,216" in sentence
    # One bit a pixel alone would be 21 MiB.
    assert int(grown_kib) < 8 * 1024


def test_a_webp_that_only_says_it_is_huge_is_refused() -> None:
    data = bytearray(saved(flat("RGBA", (1, 2, 3, 4)), "WEBP", exif=b"Exif\0\0II*\0\x08\0\0\0\0\0"))
    assert data[12:16] == b"VP8X"
    data[24:30] = b"\xfe\x3f\0\xfe\x3f\0"
    assert "16,777,216" in refusal(bytes(data))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("part", [0.2, 0.5, 0.9])
def test_a_truncated_file_is_refused(kind: str, part: float) -> None:
    data = saved(Image.fromarray(noise()), kind)
    assert "damaged" in refusal(data[: int(len(data) * part)])
    assert not ImageFile.LOAD_TRUNCATED_IMAGES


def test_a_jpeg_of_endless_scans_is_refused_before_it_is_decoded() -> None:
    data = saved(Image.fromarray(noise()), "JPEG", progressive=True)
    start, end = data.index(b"\xff\xda"), data.rindex(b"\xff\xd9")
    assert uploads.decoded(data).pixels.shape == (64, 80, 3)
    endless = data[:end] + data[start:end] * 20 + data[end:]
    assert "save it as PNG" in refusal(endless)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int) -> None:
    turned: dict[int, Callable[[Pixels], Pixels]] = {
        1: lambda p: p,
        2: lambda p: p[:, ::-1],
        3: lambda p: p[::-1, ::-1],
        4: lambda p: p[::-1],
        5: lambda p: p.transpose(1, 0, 2),
        6: lambda p: np.rot90(p, -1),
        7: lambda p: p[::-1, ::-1].transpose(1, 0, 2),
        8: lambda p: np.rot90(p, 1),
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    upload = uploads.decoded(png(Image.fromarray(noise()), exif=exif))
    assert np.array_equal(upload.pixels, turned[orientation](noise()))


@pytest.mark.parametrize("exif", [b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0nonsense", b"\0"])
def test_a_broken_exif_block_is_ignored(exif: bytes) -> None:
    assert np.array_equal(uploads.decoded(png(Image.fromarray(noise()), exif=exif)).pixels, noise())


def srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def swapped_profile() -> bytes:
    """A profile whose red is our green, and the other way round."""
    profile = srgb_profile()
    red, green = profile.index(b"rXYZ"), profile.index(b"gXYZ")
    swapped = bytearray(profile)
    swapped[red : red + 4], swapped[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(swapped)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_profile_is_converted_to_srgb(mode: str) -> None:
    picture = flat(mode, (255, 0, 0, 255)[: len(mode)])
    upload = uploads.decoded(png(picture, icc_profile=swapped_profile()))
    assert tuple(upload.pixels[0, 0]) == (0, 255, 0)


def test_an_srgb_profile_changes_nothing() -> None:
    data = png(Image.fromarray(noise()), icc_profile=srgb_profile())
    assert np.array_equal(uploads.decoded(data).pixels, noise())


def test_grey_goes_through_a_profile_for_colour() -> None:
    # The same primaries with the exponent 1.8 in place of 2.4: mid grey is lighter.
    lighter = srgb_profile().replace(b"\0\x02\x66\x66", b"\0\x01\xcc\xcc")
    pixels = uploads.decoded(png(flat("L", 128), icc_profile=lighter)).pixels
    assert np.ptp(pixels) == 0
    assert pixels[0, 0, 0] > 140
    assert uploads.decoded(png(flat("L", 128), icc_profile=srgb_profile())).pixels[0, 0, 0] == 128


def test_what_pillow_only_warns_of_is_read_without_a_warning() -> None:
    data = png(Image.fromarray(noise()))
    at = data.index(b"IDAT") - 4
    odd = data[:at] + chunk(b"acTL", bytes(8)) + data[at:]
    with pytest.warns(UserWarning, match="Invalid APNG"):
        Image.open(io.BytesIO(odd)).close()
    assert np.array_equal(uploads.decoded(odd).pixels, noise())


@pytest.mark.parametrize("profile", [b"broken", srgb_profile()[:200]])
def test_a_broken_profile_is_ignored(profile: bytes) -> None:
    data = png(Image.fromarray(noise()), icc_profile=profile)
    assert np.array_equal(uploads.decoded(data).pixels, noise())


@pytest.mark.parametrize("options", [{}, {"icc_profile": srgb_profile()}])
def test_cmyk_is_no_negative(options: dict[str, object]) -> None:
    # All cyan; a profile for another kind of image is ignored.
    data = saved(flat("CMYK", (255, 0, 0, 0)), "JPEG", quality=95, **options)
    assert b"Adobe" in data
    assert np.abs(uploads.decoded(data).pixels[0, 0].astype(int) - (0, 255, 255)).max() <= 3


def test_sixteen_bits_of_grey_are_scaled_and_not_cut() -> None:
    values = np.linspace(0, 65535, 80 * 64).round().astype(np.uint16).reshape(64, 80)
    upload = uploads.decoded(png(Image.fromarray(values)))
    exact = values[..., None] / 257
    assert np.abs(upload.pixels - exact).max() <= 0.5


def test_sixteen_bits_of_grey_with_a_clear_shade() -> None:
    values = np.full((64, 80), 1000, np.uint16)
    values[:, 40:] = 2000
    data = png(Image.fromarray(values))
    at = data.index(b"IDAT") - 4
    pixels = uploads.decoded(data[:at] + chunk(b"tRNS", b"\x03\xe8") + data[at:]).pixels
    assert tuple(pixels[0, 0]) == WHITE
    assert tuple(pixels[0, 79]) == (8, 8, 8)


@pytest.mark.parametrize(
    ("mode", "clear", "shown"),
    [("RGBA", (9, 9, 9, 0), (255, 0, 0, 255)), ("LA", (9, 0), (0, 255))],
)
def test_what_is_clear_is_white(mode: str, clear: object, shown: tuple[int, ...]) -> None:
    picture = flat(mode, clear)
    picture.paste(shown, (0, 0, 40, 64))
    pixels = uploads.decoded(png(picture)).pixels
    assert tuple(pixels[0, 79]) == WHITE
    assert tuple(pixels[0, 0]) == (RED if mode == "RGBA" else (0, 0, 0))


def test_half_clear_is_half_way_to_white() -> None:
    assert tuple(uploads.decoded(png(flat("RGBA", (0, 0, 0, 128)))).pixels[0, 0]) == (127,) * 3


@pytest.mark.parametrize("transparency", [1, b"\xff\0"])
def test_a_palette_with_a_clear_colour(transparency: object) -> None:
    picture = flat("P", 1)
    picture.putpalette([255, 0, 0, 9, 9, 9])
    picture.paste(0, (0, 0, 40, 64))
    pixels = uploads.decoded(png(picture, transparency=transparency)).pixels
    assert tuple(pixels[0, 0]) == RED
    assert tuple(pixels[0, 79]) == WHITE


def test_a_clear_colour_of_an_rgb_png() -> None:
    assert tuple(uploads.decoded(png(flat("RGB", RED), transparency=RED)).pixels[0, 0]) == WHITE


@pytest.mark.parametrize("kind", ["WEBP", "PNG"])
def test_of_an_animation_the_first_frame_is_taken(kind: str) -> None:
    frames = [flat("RGB", colour) for colour in (RED, (0, 0, 255), (0, 255, 0))]
    data = saved(frames[0], kind, save_all=True, append_images=frames[1:], duration=50)
    upload = uploads.decoded(data)
    assert upload.notes == (uploads.FIRST_FRAME,)
    assert np.abs(upload.pixels[0, 0].astype(int) - RED).max() <= 3


def test_a_photo_with_by_products_is_no_animation() -> None:
    pictures = [flat("RGB", RED), flat("RGB", WHITE)]
    data = saved(pictures[0], "MPO", save_all=True, append_images=pictures[1:])
    upload = uploads.decoded(data)
    assert upload.notes == ()
    assert np.abs(upload.pixels[0, 0].astype(int) - RED).max() <= 3


VALID = [
    png(Image.fromarray(noise())),
    png(flat("P", 1), transparency=1),
    png(Image.fromarray(noise()[..., 0].astype(np.uint16) * 257)),
    png(Image.fromarray(noise()), icc_profile=swapped_profile(), exif=b"Exif\0\0II*\0\x08\0\0\0"),
    saved(Image.fromarray(noise()), "JPEG"),
    saved(Image.fromarray(noise()), "JPEG", progressive=True),
    saved(flat("CMYK", (1, 2, 3, 4)), "JPEG"),
    saved(flat("RGB", RED), "MPO", save_all=True, append_images=[flat("RGB", WHITE)]),
    saved(Image.fromarray(noise()), "WEBP"),
    saved(Image.fromarray(noise(channels=4)), "WEBP", lossless=True),
    saved(flat("RGB", RED), "WEBP", save_all=True, append_images=[flat("RGB", WHITE)]),
    saved(flat("RGB", RED), "PNG", save_all=True, append_images=[flat("RGB", WHITE)]),
]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A valid file with bytes changed, cut out, doubled, or its end missing."""
    data = bytearray(draw(st.sampled_from(VALID)))
    for _ in range(draw(st.integers(1, 6))):
        # Most of what a decoder believes stands at the start.
        reach = draw(st.sampled_from([64, 600, len(data)]))
        at = draw(st.integers(0, max(0, min(reach, len(data)) - 1)))
        length = draw(st.integers(0, 4))
        data[at : at + length] = draw(st.binary(max_size=4))
    keep = draw(st.one_of(st.just(len(data)), st.integers(0, len(data))))
    return bytes(data[:keep])


@given(mutated())
def test_a_mutated_file_is_an_upload_or_one_sentence(data: bytes) -> None:
    try:
        pixels = uploads.decoded(data).pixels
    except InvalidPicture as error:
        assert str(error).endswith(".")
        assert "\n" not in str(error)
    else:
        assert pixels.dtype == np.uint8
        assert pixels.shape[2] == 3
        uploads.check_sides(pixels.shape[1], pixels.shape[0])


@given(st.binary(max_size=64), st.sampled_from([b"", *uploads.READ, b"RIFF\0\0\0\0WEBP"]))
def test_any_bytes_are_refused_with_one_sentence(data: bytes, start: bytes) -> None:
    assert refusal(start + data).endswith(".")


def test_the_digest_is_of_shape_and_bytes() -> None:
    pixels = noise()
    assert uploads.digest_of(pixels) == uploads.digest_of(pixels.copy())
    assert uploads.digest_of(pixels) != uploads.digest_of(pixels.reshape(80, 64, 3))
    assert uploads.digest_of(pixels[:, ::-1]) == uploads.digest_of(pixels[:, ::-1].copy())
    other = pixels.copy()
    other[0, 0, 0] ^= 1
    assert uploads.digest_of(pixels) != uploads.digest_of(other)
    assert len(uploads.digest_of(pixels)) == 64
