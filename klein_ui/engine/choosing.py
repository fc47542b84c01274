"""Which weights are to run where: known before anything that can run them is there.

Apart from the loader, which takes seconds to import: the page is up meanwhile.
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path

from klein_ui import models
from klein_ui.contract import EngineFailed
from klein_ui.engine import backends
from klein_ui.engine.device import Device, choose
from klein_ui.engine.download import fetch_index
from klein_ui.engine.recipes import AUTO, ladder
from klein_ui.models import Decoder, ModelRow

HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True, slots=True)
class Choice:
    """Which weights run where, and how they are to be held there: a key of `recipes.ladder`.

    `trims_text` gives up the padding of prompts, see `text.PromptEncoder`. `small_decoder` is one
    to decode with, or whether to take the row's own, see `decoder`. With `asks_once` references are
    read once for all keys, see `kv.ask_once`. `attention` names its kernels, see `backends`.
    """

    row: ModelRow
    device: Device
    memory: str = AUTO
    trims_text: bool = False
    small_decoder: Decoder | bool = False
    asks_once: bool = False
    attention: str = backends.NATIVE


def resolve(model: str, device: str, revision: str | None, memory: str = AUTO) -> Choice:
    """The row and device for what the settings say; "auto" is klein on CUDA, else postcard.

    Raises `EngineFailed` for a name, folder or device that is not there, and for a `memory` that
    the device cannot do.
    """
    name = choose(device).name
    return on_device(row_of(model, revision, on_cuda=name == "cuda"), name, memory)


def on_device(row: ModelRow, device: str, memory: str = AUTO) -> Choice:
    """`row` on the `device` of this machine; "auto" is the best one. Raises `EngineFailed`."""
    chosen = choose(device)
    ladder(chosen.name, memory)
    return Choice(row, chosen, memory)


def row_of(model: str, revision: str | None, *, on_cuda: bool) -> ModelRow:
    """The row for what the settings say, wherever it is to run. Raises `EngineFailed`."""
    if model == "auto":
        row = models.KLEIN_4B if on_cuda else models.POSTCARD
    elif model in models.names():
        row = models.get(model)
    elif Path(model).is_dir():
        row = models.from_folder(Path(model))
    elif HUB_ID.fullmatch(model):
        at = revision or "main"
        row = models.from_hub(model, at, fetch_index(model, at))
    else:
        raise EngineFailed(
            f"There is no model or folder “{model}”; choose {', '.join(models.names())}, "
            "the folder of a saved pipeline, or a hub id such as somebody/their-model."
        )
    return replace(row, revision=revision) if revision else row
