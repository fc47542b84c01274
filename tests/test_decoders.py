"""Only three readers see bytes; in a process of its own, since that is for all of it."""

import subprocess
import sys
import textwrap

import pytest

START = """
import io, struct, warnings, zlib
from PIL import Image
from klein_ui import decoders
flat = Image.new("RGB", (80, 64), "red")
def saved(kind):
    out = io.BytesIO()
    flat.save(out, kind)
    return io.BytesIO(out.getvalue())
def huge(side):
    out = io.BytesIO()
    Image.new("1", (side, side)).save(out, "PNG")
    return io.BytesIO(out.getvalue())
"""


def run(script: str) -> str:
    source = START + textwrap.dedent(script)
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("before", ["", "Image.init()", "Image.preinit()"])
def test_other_formats_are_no_images_and_are_still_written(before: str) -> None:
    said = run(f"""
    {before}
    decoders.restrict()
    for kind in ("PNG", "JPEG", "WEBP"):
        assert Image.open(saved(kind)).size == (80, 64)
    for kind in ("GIF", "BMP", "TIFF", "PPM", "ICO", "TGA", "JPEG2000", "PCX", "SGI", "DDS"):
        try:
            Image.open(saved(kind))
        except Image.UnidentifiedImageError:
            print(kind)
    assert saved("PDF").read().startswith(b"%PDF")
    """)
    assert len(said.split()) == 10


def test_what_would_inflate_is_refused_by_its_header() -> None:
    said = run("""
    data, fits = huge(13370), huge(4096)
    assert len(data.getvalue()) < 23_000
    decoders.restrict()
    assert Image.open(fits).size == (4096, 4096)
    for bomb in (data, huge(4097)):
        try:
            Image.open(bomb)
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            print(type(error).__name__)
    """)
    assert said.split() == ["DecompressionBombError", "DecompressionBombWarning"]
