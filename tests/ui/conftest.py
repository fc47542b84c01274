"""Services over a scripted engine."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from klein_ui import settings
from klein_ui.dispatcher import Dispatcher
from klein_ui.engine.fake import FakeEngine
from klein_ui.loading import Source
from klein_ui.models import POSTCARD
from klein_ui.pacing import PacingSettings
from klein_ui.store import PictureStore
from klein_ui.ui.choices import Choices
from klein_ui.ui.services import Services
from klein_ui.ui.shelf import Shelf


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    """A started dispatcher over a quick fake engine; a prompt with “boom” fails."""
    engine = FakeEngine(render_s=0.0, fails_on="boom")
    source = Source(POSTCARD, lambda report: engine)
    dispatcher = Dispatcher(source, PacingSettings(settle_s=0.01))
    dispatcher.start()
    pictures = PictureStore(tmp_path / "pictures", 2**24, 2**24)
    choices = Choices((source,))
    yield Services(choices, dispatcher, settings.read([], {}), Shelf(2**24), pictures)
    dispatcher.stop()
