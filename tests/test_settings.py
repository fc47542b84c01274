"""Flags and environment; wrong values end in one sentence."""

from pathlib import Path

import pytest

from klein_ui import settings

TOKEN = "t" * 16


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


def test_names_of_hosts_add_up_and_a_flag_wins() -> None:
    environ = {"KLEIN_ALLOW_HOST": "A.example., b"}
    assert settings.read([], {}).allow_hosts == ()
    assert settings.read([], environ).allow_hosts == ("a.example", "b")
    argv = ["--allow-host", "c,d", "--allow-host", "e"]
    assert settings.read(argv, environ).allow_hosts == ("c", "d", "e")


def test_pages_that_may_show_the_box_are_named_by_their_origins() -> None:
    assert settings.read([], {}).embed_on == ()
    environ = {"KLEIN_EMBED_ON": "https://Blog.example.com, http://[::1]:8000"}
    named = ("https://blog.example.com", "http://[::1]:8000")
    assert settings.read([], environ).embed_on == named


def test_what_is_public_was_said_to_be_or_is_a_space() -> None:
    space = {"SPACE_ID": "a/b", "SPACE_HOST": "a-b.hf.space"}
    assert not settings.read(["--host", "0.0.0.0"], {}).is_public
    assert settings.read(["--open"], {}).is_public
    chosen = settings.read([], space)
    assert (chosen.is_public, chosen.is_space, chosen.space_host) == (True, True, "a-b.hf.space")
    assert not settings.read([], {**space, "KLEIN_TOKEN": TOKEN}).is_public
    assert not settings.read(["--logins", __file__], space).is_public


def test_settings_that_are_shown_do_not_tell_the_token() -> None:
    assert TOKEN not in repr(settings.read(["--token", TOKEN], {}))


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
        (["--engine", "ray://"], {}, "give local, or a cluster as ray://gpu-server:8000"),
        ([], {"KLEIN_ENGINE": "http://a:80"}, "is no engine"),
        (["--grace-ms", "300"], {}, "give a whole number from 0 to 250"),
        (["--data-dir", __file__], {}, "is a file; give a folder"),
        (
            ["--allow-host", "live.example.com:80"],
            {},
            "give it as live.example.com, without a port",
        ),
        ([], {"KLEIN_ALLOW_HOST": "a,http://b"}, "give it as live.example.com, without a port"),
        (["--embed-on", "blog.example.com"], {}, "give it as https://blog.example.com"),
        (["--embed-on", "https://a.example/b"], {}, "give it as https://blog.example.com"),
        (["--embed-on", "https://a; script-src *"], {}, "give it as https://blog.example.com"),
        (["--embed-on", "https://*"], {}, "give it as https://blog.example.com"),
        (["--token", "short"], {}, "a token has 16 to 200 letters"),
        ([], {"KLEIN_TOKEN": "with a space in it"}, "a token has 16 to 200 letters"),
        (["--logins", "nowhere"], {}, "there is no file “nowhere”"),
        (["--open", "--token", TOKEN], {}, "give only one of them"),
        (["--open", "--logins", __file__], {}, "give only one of them"),
        (["--logins", __file__], {"KLEIN_TOKEN": TOKEN}, "give only one of them"),
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
