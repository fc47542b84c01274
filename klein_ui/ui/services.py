"""What every tab, socket and endpoint of the page works with."""

from dataclasses import dataclass

from klein_ui.dispatcher import Dispatcher
from klein_ui.models import ModelRow
from klein_ui.settings import Settings
from klein_ui.store import PictureStore
from klein_ui.ui.choices import Choices
from klein_ui.ui.shelf import Shelf


@dataclass(frozen=True, slots=True)
class Services:
    """The one engine behind the page and the models it may have, where finished frames wait to be
    fetched, and where the images of the gallery are kept."""

    choices: Choices
    dispatcher: Dispatcher
    settings: Settings
    shelf: Shelf
    pictures: PictureStore

    @property
    def row(self) -> ModelRow:
        """The model of the moment: ask each time, it may be another one now."""
        return self.dispatcher.row
