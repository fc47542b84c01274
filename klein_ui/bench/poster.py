"""The contact sheet of the documentation: pictures of the built-in model, made anew."""

import io
import tempfile
from datetime import date
from functools import partial
from pathlib import Path

from PIL import Image

from klein_ui import validate
from klein_ui.contract import Frame, Hooks, Pixels, Progress, Stage
from klein_ui.engine import choosing, loader
from klein_ui.loras import LoraShelf
from klein_ui.provenance.export import Exporter
from klein_ui.provenance.record import record_of
from klein_ui.provenance.sheet import SheetFormat, SheetItem, sheet
from klein_ui.store import PictureStore

TITLE = "Postcards from nowhere"
PROMPTS = (
    "a red sun over the sea by day, watercolour",
    "a desert at sunset, an orange balloon, flat",
    "green hills at dawn, a white cottage, watercolour",
    "a forest in thick fog, monochrome",
    "a boat on the sea at night, crescent moon, neon",
    "mountains by day, a line drawing",
    "a yellow moon above blue mountains at night, watercolour",
    "a lonely house by the sea at dusk, flat",
    "a quiet lake in the early morning, a pink balloon",
    "a red heart over green hills at noon, pixel art",
    "a city at midnight, neon lights",
    "purple mountains in the evening, a golden sun",
)
SIDE_PX = 256
WIDTH_PX = 1240
QUALITY = 86


def save(path: Path) -> None:
    """Write the sheet to `path`, a WebP 1,240 pixels wide."""
    frames = drawn()
    items = [SheetItem(record_of(frame), partial(_pixels, frame)) for frame in frames]
    made = sheet(Exporter(), items, TITLE, date.today(), SheetFormat.PNG)
    with Image.open(io.BytesIO(made.data)) as page:
        height = round(page.height * WIDTH_PX / page.width)
        small = page.resize((WIDTH_PX, height), Image.Resampling.LANCZOS)
        small.save(path, quality=QUALITY)


def drawn() -> list[Frame]:
    """A frame of each prompt, with a seed of its own."""
    choice = choosing.resolve("postcard", "cpu", None)
    with tempfile.TemporaryDirectory() as folder:
        pictures = PictureStore(Path(folder) / "pictures", 2**28, 2**26)
        engine = loader.load(choice, 2**28, _unheard, pictures, LoraShelf(Path(folder) / "loras"))
        frames = []
        for number, prompt in enumerate(PROMPTS):
            fields = {"prompt": prompt, "seed": 3 + 7 * number}
            size = {"width": SIDE_PX, "height": SIDE_PX}
            asked = validate.asked({**fields, **size}, choice.row)
            frames.append(engine.render(asked.request, Stage.FINAL, Hooks()))
        engine.close()
    return frames


def _pixels(frame: Frame) -> Pixels:
    return frame.pixels


def _unheard(progress: Progress) -> None:
    """Nobody waits for it."""
