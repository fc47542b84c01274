"""File names from prompts: readable, and safe on every system."""

import unicodedata
from collections.abc import Container

MAX_SLUG_BYTES = 96
MAX_NAME_BYTES = 200

# Letters, marks, numbers, and symbols such as emoji; never separators, controls or punctuation.
_KEPT = ("L", "M", "N", "So")
_FORBIDDEN = frozenset('/\\:*?"<>|')
_DEVICES = frozenset(
    ["con", "prn", "aux", "nul", "conin$", "conout$"]
    + [f"{port}{number}" for port in ("com", "lpt") for number in "0123456789¹²³"]
)


def file_name(prompt: str, seed: int, suffix: str, taken: Container[str] = ()) -> str:
    """A file name such as `a-red-sun-42.png`, unlike all of `taken`, which hold :func:`folded`.

    It ends in the seed, so that no prompt can spell the name of a device.
    """
    stem = f"{_slug(prompt) or 'picture'}-{seed}"
    name, number = f"{stem}.{suffix}", 1
    while folded(name) in taken:
        number += 1
        name = f"{stem}-{number}.{suffix}"
    return name


def folded(name: str) -> str:
    """What is equal for names that some file system takes for the same."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def is_safe(name: str) -> bool:
    """Whether `name` is that of one file beside others, on every system."""
    if not 0 < len(name.encode(errors="replace")) <= MAX_NAME_BYTES:
        return False
    if set(name) & _FORBIDDEN or any(unicodedata.category(c)[0] == "C" for c in name):
        return False
    if name[0] in ". " or name[-1] in ". ":
        return False
    return name.split(".")[0].rstrip().casefold() not in _DEVICES


def _slug(prompt: str) -> str:
    kept = "".join(
        char if unicodedata.category(char).startswith(_KEPT) else " "
        for char in unicodedata.normalize("NFC", prompt)
    )
    slug = "-".join(kept.split())
    # Cut between characters, and not before a mark that belongs to the last one.
    while len(slug.encode()) > MAX_SLUG_BYTES:
        slug = slug[: -max(1, (len(slug.encode()) - MAX_SLUG_BYTES) // 4)]
    return slug.strip("-")
