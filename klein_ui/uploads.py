"""What somebody adds becomes pixels the model can look at, or one sentence that says why not."""

import contextlib
import hashlib
import io
import warnings
from dataclasses import dataclass
from threading import Lock

import numpy as np
from PIL import Image, ImageCms
from PIL.ExifTags import Base
from PIL.Image import Transpose

from klein_ui.contract import InvalidPicture, Pixels

MAX_UPLOAD_BYTES = 20 * 2**20
MAX_PIXELS = 2**24
# What the pipeline demands of an image it looks at.
MIN_SIDE = 64
MAX_ASPECT = 8
MAX_JPEG_SCANS = 100
"""A photo has about ten; each costs a pass over all pixels, in a handful of bytes."""

EMPTY = "The file is empty; choose another."
TOO_LARGE = f"The file is larger than {MAX_UPLOAD_BYTES // 2**20} MB; scale the image down first."
TOO_MANY_PIXELS = f"The image has more than {MAX_PIXELS:,} pixels; scale it down and add it again."
DAMAGED = "The image is damaged or incomplete; save it anew as PNG or JPEG and add that."
NO_MEMORY = "There is no memory left for this image; scale it down and add it again."
UNUSUAL = "The JPEG is built in an unusual way; save it as PNG and add that."
UNKNOWN = "This file is no image that can be read here; add a PNG, JPEG or WebP."
TEXT = "This file holds text, no image; add a PNG, JPEG or WebP."
DRAWN = "{name} cannot be read here; save it as PNG."
FOREIGN = "{name} cannot be read here; save it as JPEG or PNG and add that."
FIRST_FRAME = "Only the first frame of the animation is used."

READ = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
}
# HEIC and AVIF name themselves after the four bytes of a length.
NAMED = {
    b"ftypavi": "AVIF images",
    b"ftyphe": "HEIC photos",
    b"ftypmif1": "HEIC photos",
    b"ftypmsf1": "HEIC photos",
    b"%PDF": "PDF documents",
    b"II*\0": "TIFF images",
    b"MM\0*": "TIFF images",
    b"BM": "BMP images",
}

UPRIGHT = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}

# A large image takes a few hundred megabytes while it is read, and silencing Pillow's warnings
# is for one thread at a time.
_one_at_a_time = Lock()


@dataclass(frozen=True, slots=True, eq=False)
class Upload:
    """An image from outside: its pixels, and sentences about what was left out of it."""

    pixels: Pixels
    notes: tuple[str, ...] = ()


def decoded(data: bytes) -> Upload:
    """The pixels of a PNG, JPEG or WebP: upright, sRGB, shape (height, width, 3).

    What is transparent is laid on white; the stock pipeline drops the alpha and shows whatever
    colour hides there. Profiles and CMYK become sRGB, 16 bits become 8. All CMYK JPEGs are taken
    for Adobe's inverted ones, as browsers do. Raises `InvalidPicture` for anything else.
    """
    kind = _kind(data)
    with _one_at_a_time, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return _read(data, kind)
        except InvalidPicture:
            raise
        except Image.DecompressionBombError as error:
            raise InvalidPicture(TOO_MANY_PIXELS) from error
        except MemoryError as error:
            raise InvalidPicture(NO_MEMORY) from error
        except Exception as error:
            # A damaged file may make Pillow raise nearly anything.
            raise InvalidPicture(DAMAGED) from error


def check_sides(width: int, height: int) -> None:
    """Refuse sides, in pixels, that the pipeline would refuse. Raises `InvalidPicture`."""
    if width * height > MAX_PIXELS:
        raise InvalidPicture(TOO_MANY_PIXELS)
    if min(width, height) < MIN_SIDE:
        raise InvalidPicture(
            f"The image has {width} × {height} pixels; "
            f"choose one of at least {MIN_SIDE} pixels on each side."
        )
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise InvalidPicture(
            f"The image has {width} × {height} pixels, which is too long; "
            f"crop it to at most {MAX_ASPECT} times as long as wide."
        )


def digest_of(pixels: Pixels) -> str:
    """The SHA-256, in hex, of the shape and bytes of `pixels`."""
    digest = hashlib.sha256("x".join(map(str, pixels.shape)).encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()


def _kind(data: bytes) -> str:
    """The one format of Pillow that may see these bytes, by the first of them."""
    if not data:
        raise InvalidPicture(EMPTY)
    if len(data) > MAX_UPLOAD_BYTES:
        raise InvalidPicture(TOO_LARGE)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    for start, kind in READ.items():
        if data.startswith(start):
            return kind
    raise InvalidPicture(_refusal(data))


def _refusal(data: bytes) -> str:
    head = data[:512]
    if head.startswith(b"GIF8"):
        return DRAWN.format(name="GIF images")
    for start, name in NAMED.items():
        if head.startswith(start) or head[4:].startswith(start):
            return FOREIGN.format(name=name)
    if b"<svg" in head.lower():
        return FOREIGN.format(name="SVG drawings")
    return TEXT if min(head) >= ord("\t") else UNKNOWN


def _read(data: bytes, kind: str) -> Upload:
    if kind == "JPEG" and data.count(b"\xff\xda") > MAX_JPEG_SCANS:
        raise InvalidPicture(UNUSUAL)
    with Image.open(io.BytesIO(data), formats=[kind]) as picture:
        check_sides(*picture.size)
        # A JPEG of several pictures is one photo and its by-products.
        animated = kind != "JPEG" and getattr(picture, "is_animated", False)
        picture.load()
        flat = _on_white(picture)
        turn = UPRIGHT.get(_orientation(picture))
    upright = flat if turn is None else flat.transpose(turn)
    return Upload(np.array(upright), (FIRST_FRAME,) if animated else ())


def _orientation(picture: Image.Image) -> int:
    # A broken EXIF block says nothing of the pixels.
    with contextlib.suppress(Exception):
        return int(picture.getexif().get(Base.Orientation, 1))
    return 1


def _on_white(picture: Image.Image) -> Image.Image:
    colour, alpha = _srgb(picture), _alpha(picture)
    if alpha is None:
        return colour
    white = Image.new("RGB", picture.size, "white")
    white.paste(colour, mask=alpha)
    return white


def _alpha(picture: Image.Image) -> Image.Image | None:
    if not picture.has_transparency_data:
        return None
    if picture.mode.startswith("I"):
        opaque = np.asarray(picture) != picture.info["transparency"]
        return Image.fromarray(opaque.astype(np.uint8) * 255)
    return picture.convert("RGBA").getchannel("A")


def _srgb(picture: Image.Image) -> Image.Image:
    plain = _eight_bits(picture)
    profile = picture.info.get("icc_profile")
    if profile:
        # Without its profile, a broken one, an image is still an image.
        with contextlib.suppress(Exception):
            return _through(plain, profile)
    return plain.convert("RGB")


def _through(plain: Image.Image, embedded: bytes) -> Image.Image:
    """`plain` in sRGB by its profile. Raises where the profile is not for such an image."""
    profile = ImageCms.ImageCmsProfile(io.BytesIO(embedded))
    # Grey pictures often carry a profile for colour; for any other mismatch lcms raises.
    if plain.mode == "L" and profile.profile.xcolor_space == "RGB ":
        plain = plain.convert("RGB")
    srgb = ImageCms.createProfile("sRGB")
    return ImageCms.buildTransform(profile, srgb, plain.mode, "RGB").apply(plain)


def _eight_bits(picture: Image.Image) -> Image.Image:
    """`picture` as L, RGB or CMYK, its alpha aside."""
    if picture.mode.startswith("I"):
        # Pillow's own conversion clips at 255.
        sixteen = np.asarray(picture).astype(np.uint32)
        return Image.fromarray(((sixteen + 128) // 257).astype(np.uint8))
    if picture.mode in ("1", "L", "LA"):
        return picture.convert("L")
    return picture if picture.mode == "CMYK" else picture.convert("RGB")
