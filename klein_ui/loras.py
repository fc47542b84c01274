"""The LoRAs there are: safetensors files of one folder, by name."""

import os
from collections.abc import Iterator
from pathlib import Path

from klein_ui.contract import InvalidLora, LoraFile
from klein_ui.validate import is_lora_name

SUFFIX = ".safetensors"

MISSING = (
    "There is no LoRA “{name}”; put {name}.safetensors into the folder “loras” of the app's data, "
    "or switch it off."
)
UNREADABLE = "The folder of LoRAs cannot be read; check that the app may open “{folder}”."


class LoraShelf:
    """The `*.safetensors` files of `folder`, which need not be there yet.

    A name is the file's without its suffix. Files are looked up among those of the folder, never
    by a path made from a name, so no name leads out of it; a link that does is left out. Nothing
    is kept: what is put there or removed is seen at the next call.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def folder(self) -> Path:
        """Where the files lie, from the root of the disk."""
        return self._folder.absolute()

    def names(self) -> tuple[str, ...]:
        """The names of all LoRAs, sorted. Raises `InvalidLora` for a folder that cannot be read."""
        return tuple(sorted(path.stem for path in self._paths()))

    def file(self, name: str) -> LoraFile:
        """See `contract.Loras`."""
        try:
            path = next(path for path in self._paths() if path.stem == name)
            stat = path.stat()
        except (StopIteration, OSError) as error:
            raise InvalidLora(MISSING.format(name=name)) from error
        return LoraFile(path, stat.st_size, stat.st_mtime_ns)

    def _paths(self) -> Iterator[Path]:
        home = self._folder.resolve()
        try:
            entries = list(os.scandir(home))
        except FileNotFoundError:
            return
        except OSError as error:
            raise InvalidLora(UNREADABLE.format(folder=self._folder)) from error
        for entry in entries:
            path = Path(entry.path)
            # Hidden ones are downloads on their way; a foreign name could never be asked for.
            is_lora = path.suffix == SUFFIX and not entry.name.startswith(".")
            if is_lora and is_lora_name(path.stem) and _is_file_in(path, home):
                yield path


def _is_file_in(path: Path, home: Path) -> bool:
    """Whether `path`, its links followed, is a file in `home`; what cannot be told is not."""
    try:
        return path.is_file() and path.resolve().is_relative_to(home)
    except (OSError, RuntimeError):
        return False
