"""Replicas of the engines of the benches, in a Ray cluster of this machine. Needs Ray.

As a program it serves until its input ends; each line of that is another number of replicas.
"""

import argparse
import itertools
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from klein_ui.bench import engines
from klein_ui.bench.apps import AppError, free_port
from klein_ui.bench.engines import EngineSpec, load, row_of
from klein_ui.bench.sleeper import ORIGIN, Sleeper
from klein_ui.contract import Engine, Loras, Pictures
from klein_ui.loading import Report, Source
from klein_ui.serve.worker import Offer
from klein_ui.validate import asked

CPUS = 0.2
READY = "ready"
END_S = 30.0


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster that runs as the process `process`; apps reach it at `engine`."""

    process: "subprocess.Popen[str]"
    port: int

    @property
    def engine(self) -> str:
        """As `app.py --engine` takes it."""
        return f"ray://127.0.0.1:{self.port}"

    def scale(self, replicas: int) -> None:
        """Have so many replicas; returns once they are there. Raises `AppError`."""
        stdin = self.process.stdin
        if stdin is None or self.process.poll() is not None:
            raise AppError("the cluster is gone")
        print(replicas, file=stdin, flush=True)
        _await_ready(self.process)


@contextmanager
def cluster(spec: EngineSpec, replicas: int, port: int | None = None) -> Iterator[Cluster]:
    """Replicas of `spec`, in a process of its own; all of it ends with this. Raises `AppError`."""
    port = port or free_port()
    argv = ["-m", "klein_ui.bench.replicas", spec.name, str(replicas), str(port)]
    process = subprocess.Popen(
        [sys.executable, *argv],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    try:
        _await_ready(process)
        yield Cluster(process, port)
    finally:
        if process.stdin is not None and process.poll() is None:
            process.stdin.close()
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await_ready(process: "subprocess.Popen[str]") -> None:
    for line in process.stdout or ():
        if line.strip() == READY:
            return
    raise AppError("The cluster did not start; see the logs of Ray in /tmp/ray.")


def offer_of(spec: EngineSpec) -> Offer:
    """The engine of `spec`; the frames of one that sleeps say which process and load made them."""
    loads = itertools.count(1)

    def loaded(report: Report) -> Engine:
        if spec.render_ms is None:
            return load(spec)
        build = f"process {os.getpid()}, load {next(loads)}"
        return Sleeper(spec.render_ms / 1000, replace(ORIGIN, build=build))

    def offer(pictures: Pictures, loras: Loras) -> Source:
        row = row_of(spec)
        return Source(row, loaded, (asked({"prompt": "warm up"}, row).request,))

    return offer


def main(argv: Sequence[str]) -> int:
    """Serve; the exit status."""
    parser = argparse.ArgumentParser(prog="klein_ui.bench.replicas", description=__doc__)
    parser.add_argument("engine")
    parser.add_argument("replicas", type=int)
    parser.add_argument("port", type=int)
    chosen = parser.parse_args(argv)
    from klein_ui.serve import app, local

    spec = engines.spec_of(chosen.engine)
    row = row_of(spec)
    with local.cluster("127.0.0.1", chosen.port, cpus=None):
        for count in itertools.chain([chosen.replicas], map(int, sys.stdin)):
            wanted = app.Arguments(replicas=count, cpus=CPUS)
            local.run({row.name: app.bound(offer_of(spec), wanted)})
            print(READY, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
