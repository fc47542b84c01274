"""`python -m klein_ui.serve`: replicas of a model on this machine, for `app.py --engine ray://…`."""

import argparse
import signal
import sys
from collections.abc import Sequence
from threading import Event

from klein_ui.contract import KleinError

NO_RAY = "The cluster needs Ray; install it with: pip install -r requirements-cluster.txt"


def main(argv: Sequence[str]) -> int:
    """Serve until interrupted; the exit status."""
    chosen = _parser().parse_args(argv)
    try:
        from klein_ui.serve import app, local
    except ModuleNotFoundError as error:
        if error.name != "ray":
            raise
        print(NO_RAY, file=sys.stderr)
        return 2
    fields = {name: value for name, value in vars(chosen).items() if name not in ("host", "port")}
    # Brings torch with it, which whoever lacks Ray should not wait for.
    from klein_ui.engine.device import choose

    try:
        # The cluster is this machine, so its replicas have what is here.
        fields["device"] = choose(chosen.device).name
        row, offer, arguments = app.chosen(app.Arguments(**fields))
    except KleinError as error:
        print(error, file=sys.stderr)
        return 2
    ends = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ends.set())
    with local.cluster(chosen.host, chosen.port):
        local.run({row.name: app.bound(offer, arguments)})
        print(
            f"{row.title} is drawn at ray://{chosen.host}:{chosen.port} (Ctrl-C ends it).",
            flush=True,
        )
        # A lock may not be taken by what a signal calls, so nothing is waited for for long.
        while not ends.wait(0.2):
            pass
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="klein_ui.serve", description=__doc__)
    add = parser.add_argument
    add("--replicas", type=int, default=1, help="how many at least (default: %(default)s)")
    add("--most-replicas", type=int, help="start more, up to so many, where these are busy")
    add("--model", default="auto", help="as for app.py (default: %(default)s)")
    add("--revision", help="as for app.py")
    add("--device", default="auto", help="as for app.py (default: %(default)s)")
    add("--memory", default="auto", help="as for app.py (default: %(default)s)")
    add("--cache-mb", type=int, default=512, help="caches of each (default: %(default)s)")
    add("--gpus", type=float, help="GPUs for each, or a part of one (default: 1 with CUDA)")
    add("--cpus", type=float, default=0.2, help="cores to count for each (default: %(default)s)")
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add("--port", type=int, default=8000, help="port to listen on (default: %(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
