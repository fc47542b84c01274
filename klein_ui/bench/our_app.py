"""Klein Live itself as an app under test: its own page, dispatcher and socket."""

import time
from collections.abc import Callable
from pathlib import Path

from klein_ui.bench.engines import EngineSpec, load, row_of
from klein_ui.bench.records import Recorder
from klein_ui.bench.stamp import number_of
from klein_ui.bench.watched import Watched
from klein_ui.contract import Asked
from klein_ui.dispatcher import Dispatcher
from klein_ui.engine.lora_download import fetch_lora
from klein_ui.history import History
from klein_ui.ledger import Ledger
from klein_ui.loading import READY, Source
from klein_ui.loras import LoraShelf
from klein_ui.moodboard import Moodboard
from klein_ui.pacing import PacingSettings
from klein_ui.provenance.export import Exporter
from klein_ui.settings import read
from klein_ui.store import PictureStore
from klein_ui.ui import page
from klein_ui.ui.choices import Choices
from klein_ui.ui.services import Services
from klein_ui.ui.shelf import Shelf
from klein_ui.validate import asked

SHELF_BYTES = 64 * 2**20
PICTURES_BYTES = 64 * 2**20
POLL_S = 0.05


class NotingDispatcher(Dispatcher):
    """The dispatcher, noting when each request came."""

    recorder: Recorder

    def submit(self, name: str, asked: Asked, seq: int) -> None:
        """Note the time, then go on as ever."""
        self.recorder.submitted(number_of(asked.request.prompt))
        super().submit(name, asked, seq)


def start(
    spec: EngineSpec, recorder: Recorder, folder: Path, port: int
) -> tuple[str, Callable[[], None]]:
    """Serve the page with the engine of `spec`, without a grace period; its address, and an end."""
    row = row_of(spec)
    first = asked({"prompt": "warm up"}, row)
    source = Source(row, lambda _: Watched(load(spec), recorder), (first.request, *first.drafts))
    return start_with(source, recorder, folder, port)


def start_with(
    source: Source, recorder: Recorder, folder: Path, port: int
) -> tuple[str, Callable[[], None]]:
    """The same with the engine of `source`."""
    dispatcher = NotingDispatcher(source, PacingSettings(grace_s=0.0))
    dispatcher.recorder = recorder
    dispatcher.start()
    while dispatcher.progress.phase not in (READY.phase, "failed"):
        time.sleep(POLL_S)
    flags = ["--port", str(port), "--data-dir", str(folder), "--grace-ms", "0"]
    pictures = PictureStore(folder / "pictures", PICTURES_BYTES, PICTURES_BYTES)
    loras = LoraShelf(folder / "loras")
    ledger = Ledger(folder / "kept")
    services = Services(
        Choices((source,)),
        dispatcher,
        read(flags, environ={}),
        Shelf(SHELF_BYTES),
        pictures,
        loras,
        lambda hub_id, report: fetch_lora(hub_id, loras.folder, report),
        Exporter(),
        ledger,
        History(ledger),
        Moodboard(ledger),
    )
    served = page.launch(page.build(services), services, block_thread=False)

    def end() -> None:
        dispatcher.stop()
        services.close()

    return served.url, end
