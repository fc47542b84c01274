"""The command-line flags, each of which an environment variable may give as well."""

import argparse
import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from klein_ui import space

ENV_PREFIX = "KLEIN_"
LOCAL = "local"
DEVICES = ("auto", "cuda", "mps", "cpu")
ATTENTION = ("native", "cudnn", "flash", "flash-3", "math", "sage", "xformers")
MEMORY = ("auto", "resident", "fp8", "offload")
YES, NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off")
SIGN = ("off", "try", "require")
LOGS = ("text", "json")
LEAST_TOKEN_CHARS = 16
HOST = r"[a-z0-9_][a-z0-9._-]{0,252}"
# It stands in a header, where a blank or a semicolon would begin something else.
ORIGIN = rf"https?://(\[[0-9a-f:.]{{2,45}}\]|{HOST})(:\d{{1,5}})?"

Add = Callable[..., None]


def parser(environ: Mapping[str, str]) -> argparse.ArgumentParser:
    """All flags, whose defaults are what `environ` says."""
    declared = argparse.ArgumentParser(
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
        declared.add_argument(flag, default=environ.get(name) or fallback, **rest)

    def switch(flag: str, meaning: str) -> None:
        name = ENV_PREFIX + flag.strip("-").replace("-", "_").upper()
        is_on = environ.get(name, "").lower() in YES
        declared.add_argument(flag, action="store_true", default=is_on, help=meaning)

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
    return declared


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
        "--engine",
        "local",
        type=_engine,
        metavar="local|ray://HOST:PORT",
        help="where pictures are made: in this process, or by the replicas of a cluster, which "
        "“python -m klein_ui.serve” starts (default: %(default)s)",
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


def _engine(text: str) -> str:
    if text != LOCAL and not re.fullmatch(r"ray://([\w.-]+|\[[0-9a-f:.]+\]):\d{1,5}", text):
        raise argparse.ArgumentTypeError(
            f"“{text}” is no engine; give {LOCAL}, or a cluster as ray://gpu-server:8000"
        )
    return text


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
