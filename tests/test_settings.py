"""Flags and environment; wrong values end in one sentence."""

from pathlib import Path

import pytest

from klein_ui import settings


def test_the_defaults_serve_this_machine_only() -> None:
    chosen = settings.read([], {})
    assert (chosen.host, chosen.port, chosen.model) == ("127.0.0.1", 7860, "auto")
    assert (chosen.device, chosen.memory, chosen.mcp) == ("auto", "auto", False)


def test_the_environment_says_the_same_and_a_flag_wins() -> None:
    environ = {"KLEIN_PORT": "8001", "KLEIN_MODEL": "postcard", "KLEIN_MCP": "1"}
    chosen = settings.read(["--port", "8002"], environ)
    assert (chosen.port, chosen.model, chosen.mcp) == (8002, "postcard", True)


def test_a_space_tells_where_to_listen() -> None:
    chosen = settings.read([], {"SPACE_ID": "a/b", "GRADIO_SERVER_NAME": "0.0.0.0"})
    assert chosen.host == "0.0.0.0"


@pytest.mark.parametrize(
    ("said", "on"), [("1", True), ("True", True), ("0", False), ("False", False)]
)
def test_switches_by_environment(said: str, on: bool) -> None:
    chosen = settings.read([], {"KLEIN_MCP": said, "KLEIN_TRIM_TEXT": said})
    assert (chosen.mcp, chosen.trim_text) == (on, on)


@pytest.mark.parametrize(
    ("argv", "said", "which"),
    [
        ([], None, False),
        (["--small-decoder"], None, True),
        (["--small-decoder", "--mcp"], None, True),
        (["--small-decoder", "a/b@v1"], "1", "a/b@v1"),
        ([], "On", True),
        ([], "0", False),
        ([], "a/b", "a/b"),
    ],
)
def test_the_small_decoder_is_a_switch_and_may_be_another(
    argv: list[str], said: str | None, which: str | bool
) -> None:
    environ = {} if said is None else {"KLEIN_SMALL_DECODER": said}
    assert settings.read(argv, environ).small_decoder == which


def test_a_folder_may_be_in_the_home() -> None:
    assert settings.read(["--data-dir", "~/x"], {}).data_dir == Path.home() / "x"


@pytest.mark.parametrize(
    ("argv", "environ", "says"),
    [
        (["--port", "seventy"], {}, "give a whole number from 1 to 65535"),
        (["--port", "0"], {}, "give a whole number from 1 to 65535"),
        (["--port", "nan"], {}, "give a whole number from 1 to 65535"),
        ([], {"KLEIN_PORT": "99999"}, "give a whole number from 1 to 65535"),
        (["--device", "tpu"], {}, "give one of auto, cuda, mps, cpu"),
        ([], {"KLEIN_DEVICE": "tpu"}, "give one of auto, cuda, mps, cpu"),
        (["--attention", "fast"], {}, "give one of native, cudnn, flash"),
        (["--memory", "int4"], {}, "give one of auto, resident, fp8, offload"),
        ([], {"KLEIN_MEMORY": "int4"}, "give one of auto, resident, fp8, offload"),
        (["--grace-ms", "300"], {}, "give a whole number from 0 to 250"),
        (["--data-dir", __file__], {}, "is a file; give a folder"),
    ],
)
def test_a_wrong_value_is_refused_in_one_sentence(
    argv: list[str], environ: dict[str, str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        settings.read(argv, environ)
    assert ended.value.code == 2
    assert says in capsys.readouterr().err.splitlines()[-1]


def test_help_reads_well(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        settings.read(["--help"], {})
    assert ended.value.code == 0
    text = capsys.readouterr().out
    for flag in ("--host", "--port", "--model", "--device", "--memory", "--data-dir", "--mcp"):
        assert flag in text
