"""Apps under test, each in a process of its own, spoken to over a pipe."""

import logging
import multiprocessing
import os
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from klein_ui.bench.engines import EngineSpec, load, row_of
from klein_ui.bench.records import Record, Recorder
from klein_ui.bench.watched import Watched

APPS = ("ours", "plain", "tuned")
START_TIMEOUT_S = 180.0
STOP_TIMEOUT_S = 15.0


class AppError(Exception):
    """An app under test did not start; the text is the end of what it printed."""


@dataclass(frozen=True, slots=True)
class RunningApp:
    """An app that serves at `url`, as the process `pid`."""

    url: str
    pipe: Connection
    pid: int

    def take(self) -> Record:
        """What its server did since the last call."""
        self.pipe.send("take")
        record: Record = self.pipe.recv()
        return record


@contextmanager
def running(app: str, spec: EngineSpec, cluster: str = "") -> Iterator[RunningApp]:
    """Start `app` with the engine of `spec`, and end it afterwards. Raises `AppError`.

    The app `cluster` has it at the address `cluster`."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    with tempfile.TemporaryDirectory(prefix="klein-bench-") as folder:
        printed = Path(folder) / "printed.txt"
        process = context.Process(
            target=_serve, args=(app, spec, folder, str(printed), theirs, cluster)
        )
        process.start()
        theirs.close()
        try:
            yield RunningApp(_url(ours, printed), ours, process.pid or 0)
        finally:
            ours.close()
            process.join(STOP_TIMEOUT_S)
            if process.is_alive():
                process.kill()
                process.join()


def _url(pipe: Connection, printed: Path) -> str:
    try:
        if pipe.poll(START_TIMEOUT_S):
            return str(pipe.recv())
    except EOFError:
        pass
    raise AppError(printed.read_text(errors="replace")[-2000:] or "it printed nothing")


def _serve(
    app: str, spec: EngineSpec, folder: str, printed: str, pipe: Connection, cluster: str
) -> None:
    """The child process: serve until the pipe closes."""
    _print_into(printed)
    # Read while gradio is imported, which therefore comes after it.
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["GRADIO_TEMP_DIR"] = folder
    recorder = Recorder()
    starts: dict[str, Callable[[], tuple[str, Callable[[], None]]]] = {
        "ours": lambda: _ours(spec, recorder, Path(folder)),
        "plain": lambda: _plain(spec, recorder, is_tuned=False),
        "cluster": lambda: _cluster(spec, recorder, Path(folder), cluster),
        "tuned": lambda: _plain(spec, recorder, is_tuned=True),
    }
    url, stop = starts[app]()
    pipe.send(url)
    try:
        while pipe.recv() == "take":
            pipe.send(recorder.take())
    except EOFError:
        stop()


def _ours(spec: EngineSpec, recorder: Recorder, folder: Path) -> tuple[str, Callable[[], None]]:
    from klein_ui.bench import our_app

    return our_app.start(spec, recorder, folder, free_port())


def _cluster(
    spec: EngineSpec, recorder: Recorder, folder: Path, cluster: str
) -> tuple[str, Callable[[], None]]:
    from klein_ui.bench import our_app
    from klein_ui.bench.photos import Album
    from klein_ui.loras import LoraShelf
    from klein_ui.serve import remote

    source = remote.source(cluster, row_of(spec), Album(), LoraShelf(folder / "loras"))
    return our_app.start_with(source, recorder, folder, free_port())


def _plain(
    spec: EngineSpec, recorder: Recorder, *, is_tuned: bool
) -> tuple[str, Callable[[], None]]:
    from klein_ui.bench import plain_app

    row = row_of(spec)
    engine = Watched(load(spec), recorder)
    studio = plain_app.Studio(engine, row, recorder)
    engine.warm_up(plain_app.request(row, "warm up"))
    demo = plain_app.tuned(studio) if is_tuned else plain_app.plain(studio)
    demo.launch(
        server_name="127.0.0.1", server_port=free_port(), prevent_thread_lock=True, quiet=True
    )
    return str(demo.local_url), demo.close


def free_port() -> int:
    """A TCP port of this machine that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _print_into(path: str) -> None:
    """Send all that this process and its libraries print into a file."""
    target = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
        os.dup2(target, stream.fileno())
    logging.basicConfig(level=logging.WARNING)
