"""What PEFT's configuration, which diffusers saves beside the tensors, says of their strength.

A file may keep alpha in a tensor beside each pair, or once for all in its metadata, or nowhere:
then alpha is the rank, and the pair is added as it is.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

KEY = "lora_adapter_metadata"
_PREFIX = "transformer."
# PEFT takes these as regular expressions. A file from outside gets to name modules, nothing more.
_PLAIN = re.compile(r"[\w.]{1,200}")


class Unclear(Exception):
    """A configuration that says something the app does not know how to follow."""


@dataclass(frozen=True, slots=True)
class LoraConfig:
    """Alphas of modules by the end of their name, and the `alpha` of all others.

    None is the rank. With `by_root` an alpha is divided by the root of the rank.
    """

    alpha: float | None = None
    by_module: Mapping[str, float] = field(default_factory=dict)
    by_root: bool = False

    def gain(self, module: str, rank: int) -> float:
        """What `up @ down` of `module` is multiplied by before any scale."""
        own = (
            alpha
            for name, alpha in self.by_module.items()
            if module == name or module.endswith("." + name)
        )
        alpha = next(own, self.alpha)
        if alpha is None:
            return 1.0
        return alpha / (math.sqrt(rank) if self.by_root else rank)


def config_from(metadata: Mapping[str, str] | None) -> LoraConfig:
    """The configuration in a file's `metadata`, where there is one. Raises `Unclear`."""
    if not metadata or KEY not in metadata:
        return LoraConfig()
    try:
        said = json.loads(metadata[KEY])
        own = {key.removeprefix(_PREFIX): value for key, value in said.items()}
        if own.get("use_dora"):
            raise Unclear
        return LoraConfig(
            alpha=_alpha(own["lora_alpha"]) if own.get("lora_alpha") is not None else None,
            by_module={_plain(key): _alpha(one) for key, one in _pattern(own).items()},
            by_root=own.get("use_rslora") is True,
        )
    except (ValueError, AttributeError, RecursionError, OverflowError) as error:
        raise Unclear from error


def _pattern(own: Mapping[str, Any]) -> Mapping[str, Any]:
    pattern = own.get("alpha_pattern") or {}
    if not isinstance(pattern, dict):
        raise Unclear
    return pattern


def _plain(name: str) -> str:
    if not _PLAIN.fullmatch(name):
        raise Unclear
    return name.removeprefix(_PREFIX)


def _alpha(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise Unclear
    return float(value)
