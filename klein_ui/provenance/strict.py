"""JSON from outside as frozen dataclasses: bounded, and every type as it is declared."""

import json
import math
from dataclasses import is_dataclass
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

MAX_TEXT_CHARS = 8000
"""A prompt has at most 2,000 characters, before the roles of its references are added."""
MAX_ITEMS = 256
MAX_WHOLE = 2**63

T = TypeVar("T")


def parsed(text: str | bytes) -> object:
    """The value of a JSON text. Raises `ValueError`, for NaN and for what is nested deeply too."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def strict(kind: type[T], value: object) -> T:
    """`value` as the frozen dataclass `kind`: no unknown field, no other type, nothing unbounded.

    Raises `ValueError`. What is missing gets its default, where it has one.
    """
    if not isinstance(value, dict):
        raise ValueError(f"{kind.__name__} is no object")
    hints = get_type_hints(kind)
    if unknown := value.keys() - hints.keys():
        raise ValueError(f"{kind.__name__} has no {sorted(unknown)[0]!r}")
    fields = {name: _field(hints[name], given) for name, given in value.items()}
    try:
        return kind(**fields)
    except TypeError as error:
        raise ValueError(f"{kind.__name__} is incomplete") from error


def _field(hint: Any, value: object) -> object:
    if get_origin(hint) is tuple:
        if not isinstance(value, list) or len(value) > MAX_ITEMS:
            raise ValueError("no list, or one too long")
        return tuple(_field(get_args(hint)[0], item) for item in value)
    if isinstance(hint, UnionType):
        (kind,) = (one for one in get_args(hint) if one is not NoneType)
        return None if value is None else _field(kind, value)
    if isinstance(hint, type) and is_dataclass(hint):
        return strict(hint, value)
    if hint is float:
        return _number(value)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return hint(_text(value))
    if hint is str:
        return _text(value)
    # True is an int to Python; a request with it would be equal to another and not the same.
    if type(value) is not hint or (hint is int and abs(value) > MAX_WHOLE):  # type: ignore[arg-type]
        raise ValueError("a value of another type")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT_CHARS:
        raise ValueError("no text, or one too long")
    # A lone surrogate could be saved nowhere; this raises a `ValueError`.
    value.encode()
    return value


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("no number")
    if not math.isfinite(value) or abs(value) > MAX_WHOLE:
        raise ValueError("no usable number")
    return float(value)


def _refuse(name: str) -> object:
    raise ValueError(f"{name} is no number")
