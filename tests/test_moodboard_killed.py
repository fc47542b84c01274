"""SIGKILL at random points while somebody pins: what was acknowledged is there, whole."""

import io
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from klein_ui import provenance
from klein_ui.ledger import Ledger
from klein_ui.moodboard import Moodboard

from .kept import noise

ROOT = Path(__file__).resolve().parents[1]
LONGEST_S = 0.25
"""A pin takes some 10 ms, so this falls anywhere among two dozen of them."""


def killed(folder: Path, first: int, chance: random.Random) -> list[list[str]]:
    """Start pinning with seed `first`, kill at some moment; what was acknowledged."""
    command = [sys.executable, "-m", "tests.pin_until_killed", str(folder), str(first)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        time.sleep(chance.uniform(0, LONGEST_S))
        child.kill()
        # A line that was cut was not acknowledged.
        lines = child.stdout.read().splitlines(keepends=True)
    return [line.split() for line in lines if line.endswith("\n")]


def check(folder: Path, seeds: dict[str, int], deleted: set[str], last: str | None) -> None:
    ledger = Ledger(folder)
    board = Moodboard(ledger)
    assert ledger.notice == ""
    (verdict,) = ledger.rows("PRAGMA integrity_check")
    assert verdict[0] == "ok"
    found = [pin for each in board.boards("me") for pin in board.pins("me", each.id)]
    ids = {pin.id for pin in found}
    assert len(ids) == len(found)
    # The deletion of the last one may have happened without a word.
    missing = set(seeds) - deleted - ids
    assert missing <= {last}
    assert not ids & deleted
    assert len({pin.position for pin in found}) == len(found)
    for pin in found:
        with Image.open(io.BytesIO(board.picture("me", pin.id))) as picture:
            assert provenance.request_from(picture.info[provenance.CHUNK]) == pin.request
            assert np.array_equal(np.array(picture), noise(pin.request.seed))
        assert seeds.get(pin.id, pin.request.seed) == pin.request.seed
    ledger.close()


def kill_again_and_again(folder: Path, kills: int) -> int:
    chance = random.Random(6)
    seeds: dict[str, int] = {}
    deleted: set[str] = set()
    first = 1
    for _ in range(kills):
        last: str | None = None
        for word, pin_id, seed in killed(folder, first, chance):
            seeds[pin_id], last = int(seed), pin_id
            if word == "deleted":
                deleted.add(pin_id)
        check(folder, seeds, deleted, last)
        if last is not None and last not in deleted:
            ledger = Ledger(folder)
            known = ledger.rows("SELECT 1 FROM pins WHERE id = ? AND deleted_at IS NULL", (last,))
            if not known:
                deleted.add(last)
            ledger.close()
        first = max(seeds.values(), default=0) + 2
    return len(seeds)


def test_twenty_kills_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    assert kill_again_and_again(tmp_path, 20) > 20


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_two_hundred_kills_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    assert kill_again_and_again(tmp_path, 200) > 200
