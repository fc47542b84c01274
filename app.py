"""Klein Live: type, and the picture follows every letter. Run `python app.py --help`."""

import errno
import logging
import os
import socket
import sys
from dataclasses import replace

# Read when gradio is imported: nothing about the user leaves this machine.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
# Read when torch is imported: threads that spin while they wait stand still on a busy machine.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from klein_ui import models, pacing, settings, validate
from klein_ui.contract import KleinError, Request
from klein_ui.dispatcher import Dispatcher
from klein_ui.engine import backends, decoder, loader, lora_download, safety
from klein_ui.history import History
from klein_ui.ledger import Ledger
from klein_ui.loading import Report, Source
from klein_ui.loras import LoraShelf
from klein_ui.models import ModelRow
from klein_ui.moodboard import Moodboard
from klein_ui.provenance.export import exporter
from klein_ui.store import PictureStore
from klein_ui.ui import page
from klein_ui.ui.choices import Choices
from klein_ui.ui.services import Services
from klein_ui.ui.shelf import Shelf

WARM_UP_STEPS = 4
SHELF_BYTES = 128 * 2**20
PICTURES_DISK_BYTES = 2 * 2**30
PICTURES_MEMORY_BYTES = 128 * 2**20


def services_for(chosen: settings.Settings) -> Services:
    """Settings to engine to dispatcher. Raises `EngineFailed` for a model that is not there."""
    choice = replace(
        loader.resolve(chosen.model, chosen.device, chosen.revision, chosen.memory),
        trims_text=chosen.trim_text,
        small_decoder=decoder.named(chosen.small_decoder),
        asks_once=chosen.keep_image_keys,
        attention=chosen.attention,
    )
    backends.check(choice.attention, choice.device.name)
    pictures = PictureStore(
        chosen.data_dir / "pictures", PICTURES_DISK_BYTES, PICTURES_MEMORY_BYTES
    )
    loras = LoraShelf(chosen.data_dir / "loras")

    def source(row: ModelRow) -> Source:
        of_row = replace(choice, row=row)
        asked = validate.asked({}, row)
        return Source(
            row,
            lambda report: loader.load(of_row, chosen.cache_mb * 2**20, report, pictures, loras),
            tuple(quick(request) for request in (*asked.drafts[:1], asked.request)),
        )

    choices = Choices(tuple(map(source, models.offered(choice.row))))
    dispatcher = Dispatcher(
        choices.named(choice.row.name),
        settings=pacing.PacingSettings(
            settle_s=chosen.settle_ms / 1000,
            grace_s=chosen.grace_ms / 1000,
            staleness_s=chosen.staleness_ms / 1000,
        ),
    )

    def fetch_lora(hub_id: str, report: Report) -> str:
        return lora_download.fetch_lora(hub_id, loras.folder, report)

    shelf = Shelf(SHELF_BYTES)
    leaving = exporter(chosen, safety.load)
    ledger = Ledger(chosen.data_dir / "kept")
    return Services(
        choices,
        dispatcher,
        chosen,
        shelf,
        pictures,
        loras,
        fetch_lora,
        leaving,
        ledger,
        History(ledger),
        Moodboard(ledger),
    )


def quick(request: Request) -> Request:
    """Warms up the same shapes; what more steps take is forecast from these."""
    return replace(request, steps=min(request.steps, WARM_UP_STEPS))


def main(argv: list[str]) -> int:
    """Serve until interrupted; the exit status."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    chosen = settings.read(argv)
    temporary = chosen.data_dir / "temporary"
    try:
        temporary.mkdir(parents=True, exist_ok=True)
    except OSError:
        return refuse(f"“{chosen.data_dir}” cannot be written; choose another with --data-dir.")
    # Read by gradio at each upload and download.
    os.environ["GRADIO_TEMP_DIR"] = str(temporary)
    problem = cannot_listen(chosen.host, chosen.port)
    if problem is not None:
        return refuse(problem)
    try:
        services = services_for(chosen)
    except KleinError as error:
        return refuse(str(error))
    blocks = page.build(services)
    served = page.launch(blocks, services, block_thread=False)
    print(f"Klein Live is at {served.url} (Ctrl-C ends it).", flush=True)
    services.dispatcher.start()
    try:
        blocks.block_thread()
    finally:
        stopped = services.dispatcher.stop()
        services.close()
        if not stopped:
            # A download in progress holds the interpreter until it ends; it goes on next time.
            os._exit(0)
    return 0


def cannot_listen(host: str, port: int) -> str | None:
    """Why this machine cannot listen there, in one sentence; None if it can."""
    try:
        with socket.create_server((host, port), family=_family(host)):
            return None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return f"Port {port} is taken; choose another with --port."
        if error.errno == errno.EACCES:
            return f"Port {port} is not yours to use; choose one above 1023 with --port."
        return f"This machine has no address “{host}”; choose another with --host."


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def refuse(sentence: str) -> int:
    """Say why the app does not start."""
    print(sentence, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
