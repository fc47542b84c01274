"""Klein Live: type, and the picture follows every letter. Run `python app.py --help`."""

import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from threading import Thread

# Read when gradio is imported: nothing about the user leaves this machine.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
# Read when torch is imported: threads that spin while they wait stand still on a busy machine.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from klein_ui import lasting

if __name__ == "__main__":
    lasting.begin()

from klein_ui.contract import Engine, EngineFailed, KleinError, Progress, Request
from klein_ui.serve import zero_start

try:
    zero_start.stand_in()
except KleinError as error:
    sys.exit(str(error))

from klein_ui import (
    access,
    flags,
    listening,
    logs,
    models,
    pacing,
    pins,
    restarts,
    seal,
    settings,
    states,
    validate,
)
from klein_ui.access import Demand
from klein_ui.dispatcher import Dispatcher
from klein_ui.engine import backends, choosing, decoder, lora_download
from klein_ui.history import History
from klein_ui.ledger import Ledger
from klein_ui.loading import Report, Source
from klein_ui.loras import LoraShelf
from klein_ui.models import ModelRow
from klein_ui.moodboard import Moodboard
from klein_ui.provenance.export import exporter
from klein_ui.safety import Check
from klein_ui.serve import remote
from klein_ui.store import PictureStore
from klein_ui.ui import metrics, page
from klein_ui.ui.choices import Choices
from klein_ui.ui.services import Services
from klein_ui.ui.shelf import Shelf
from klein_ui.visitors import Visitors

WARM_UP_STEPS = 4
SHELF_BYTES = 128 * 2**20
PICTURES_DISK_BYTES = 2 * 2**30
PICTURES_MEMORY_BYTES = 128 * 2**20

DRAIN_S, DISMISS_S, STOP_S, WRITE_S, CLOSE_S = 4.5, 1.0, 1.5, 1.0, 1.0
"""How long the end may take: to finish pictures, let pages go, stop the engine, write, close. All
of it within the ten seconds that containers are given."""
POLL_S = 0.1
GIVEN_UP = "The graphics device fails again and again; restart the computer, or use --device cpu."


@dataclass(slots=True)
class Ending:
    """Why the app is to end: it was told to, or the device is lost."""

    told: bool = False
    lost: bool = False

    def hear(self) -> None:
        """Listen to SIGTERM and Ctrl-C; the second one ends at once."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._tell)

    def lose(self) -> None:
        """The engine can do nothing more in this process."""
        self.lost = True

    def wait(self) -> None:
        """Until there is a reason."""
        # A lock may not be taken by what a signal calls, so nothing is waited for.
        while not (self.told or self.lost):
            time.sleep(POLL_S)

    def _tell(self, number: int, frame: object) -> None:
        self.told = True
        signal.signal(number, signal.SIG_DFL)


def services_for(chosen: settings.Settings, lost: Callable[[], object] = lambda: None) -> Services:
    """Settings to engine to dispatcher, which calls `lost` when only a new process can help.

    Raises `EngineFailed` for a model that is not there, and `KleinError` for a key of the cookies
    that is none.
    """
    pictures = PictureStore(
        chosen.data_dir / "pictures", PICTURES_DISK_BYTES, PICTURES_MEMORY_BYTES
    )
    loras = LoraShelf(chosen.data_dir / "loras")
    visitors = Visitors() if chosen.zero_gpu else None
    if visitors is not None:
        choices, first = lent_model(chosen, pictures, loras, visitors)
    elif chosen.engine == flags.LOCAL:
        choices, first = local_models(chosen, pictures, loras)
    else:
        choices, first = cluster_models(chosen, pictures, loras)
    dispatcher = Dispatcher(
        choices.named(first),
        settings=pacing.PacingSettings(
            settle_s=chosen.settle_ms / 1000,
            grace_s=chosen.grace_ms / 1000,
            staleness_s=chosen.staleness_ms / 1000,
            drafts=not chosen.zero_gpu,
        ),
        lost=lost,
        visitors=visitors,
    )

    def fetch_lora(hub_id: str, report: Report) -> str:
        return lora_download.fetch_lora(hub_id, loras.folder, report)

    shelf = Shelf(SHELF_BYTES)
    leaving = exporter(chosen, safety_check)
    ledger = Ledger(chosen.data_dir / "kept")
    typed, kept = (
        (states.STRANGERS, pins.STRANGERS) if chosen.is_public else (states.Bounds(), pins.Bounds())
    )
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
        History(ledger, typed),
        Moodboard(ledger, kept),
        seal=seal.opened(chosen.data_dir / "cookies.key"),
    )


def say(progress: Progress) -> None:
    """How far a loading is, before there is a page to say it."""
    logging.getLogger(__name__).info("%s", progress.sentence)


def chosen_model(chosen: settings.Settings) -> choosing.Choice:
    """The model that was asked for, and how. Raises `EngineFailed`."""
    choice = replace(
        choosing.resolve(chosen.model, chosen.device, chosen.revision, chosen.memory),
        trims_text=chosen.trim_text,
        small_decoder=decoder.named(chosen.small_decoder),
        asks_once=chosen.keep_image_keys,
        attention=chosen.attention,
    )
    backends.check(choice.attention, choice.device.name)
    return choice


def loaded(
    choice: choosing.Choice,
    cache_bytes: int,
    report: Report,
    pictures: PictureStore,
    loras: LoraShelf,
) -> Engine:
    """The engine of `choice`. Raises `EngineFailed`."""
    return load_function()(choice, cache_bytes, report, pictures, loras)


@cache
def load_function() -> Callable[[choosing.Choice, int, Report, PictureStore, LoraShelf], Engine]:
    """What loads engines. It brings diffusers along, seconds after the page is up."""
    with lasting.lasting():
        from klein_ui.engine import loader

    logs.tame()
    return loader.load


def safety_check(folder: Path) -> Check:
    """The check in `folder`. Raises `EngineFailed`."""
    # Brings transformers with it, for those who want a check.
    from klein_ui.engine import safety

    logs.tame()
    return safety.load(folder)


def lent_model(
    chosen: settings.Settings, pictures: PictureStore, loras: LoraShelf, visitors: Visitors
) -> tuple[Choices, str]:
    """The one model of a Space on ZeroGPU: there before the page is, and for good. Raises
    `EngineFailed`."""
    # Here diffusers has to come before the page: so do the weights.
    from klein_ui.serve import zero_place

    choice = chosen_model(chosen)
    cache_bytes = chosen.cache_mb * 2**20
    engine = zero_place.place(choice, cache_bytes, say, pictures, loras, visitors.of)
    visitors.tell(engine.unwanted)
    return Choices((Source(choice.row, lambda report: engine),)), choice.row.name


def local_models(
    chosen: settings.Settings, pictures: PictureStore, loras: LoraShelf
) -> tuple[Choices, str]:
    """What this process can draw with, and the name of what it begins with. Raises
    `EngineFailed`."""
    choice = chosen_model(chosen)

    def source(row: ModelRow) -> Source:
        of_row = replace(choice, row=row)
        asked = validate.asked({}, row)
        return Source(
            row,
            lambda report: loaded(of_row, chosen.cache_mb * 2**20, report, pictures, loras),
            tuple(quick(request) for request in (*asked.drafts[:1], asked.request)),
        )

    return Choices(tuple(map(source, models.offered(choice.row)))), choice.row.name


def cluster_models(
    chosen: settings.Settings, pictures: PictureStore, loras: LoraShelf
) -> tuple[Choices, str]:
    """What the cluster draws with, and the name of what is begun with: its first model where none
    was chosen. Where a known one was, the cluster may come later. Raises `EngineFailed`."""
    try:
        rows = remote.offered(chosen.engine)
    except EngineFailed:
        if chosen.model not in models.names():
            raise
        rows = (models.get(chosen.model),)
    names = [row.name for row in rows]
    first = names[0] if chosen.model == "auto" else chosen.model
    if first not in names:
        there = ", ".join(names)
        raise EngineFailed(f"The cluster has no model “{first}”; choose one of {there}.")
    found = (remote.source(chosen.engine, row, pictures, loras) for row in rows)
    return Choices(tuple(found)), first


def quick(request: Request) -> Request:
    """Warms up the same shapes; what more steps take is forecast from these."""
    return replace(request, steps=min(request.steps, WARM_UP_STEPS))


def main(argv: list[str]) -> int:
    """Serve until interrupted; the exit status."""
    chosen = settings.read(argv)
    logs.configure(chosen.log)
    temporary = chosen.data_dir / "temporary"
    try:
        temporary.mkdir(parents=True, exist_ok=True)
    except OSError:
        return refuse(f"“{chosen.data_dir}” cannot be written; choose another with --data-dir.")
    # Read by gradio at each upload and download.
    os.environ["GRADIO_TEMP_DIR"] = str(temporary)
    problem = listening.cannot(chosen.host, chosen.port)
    if problem is not None:
        return refuse(problem)
    ending = Ending()
    try:
        metrics.check(chosen.metrics)
        chosen = with_token(chosen)
        if chosen.logins is not None:
            access.logins(chosen.logins)
        services = services_for(chosen, ending.lose)
    except KleinError as error:
        return refuse(str(error))
    blocks = page.build(services)
    # Before anybody can see that the app is there, and end it.
    ending.hear()
    page.launch(blocks, services, block_thread=False)
    logs.tame()
    lasting.end()
    lines = listening.welcome(chosen, listening.addresses(chosen.host))
    print("\n".join(lines), flush=True)
    services.dispatcher.start()
    again = wait(services, ending)
    ended = end(services, lambda: blocks.close(verbose=False))
    if again is not None:
        begin_anew(again, chosen.token)
    if not ended:
        # A download in progress holds the interpreter until it ends; it goes on next time.
        os._exit(0)
    return 0


def wait(services: Services, ending: Ending) -> tuple[float, ...] | None:
    """Serve until the app has to end; when it began anew by itself, this time among them, or None
    if it is not to. Where it did so too often it stays, says so to everybody, and is unhealthy."""
    while True:
        ending.wait()
        if ending.told:
            return None
        again = restarts.after(restarts.parsed(settings.restarted()), time.time())
        if again is not None:
            return again
        services.dispatcher.give_up(GIVEN_UP)
        ending.lost = False


def end(services: Services, close: Callable[[], object]) -> bool:
    """Finish what was asked for, tell the pages, stop, write, and `close` the server, each for as
    long as there is time; False where something could not be ended."""
    services.dispatcher.drain(DRAIN_S)
    services.dispatcher.dismiss(DISMISS_S)
    stopped = services.dispatcher.stop(STOP_S)
    written = services.close(WRITE_S)
    closing = Thread(target=close, name="close", daemon=True)
    closing.start()
    closing.join(CLOSE_S)
    return stopped and written and not closing.is_alive()


def begin_anew(times: tuple[float, ...], token: str | None) -> None:
    """Become a new process of the same command, which is told of the restarts at `times`, and of
    the `token` that open pages were let in with."""
    logging.getLogger(__name__).warning("the app begins anew")
    logging.shutdown()
    sys.stdout.flush()
    kept = {} if token is None else {settings.TOKEN: token}
    environ = {**os.environ, **kept, settings.RESTARTED: restarts.written(times)}
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environ)  # noqa: S606


def with_token(chosen: settings.Settings) -> settings.Settings:
    """The settings with the token of the data folder, made at the first start, where one is
    demanded and none was given. Raises `KleinError`."""
    if access.demand(chosen) is not Demand.TOKEN or chosen.token is not None:
        return chosen
    return replace(chosen, token=access.kept_token(chosen.data_dir / "token"))


def refuse(sentence: str) -> int:
    """Say why the app does not start."""
    print(sentence, file=sys.stderr)
    return 2


def run(argv: list[str]) -> int:
    """`main`, in a process that is for nothing else."""
    status = main(argv)
    # Else Python looks through all that there is before it ends, for more than a second.
    lasting.end()
    return status


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
