"""What every tab, socket and endpoint of the page works with."""

from collections.abc import Callable
from dataclasses import dataclass, field

from klein_ui.dispatcher import Dispatcher
from klein_ui.history import History
from klein_ui.ledger import Ledger
from klein_ui.limits import MOST_CALLS, MOST_CALLS_OF_ADDRESS, Limits, Places
from klein_ui.loading import Report
from klein_ui.loras import LoraShelf
from klein_ui.models import ModelRow
from klein_ui.moodboard import Moodboard
from klein_ui.provenance.export import Exporter
from klein_ui.seal import Seal
from klein_ui.settings import Settings
from klein_ui.store import PictureStore
from klein_ui.ui.choices import Choices
from klein_ui.ui.shelf import Shelf

FetchLora = Callable[[str, Report], str]
"""Puts the LoRA with a hub id among the others, telling how far it is; the name it has there.

Raises `KleinError`. It may take minutes, and more than one at a time may be asked for.
"""


@dataclass(frozen=True, slots=True)
class Services:
    """The one engine behind the page and the models it may have, where finished frames wait to be
    fetched, where the images of the gallery are kept, the LoRAs there are and may be, how pictures
    leave, where what was typed is kept, where what somebody pinned is, how much one address may ask
    for, also at once by programs, and what the cookies are signed with."""

    choices: Choices
    dispatcher: Dispatcher
    settings: Settings
    shelf: Shelf
    pictures: PictureStore
    loras: LoraShelf
    fetch_lora: FetchLora
    exporter: Exporter
    ledger: Ledger
    history: History
    moodboard: Moodboard
    limits: Limits = field(default_factory=Limits)
    calls: Places = field(default_factory=lambda: Places(MOST_CALLS_OF_ADDRESS, MOST_CALLS))
    seal: Seal = field(default_factory=Seal)

    @property
    def row(self) -> ModelRow:
        """The model of the moment: ask each time, it may be another one now."""
        return self.dispatcher.row

    def close(self, timeout_s: float = 10.0) -> bool:
        """Write what waits to be kept, and let go of its files; False if that took too long."""
        written = self.history.close(timeout_s)
        # Another thread may write on where a disk takes too long, so it keeps its files.
        if written:
            self.ledger.close()
        return written
