"""A LoRA from its file: read by hand, and nothing of it believed before it is checked.

Only safetensors are opened, which hold numbers and text and no code. Keys, shapes, kinds of
numbers and ranks are checked in the header, before any number is read.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from klein_ui.contract import InvalidLora, LoraFile
from klein_ui.engine import lora_config, lora_keys
from klein_ui.engine.lora_config import LoraConfig
from klein_ui.engine.lora_keys import Part, Target

MAX_FILE_BYTES = 2 * 2**30
MAX_RANK = 256

FLOATS = ("F64", "F32", "F16", "BF16")
ALPHAS = (*FLOATS, "I64", "I32")
MAX_SHOWN_CHARS = 80


class _Unfit(Exception):
    """Why a file is refused: the rest of a sentence that begins with its name."""


@dataclass(frozen=True, slots=True, eq=False)
class Factors:
    """What is added to one weight: `up`, shape (out, rank), times `down`, shape (rank, in).

    alpha / rank is in `up`.
    """

    down: Tensor
    up: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class LoraWeights:
    """The factors of a LoRA by module, on the CPU, and the SHA-256 of its file in hex."""

    digest: str
    factors: Mapping[str, Factors]

    @property
    def rank(self) -> int:
        """The largest rank of all modules."""
        return max(one.down.shape[0] for one in self.factors.values())

    @property
    def size_bytes(self) -> int:
        """Bytes of all factors; fused modules share one `down`."""
        shared = {id(one.down): one.down for one in self.factors.values()}
        ups = sum(one.up.nbytes for one in self.factors.values())
        return ups + sum(down.nbytes for down in shared.values())


class LoraReader:
    """Reads files for a transformer with these `linears`, as numbers of `dtype`."""

    def __init__(self, linears: Mapping[str, nn.Linear], dtype: torch.dtype) -> None:
        self._linears = linears
        self._dtype = dtype
        self._names = lora_keys.accepted(linears)

    def read(self, file: LoraFile) -> LoraWeights:
        """The weights in `file`. Raises `InvalidLora` with its name and what is wrong with it."""
        try:
            return self._read(file)
        except _Unfit as fault:
            raise InvalidLora(f"“{file.path.name}” {fault}") from fault

    def _read(self, file: LoraFile) -> LoraWeights:
        if file.size_bytes > MAX_FILE_BYTES:
            raise _Unfit(f"is larger than {MAX_FILE_BYTES // 2**30} GB; choose a smaller LoRA.")
        try:
            with safe_open(file.path, framework="pt", backend="pread") as opened:
                factors = self._factors(opened)
            with file.path.open("rb") as whole:
                digest = hashlib.file_digest(whole, "sha256").hexdigest()
            stat = file.path.stat()
        except SafetensorError as error:
            raise _Unfit("is damaged or no safetensors file; get it again.") from error
        except OSError as error:
            raise _Unfit("cannot be read; check that the app may open it.") from error
        if (stat.st_size, stat.st_mtime_ns) != (file.size_bytes, file.changed_ns):
            raise _Unfit("was changed while it was read; try again.")
        return LoraWeights(digest, factors)

    def _factors(self, opened: Any) -> dict[str, Factors]:
        try:
            config = lora_config.config_from(opened.metadata())
        except lora_config.Unclear as error:
            raise _Unfit("has settings that the app cannot follow; choose another LoRA.") from error
        grouped = self._grouped(opened.keys())
        ranks = {name: self._rank(opened, parts, name) for name, parts in grouped.items()}
        found: dict[str, Factors] = {}
        for name, parts in grouped.items():
            for target, factors in self._pairs(opened, parts, name, ranks[name], config):
                if target.module in found:
                    raise _Unfit(f"changes “{target.module}” twice; choose another LoRA.")
                found[target.module] = factors
        return found

    def _grouped(self, keys: Sequence[str]) -> dict[str, dict[Part, str]]:
        """The keys by module and part, all of which the transformer has."""
        grouped: dict[str, dict[Part, str]] = {}
        for key in sorted(keys):
            name, part = self._allowed(key)
            if part in grouped.setdefault(name, {}):
                raise _Unfit(f"holds “{_shown(key)}” twice; choose another LoRA.")
            grouped[name][part] = key
        if not grouped:
            raise _Unfit("is empty; choose another LoRA.")
        for name, parts in grouped.items():
            if Part.DOWN not in parts or Part.UP not in parts:
                raise _Unfit(f"holds only a part of “{name}”; get it again.")
        return grouped

    def _allowed(self, key: str) -> tuple[str, Part]:
        if lora_keys.is_text_encoder(key):
            raise _Unfit(
                "changes the text encoder as well, which the app leaves as it is; "
                "choose one for the transformer alone."
            )
        named = lora_keys.split(key)
        if named is None or named[0] not in self._names:
            raise _Unfit(
                f"holds “{_shown(key)}”, which this model does not have; "
                "choose a LoRA that was made for it."
            )
        return named

    def _rank(self, opened: Any, parts: Mapping[Part, str], name: str) -> int:
        """The rank of a pair whose header says that it fits all that `name` stands for."""
        for part, key in parts.items():
            _of_kind(opened, key, ALPHAS if part is Part.ALPHA else FLOATS)
        down, up = (tuple(_shape(opened, parts[part])) for part in (Part.DOWN, Part.UP))
        rank = down[0] if down else 0
        if rank > MAX_RANK:
            raise _Unfit(f"has a rank of {rank:,}; choose one of at most {MAX_RANK}.")
        if rank and all((down, up) == self._shapes(one, rank) for one in self._names[name]):
            return rank
        raise _Unfit(f"does not fit this model at “{name}”; choose a LoRA that was made for it.")

    def _shapes(self, target: Target, rank: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The shapes of `down` and `up` in a file that are right for `target`."""
        linear = self._linears[target.module]
        piece = linear.out_features // len(target.pieces)
        return (rank, linear.in_features), (piece * target.of, rank)

    def _pairs(
        self, opened: Any, parts: Mapping[Part, str], name: str, rank: int, config: LoraConfig
    ) -> Iterator[tuple[Target, Factors]]:
        """The factors of each `Linear` that `name` stands for."""
        targets = self._names[name]
        if Part.ALPHA in parts:
            gain = _number(opened, parts[Part.ALPHA]) / rank
        else:
            gain = config.gain(targets[0].module, rank)
        down = self._finite(opened, parts[Part.DOWN], 1.0)
        up = self._finite(opened, parts[Part.UP], gain)
        for target in targets:
            pieces = up.chunk(target.of)
            yield target, Factors(down, torch.cat([pieces[place] for place in target.pieces]))

    def _finite(self, opened: Any, key: str, gain: float) -> Tensor:
        """The numbers of `key` times `gain`, in the model's kind, in which they must be finite."""
        exact: Tensor = opened.get_tensor(key).to(torch.float32)
        numbers = (exact * gain).to(self._dtype)
        if not bool(torch.isfinite(numbers).all()):
            raise _Unfit(f"holds numbers in “{_shown(key)}” that are not finite; get it again.")
        return numbers


def _number(opened: Any, key: str) -> float:
    if _shape(opened, key) not in ([], [1]):
        raise _Unfit(f"holds more than one number in “{_shown(key)}”; choose another LoRA.")
    return float(opened.get_tensor(key).item())


def _shape(opened: Any, key: str) -> list[int]:
    shape: list[int] = opened.get_slice(key).get_shape()
    return shape


def _of_kind(opened: Any, key: str, kinds: Sequence[str]) -> None:
    kind = opened.get_slice(key).get_dtype()
    if kind not in kinds:
        raise _Unfit(f"holds {kind} numbers in “{_shown(key)}”; save it as F32, F16 or BF16.")


def _shown(key: str) -> str:
    """`key` as a sentence can hold it: a file may call anything anything."""
    printable = "".join(letter if letter.isprintable() else "?" for letter in key)
    return printable if len(printable) <= MAX_SHOWN_CHARS else f"{printable[:MAX_SHOWN_CHARS]}…"
