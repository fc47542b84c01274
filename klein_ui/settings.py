"""Frozen settings; the only reader of command-line flags and of the environment."""

import argparse
import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from klein_ui import space

ENV_PREFIX = "KLEIN_"
DEVICES = ("auto", "cuda", "mps", "cpu")
ATTENTION = ("native", "cudnn", "flash", "flash-3", "math", "sage", "xformers")
MEMORY = ("auto", "resident", "fp8", "offload")
RESTARTED = ENV_PREFIX + "RESTARTED_AT"
"""Where the app tells the process that follows it when it began anew by itself."""
YES, NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off")
SIGN, LOGS = ("off", "try", "require"), ("text", "json")
TOKEN = ENV_PREFIX + "TOKEN"
LEAST_TOKEN_CHARS = 16
HOST = r"[a-z0-9_][a-z0-9._-]{0,252}"
# It stands in a header, where a blank or a semicolon would begin something else.
ORIGIN = rf"https?://(\[[0-9a-f:.]{{2,45}}\]|{HOST})(:\d{{1,5}})?"

Add = Callable[..., None]


@dataclass(frozen=True, slots=True)
class Settings:
    """How this process runs. Every field is a flag and an environment variable.

    `small_decoder` is whether to take the model's own, or says which. With `zero_gpu` the GPU is
    lent for a call at a time, by the quota of who asks.
    """

    host: str
    port: int
    model: str
    revision: str | None
    device: str
    memory: str
    trim_text: bool
    small_decoder: str | bool
    keep_image_keys: bool
    attention: str
    data_dir: Path
    settle_ms: int
    grace_ms: int
    staleness_ms: int
    cache_mb: int
    mcp: bool
    sign: str = "off"
    watermark: bool = False
    safety: Path | None = None
    require_safety: bool = False
    metrics: bool = False
    log: str = "text"
    allow_hosts: tuple[str, ...] = ()
    token: str | None = field(default=None, repr=False)
    logins: Path | None = None
    open: bool = False
    embed_on: tuple[str, ...] = ()
    is_space: bool = False
    space_host: str = ""
    zero_gpu: bool = False

    @property
    def is_public(self) -> bool:
        """Whether anybody may come in without a word, as was said, or as Spaces are."""
        return self.open or (self.is_space and self.token is None and self.logins is None)


def read(argv: Sequence[str], environ: Mapping[str, str] = os.environ) -> Settings:
    """Flags first, then the environment, then the defaults.

    A wrong value ends the process with one sentence on standard error and status 2, as
    `argparse` does.
    """
    parser = _parser(environ)
    chosen = parser.parse_args(list(argv))
    _refuse_contradictions(parser, chosen)
    return Settings(
        **vars(chosen),
        is_space=bool(environ.get("SPACE_ID")),
        space_host=environ.get("SPACE_HOST", ""),
        zero_gpu=space.on_zero_gpu(environ),
    )


def restarted(environ: Mapping[str, str] = os.environ) -> str:
    """When the app began anew by itself, as `restarts.written` wrote it."""
    return environ.get(RESTARTED, "")


def _parser(environ: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="app.py",
        description="Klein Live: type, and the picture follows every letter.",
        epilog=(
            "Each flag may also come from the environment: --data-dir is "
            f"{ENV_PREFIX}DATA_DIR. A flag wins."
        ),
    )

    def add(flag: str, fallback: str | None, **rest: Any) -> None:
        name = ENV_PREFIX + flag.strip("-").replace("-", "_").upper()
        # A default that is text goes through `type`, so a wrong variable is refused like a flag.
        parser.add_argument(flag, default=environ.get(name) or fallback, **rest)

    def switch(flag: str, meaning: str) -> None:
        name = ENV_PREFIX + flag.strip("-").replace("-", "_").upper()
        is_on = environ.get(name, "").lower() in YES
        parser.add_argument(flag, action="store_true", default=is_on, help=meaning)

    _add_address(add, environ)
    _add_access(add)
    switch(
        "--open",
        "let everybody in who reaches the address, without a token; the model is fixed then",
    )
    _add_model(add, environ)
    switch(
        "--trim-text",
        "do not pad prompts to the model's full length: faster, and changes the pictures a little",
    )
    add(
        "--small-decoder",
        "off",
        type=_decoder,
        nargs="?",
        const=True,
        metavar="HUB-ID[@SHA]|FOLDER",
        help="decode with the small decoder that the model has, or with another one: faster, and "
        "changes the pictures a little",
    )
    switch(
        "--keep-image-keys",
        "read the images of the Edit tab once for all keys: much faster with several, and changes "
        "the pictures of weights that were not trained for it",
    )
    add(
        "--attention",
        "native",
        type=_one_of("kind of attention", ATTENTION),
        metavar="|".join(ATTENTION),
        help="kernels of the attention: torch's own, or those of an installed package, which "
        "round in another way (default: %(default)s)",
    )
    _add_pace(add, environ)
    switch("--mcp", "also serve generate, edit and pin as tools of MCP, at /gradio_api/mcp/")
    _add_export(add)
    switch("--watermark", "put an invisible mark into exported pictures, which moves them a little")
    switch(
        "--metrics",
        "figures for Prometheus at /metrics (needs requirements-metrics.txt)",
    )
    add(
        "--log",
        "text",
        type=_one_of("kind of log", LOGS),
        metavar="|".join(LOGS),
        help="lines of the log: text or JSON; neither has prompts (default: %(default)s)",
    )
    switch(
        "--require-safety",
        "give no download and no answer to programs that the safety check has not allowed",
    )
    return parser


def _add_address(add: Add, environ: Mapping[str, str]) -> None:
    add(
        "--host",
        space.host(environ) or "127.0.0.1",
        metavar="ADDRESS",
        help="address to listen on (default: %(default)s, this machine only)",
    )
    add(
        "--port",
        space.port(environ) or "7860",
        type=_number("a port", 1, 65535),
        metavar="NUMBER",
        help="port to listen on (default: %(default)s)",
    )


def _add_access(add: Add) -> None:
    add(
        "--allow-host",
        "",
        type=_several(HOST, "name of a host; give it as live.example.com, without a port"),
        action=_Gather,
        dest="allow_hosts",
        metavar="NAME",
        help="a name under which browsers ask for the app, such as that of a proxy; several with "
        "commas, or the flag again (default: this machine's own names and addresses)",
    )
    add(
        "--token",
        None,
        type=_token,
        metavar="TEXT",
        help="what must be shown to come in; better by environment, where no list of processes "
        "shows it (default: on a network, one made once and kept)",
    )
    add(
        "--logins",
        None,
        type=_file,
        metavar="FILE",
        help="who may come in, in place of a token: a file with a line “name:password” for each",
    )

    add(
        "--embed-on",
        "",
        type=_several(ORIGIN, "origin of a page; give it as https://blog.example.com"),
        action=_Gather,
        metavar="ORIGIN",
        help="a page that may frame /embed, such as https://blog.example.com; several with commas",
    )


def _add_model(add: Add, environ: Mapping[str, str]) -> None:
    add(
        "--model",
        "auto",
        metavar="NAME|HUB-ID|FOLDER",
        help="a model by name, such as klein-4b, klein-base-4b or postcard, by its id on the hub, "
        "or the folder of a saved pipeline "
        "(default: klein-4b with a CUDA device, else the built-in postcard)",
    )
    add(
        "--revision",
        None,
        metavar="SHA",
        help="hub revision of the weights (default: the registry's)",
    )
    add(
        "--device",
        "auto",
        type=_one_of("kind of device", DEVICES),
        metavar="|".join(DEVICES),
        help="where to run (default: the best there is)",
    )
    add(
        "--memory",
        "auto",
        type=_one_of("way to hold the weights", MEMORY),
        metavar="|".join(MEMORY),
        help="how the weights are held: all on the GPU; stored in fp8, which takes half the room "
        "and changes the pictures a little; or moved there part by part, which is exact and slow "
        "(default: the first of these that fits)",
    )
    add(
        "--data-dir",
        str(space.persistent(environ) or Path.home() / ".klein-live"),
        type=_folder,
        metavar="FOLDER",
        help="where the app keeps its files (default: %(default)s)",
    )


def _add_pace(add: Add, environ: Mapping[str, str]) -> None:
    add(
        "--settle-ms",
        space.settle_ms(environ) or "300",
        type=_number("milliseconds", 50, 5000),
        metavar="MS",
        help="pause in typing after which the full-size picture is made (default: %(default)s)",
    )
    add(
        "--grace-ms",
        "250",
        type=_number("milliseconds", 0, 250),
        metavar="MS",
        help="longest wait for the next letter before a slow model starts on this one; "
        "0 never waits (default: %(default)s)",
    )
    add(
        "--staleness-ms",
        "450",
        type=_number("milliseconds", 50, 5000),
        metavar="MS",
        help="while typing, a run is let through to its end once the picture shown is older "
        "than this (default: %(default)s)",
    )
    add(
        "--cache-mb",
        "512",
        type=_number("megabytes", 16, 65536),
        metavar="MB",
        help="memory for finished pictures and prompts (default: %(default)s)",
    )


def _add_export(add: Add) -> None:
    add(
        "--sign",
        "off",
        type=_one_of("way to sign", SIGN),
        metavar="|".join(SIGN),
        help="sign exported pictures with a key of this installation (C2PA, offline, needs "
        "requirements-provenance.txt): try saves them unsigned where that fails, require does not "
        "(default: %(default)s)",
    )
    add(
        "--safety",
        None,
        type=_folder,
        metavar="FOLDER",
        help="folder of an image classifier that looks at pictures before they leave "
        "(default: none looks)",
    )


class _Gather(argparse.Action):
    """Adds up what is given several times; of the environment is then nothing left."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        before = getattr(namespace, self.dest)
        setattr(namespace, self.dest, (before if isinstance(before, tuple) else ()) + values)


def _refuse_contradictions(parser: argparse.ArgumentParser, chosen: argparse.Namespace) -> None:
    if chosen.open and (chosen.token is not None or chosen.logins is not None):
        parser.error("--open lets everybody in, --token and --logins do not; give only one of them")
    if chosen.token is not None and chosen.logins is not None:
        parser.error("--token and --logins are two ways to come in; give only one of them")


def _several(pattern: str, wrong: str) -> Callable[[str], tuple[str, ...]]:
    def parse(text: str) -> tuple[str, ...]:
        parts = (part.strip().lower().removesuffix(".") for part in text.split(","))
        found = tuple(filter(None, parts))
        for one in found:
            if not re.fullmatch(pattern, one):
                raise argparse.ArgumentTypeError(f"“{one}” is no {wrong}")
        return found

    return parse


def _token(text: str) -> str:
    # It stands in an address, in a cookie's place and in a header.
    if not re.fullmatch(rf"[\w.~-]{{{LEAST_TOKEN_CHARS},200}}", text, re.ASCII):
        raise argparse.ArgumentTypeError(
            f"a token has {LEAST_TOKEN_CHARS} to 200 letters, digits and . _ ~ -; give such a one"
        )
    return text


def _one_of(what: str, known: Sequence[str]) -> Callable[[str], str]:
    # Not `choices`: argparse does not hold a default, so a wrong variable, against them.
    def parse(text: str) -> str:
        if text not in known:
            raise argparse.ArgumentTypeError(
                f"“{text}” is no {what}; give one of {', '.join(known)}"
            )
        return text

    return parse


def _decoder(text: str) -> str | bool:
    # By environment it is a switch as the others are.
    return text.lower() in YES if text.lower() in (*YES, *NO) else text


def _number(what: str, low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (low <= value <= high and value == int(value)):
            raise argparse.ArgumentTypeError(
                f"“{text}” is not {what}; give a whole number from {low} to {high}"
            )
        return int(value)

    return parse


def _folder(text: str) -> Path:
    folder = Path(text).expanduser()
    if folder.exists() and not folder.is_dir():
        raise argparse.ArgumentTypeError(f"“{folder}” is a file; give a folder")
    return folder


def _file(text: str) -> Path:
    path = Path(text).expanduser()
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"there is no file “{path}”; give the path of one")
    return path
