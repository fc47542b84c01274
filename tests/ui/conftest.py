"""Services over a scripted engine."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from klein_ui import settings
from klein_ui.contract import EngineFailed, InvalidLora, Progress
from klein_ui.dispatcher import Dispatcher
from klein_ui.engine.fake import FakeEngine
from klein_ui.history import History
from klein_ui.ledger import Ledger
from klein_ui.loading import Report, Source
from klein_ui.loras import LoraShelf
from klein_ui.models import POSTCARD
from klein_ui.moodboard import Moodboard
from klein_ui.pacing import PacingSettings
from klein_ui.provenance.export import Exporter
from klein_ui.store import PictureStore
from klein_ui.ui.choices import Choices
from klein_ui.ui.services import Services
from klein_ui.ui.shelf import Shelf

OTHER = replace(
    POSTCARD,
    name="other",
    title="Other",
    max_steps=4,
    default_side=192,
    max_side=256,
    max_area=256 * 256,
)
ABSENT = replace(POSTCARD, name="absent", title="Absent")


def absent(report: Report) -> FakeEngine:
    """What happens without a network."""
    raise EngineFailed("The hub cannot be reached; connect and try again.")


def scripted_fetch(hub_id: str, report: Report, folder: Path) -> str:
    """A hub with one LoRA, “alice/ink”, and a way there that breaks for “broken/way”."""
    report(Progress("downloading", f"Downloading {hub_id}…"))
    if hub_id == "broken/way":
        raise ValueError("no sentence of this reaches anybody")
    if hub_id != "alice/ink":
        raise InvalidLora(f"The hub has no LoRA “{hub_id}”; check the name.")
    report(Progress("downloading", "Downloading ink: 6 of 12 MB", 0.5))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ink.safetensors").write_bytes(b"12345")
    return "ink"


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    """A started dispatcher over a quick fake engine; a prompt with “boom” fails.

    Of the models beside postcard, “other” has smaller limits, and “absent” cannot be loaded.
    """
    engine = FakeEngine(render_s=0.0, fails_on="boom")
    source = Source(POSTCARD, lambda report: engine)
    others = (Source(OTHER, lambda report: engine), Source(ABSENT, absent))
    dispatcher = Dispatcher(source, PacingSettings(settle_s=0.01))
    dispatcher.start()
    pictures = PictureStore(tmp_path / "pictures", 2**24, 2**24)
    choices = Choices((source, *others))
    loras = LoraShelf(tmp_path / "loras")

    def fetch(hub_id: str, report: Report) -> str:
        return scripted_fetch(hub_id, report, loras.folder)

    shelf = Shelf(2**24)
    chosen = settings.read([], {})
    ledger = Ledger(tmp_path / "kept")
    made = Services(
        choices,
        dispatcher,
        chosen,
        shelf,
        pictures,
        loras,
        fetch,
        Exporter(),
        ledger,
        History(ledger),
        Moodboard(ledger),
    )
    yield made
    dispatcher.stop()
    made.close()
