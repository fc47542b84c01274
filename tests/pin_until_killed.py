"""A process that pins, arranges and deletes until it is killed, and prints what is acknowledged."""

import itertools
import sys
from pathlib import Path

from klein_ui.ledger import Ledger
from klein_ui.moodboard import Moodboard
from tests.kept import frame


def main(folder: str, first: str) -> None:
    board = Moodboard(Ledger(Path(folder)))
    print("ready", flush=True)  # noqa: T201
    for seed in itertools.count(int(first)):
        pin = board.pin("me", frame(f"{seed} 夜", seed=seed))
        print("pinned", pin.id, seed, flush=True)  # noqa: T201
        if seed % 3 == 0:
            first_id = next(p.id for p in board.pins("me", pin.board) if p.id != pin.id)
            board.place("me", [pin.id], pin.board, before=first_id)
        if seed % 7 == 0:
            board.delete("me", [pin.id])
            print("deleted", pin.id, seed, flush=True)  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
