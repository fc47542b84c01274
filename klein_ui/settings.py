"""Frozen settings; the only reader of command-line flags and of the environment."""

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from klein_ui import flags, space
from klein_ui.flags import ENV_PREFIX

RESTARTED = ENV_PREFIX + "RESTARTED_AT"
"""Where the app tells the process that follows it when it began anew by itself."""
TOKEN = ENV_PREFIX + "TOKEN"


@dataclass(frozen=True, slots=True)
class Settings:
    """How this process runs. Every field is a flag and an environment variable.

    `engine` is `flags.LOCAL`, or the address of a cluster. `small_decoder` is whether to take the
    model's own, or says which. With `zero_gpu` the GPU is lent for a call at a time, by the quota
    of who asks.
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
    engine: str = flags.LOCAL
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
    parser = flags.parser(environ)
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


def _refuse_contradictions(parser: argparse.ArgumentParser, chosen: argparse.Namespace) -> None:
    if chosen.open and (chosen.token is not None or chosen.logins is not None):
        parser.error("--open lets everybody in, --token and --logins do not; give only one of them")
    if chosen.token is not None and chosen.logins is not None:
        parser.error("--token and --logins are two ways to come in; give only one of them")
