"""A disk that is full or read-only stops the keeping, says so once, and never the pictures."""

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from klein_ui.history import History
from klein_ui.ledger import Ledger
from klein_ui.ui import socket
from klein_ui.ui.services import Services

from ..kept import fill, mounted, read_only
from .test_history_routes import SESSION, client_of, states
from .test_socket import ask, next_frame


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "disk", "size=4m") as folder:
        yield folder


def _full(folder: Path) -> Callable[[], None]:
    fill(folder / "ballast")
    return (folder / "ballast").unlink


def _read_only(folder: Path) -> Callable[[], None]:
    read_only(folder)
    again = ["mount", "-o", "remount,rw", str(folder)]

    def mend() -> None:
        subprocess.run(again, check=True)

    return mend


# A disk whose index is open does not become read-only, so that one is so from the start.
@pytest.mark.parametrize(("spoil", "first"), [(_full, ["before"]), (_read_only, [])])
def test_the_live_loop_goes_on_and_what_comes_after_is_kept(
    services: Services, disk: Path, spoil: Callable[[Path], Callable[[], None]], first: list[str]
) -> None:
    ledger = Ledger(disk)
    own = replace(services, ledger=ledger, history=History(ledger))
    with client_of(own) as client, client.websocket_connect(socket.SOCKET_PATH) as page:
        seq = 0
        troubles: list[str] = []

        def typed(prompt: str) -> None:
            nonlocal seq
            seq += 1
            ask(page, seq, prompt, session=SESSION)
            header, _ = next_frame(page)
            while header["seq"] != seq or header["stage"] != "final":
                header, _ = next_frame(page)
            troubles.append(str(header.get("trouble", "")))
            own.history.flush()

        for prompt in first:
            typed(prompt)
        mend = spoil(disk)
        for prompt in ("one", "two", "three", "four"):
            typed(prompt)
        said = [sentence for sentence in troubles if sentence]
        assert len(said) == 1
        assert said[0].endswith(".")
        mend()
        typed("after")
        typed("later")
        assert own.history.status().sentence == ""
        found = [state["prompt"] for state in states(client)]
        assert found[: len(first)] == first
        assert found[-2:] == ["after", "later"]
        assert "two" not in found
    own.close()
