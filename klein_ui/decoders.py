"""Which of Pillow's readers may see bytes at all in this process, and how many pixels they make.

The registry is one for the whole process, so this holds for Gradio's own code too. Writers stay:
the app saves GIF clips and PDF sheets.
"""

import warnings

from PIL import Image

from klein_ui.uploads import MAX_PIXELS

READERS = frozenset({"PNG", "JPEG", "WEBP"})


def restrict() -> None:
    """Leave only `READERS`, and refuse what would inflate to more than the pixels of an upload."""
    # Otherwise Pillow would load the others as soon as a file is of none of these.
    Image.init()
    for kind in [kind for kind in Image.OPEN if kind not in READERS]:
        del Image.OPEN[kind]
    Image.ID[:] = [kind for kind in Image.ID if kind in READERS]
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    # Pillow raises by itself only at twice as many.
    warnings.filterwarnings("error", category=Image.DecompressionBombWarning)
