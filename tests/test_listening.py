"""Where the app says that it is, and to whom."""

from pathlib import Path

import pytest

from app import with_token
from klein_ui import settings
from klein_ui.listening import addresses, let_in, welcome


def test_a_network_is_told_the_token_and_this_machine_needs_none(tmp_path: Path) -> None:
    there = settings.read(["--host", "0.0.0.0", "--data-dir", str(tmp_path)], {})
    chosen = with_token(there)
    assert with_token(there).token == chosen.token
    assert chosen.token is not None
    lines = welcome(chosen, ("localhost", "192.168.1.7"))
    query = f":7860/?token={chosen.token}"
    assert lines[0] == f"Klein Live is at http://localhost{query} (Ctrl-C ends it)."
    assert lines[1] == f"From other machines it is at http://192.168.1.7{query}"
    own = with_token(settings.read([], {}))
    assert own.token is None
    assert welcome(own, addresses(own.host)) == [
        "Klein Live is at http://127.0.0.1:7860/ (Ctrl-C ends it).",
        "It answers to this machine alone, to all who use it, without a token.",
    ]


@pytest.mark.parametrize(
    ("argv", "environ", "says"),
    [
        (["--host", "::"], {}, "the network, and asks for the token"),
        (["--token", "t" * 16], {}, "this machine, and asks for the token"),
        (["--host", "::", "--logins", __file__], {}, "asks for one of the logins"),
        (["--open"], {}, "open to everybody who reaches it (--open)"),
        ([], {"SPACE_ID": "a/b", "GRADIO_SERVER_NAME": "0.0.0.0"}, "this is a Space"),
    ],
)
def test_the_start_says_who_may_come_in(
    argv: list[str], environ: dict[str, str], says: str, tmp_path: Path
) -> None:
    folder = ["--data-dir", str(tmp_path)]
    assert says in let_in(with_token(settings.read([*argv, *folder], environ)))


def test_addresses_are_those_a_browser_takes() -> None:
    assert addresses("::1") == ("[::1]",)
    assert addresses("10.1.2.3") == ("10.1.2.3",)
    assert addresses("0.0.0.0")[0] == "localhost"
    assert not [host for host in addresses("0.0.0.0")[1:] if host.startswith("127.")]
