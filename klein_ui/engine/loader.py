"""Loads the one pipeline: from the hub, a folder, or the assets."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Any

import diffusers
import torch
import transformers
from diffusers import Flux2KleinKVPipeline, Flux2KleinPipeline, Flux2Pipeline

from klein_ui.contract import EngineFailed, Loras, Origin, Pictures, Progress
from klein_ui.engine import backends
from klein_ui.engine.choosing import Choice
from klein_ui.engine.decoder import exchange, fetch_small_decoder
from klein_ui.engine.device import release
from klein_ui.engine.download import fetch
from klein_ui.engine.faults import named
from klein_ui.engine.fingerprint import fingerprint
from klein_ui.engine.graphs import Recorder, recorder_for
from klein_ui.engine.klein import KleinEngine
from klein_ui.engine.kv import ask_once, keeps_keys
from klein_ui.engine.place import Placed, loadable, place
from klein_ui.engine.text_encoder import open_text_encoder, open_tokenizer
from klein_ui.models import ModelRow

Report = Callable[[Progress], None]

PIPELINES: dict[str, Any] = {
    made.__name__: made for made in (Flux2KleinPipeline, Flux2KleinKVPipeline, Flux2Pipeline)
}

NO_MEMORY = (
    "{title} does not fit into the main memory; close other programs, or choose a smaller model."
)

# Of what the weights leave free; the rest is for the work itself and for other programs.
SPARE_SHARE = 0.5


# While they build a model, transformers and accelerate put their own functions in the place of
# torch's, for the whole process: two at once leave them there, and all later weights are empty.
_one_at_a_time = Lock()


def load(
    choice: Choice,
    cache_bytes: int,
    report: Report,
    pictures: Pictures,
    loras: Loras | None = None,
) -> KleinEngine:
    """Download if need be, then load onto the device. Raises `EngineFailed`.

    `pictures` and `loras` are where the engine finds the references and LoRAs of its requests.
    """
    # What a model before, or one that failed halfway, left behind is room for this one.
    release()
    pipeline, made_by = open_pipeline(choice, report)
    recorder = recorder_for(pipeline.transformer)
    return engine_of(choice, pipeline, made_by, cache_bytes, pictures, loras, recorder)


def engine_of(
    choice: Choice,
    pipeline: Any,
    made_by: Origin,
    cache_bytes: int,
    pictures: Pictures,
    loras: Loras | None = None,
    recorder: Recorder | None = None,
) -> KleinEngine:
    """The engine over a `pipeline` that was opened for `choice`; see `KleinEngine`."""
    if choice.trims_text:
        made_by = replace(made_by, path=f"{made_by.path}, trimmed text")
    return KleinEngine(
        pipeline,
        choice.row,
        made_by,
        cache_bytes,
        pictures,
        _spare_bytes(pipeline),
        loras,
        trims_text=choice.trims_text,
        recorder=recorder,
        attention=choice.attention,
    )


def open_pipeline(choice: Choice, report: Report) -> tuple[Any, Origin]:
    """The pipeline of `choice` on its device, and its origin. Raises `EngineFailed`."""
    row, device = choice.row, choice.device
    backends.check(choice.attention, device.name)
    _silence_bars()
    if device.name == "cpu" and row.built_in:
        _leave_cores()
    if row.restriction:
        report(Progress("licence", f"{row.title}: {row.licence} licence. {row.restriction}"))
    folder = fetch(row, report)
    decoder = fetch_small_decoder(choice.small_decoder, row, folder, report)
    report(Progress("loading", f"Loading {row.title}…"))
    try:
        with named(lambda: NO_MEMORY.format(title=row.title)), _one_at_a_time:
            device = loadable(device, folder)
            pipeline = _opened(folder, row, device.dtype)
    except EngineFailed:
        raise
    except Exception as error:
        raise EngineFailed(
            f"The files of {row.title} are incomplete or damaged ({type(error).__name__}); "
            f"remove “{folder}” and get them again."
        ) from error
    pipeline.set_progress_bar_config(disable=True)
    decodes = "" if decoder is None else f", {exchange(pipeline.vae, decoder)}"
    attends = _attend(pipeline.transformer, choice)
    placed = place(pipeline, row, device, choice.memory, report)
    # The plan may have left a device with too little room.
    backends.check(choice.attention, placed.device.name)
    return pipeline, origin(folder, replace(placed, path=placed.path + attends + decodes))


def _attend(transformer: Any, choice: Choice) -> str:
    """Have the attention as `choice` says; what is not the stock pipeline's of it, for the path."""
    path = ""
    if choice.asks_once and transformer.config.guidance_embeds:
        raise EngineFailed(
            f"--keep-image-keys is not for {choice.row.title}, whose images are read by the "
            "guidance; start without it."
        )
    if choice.asks_once and not keeps_keys(transformer):
        ask_once(transformer)
        path = ", kept image keys"
    if choice.attention != backends.NATIVE:
        backends.use(transformer, choice.attention)
        path += f", {choice.attention} attention"
    return path


def _opened(folder: Path, row: ModelRow, dtype: torch.dtype) -> Any:
    """The pipeline in `folder`, in main memory."""
    kind = _class_of(folder)
    encoder = open_text_encoder(folder / "text_encoder", row.text_encoder_out_layers, dtype)
    # In place of its processor, which is registered as the tokenizer.
    own = {"tokenizer": None} if kind is Flux2Pipeline else {}
    pipeline = kind.from_pretrained(
        folder,
        text_encoder=encoder,
        dtype=dtype,
        use_safetensors=True,
        local_files_only=True,
        **own,
    )
    if kind is Flux2Pipeline:
        pipeline.register_modules(tokenizer=open_tokenizer(folder / "tokenizer"))
    return pipeline


def _class_of(folder: Path) -> Any:
    """The class that the weights were saved for: they are trained for one way to see references."""
    index = json.loads((folder / "model_index.json").read_text(encoding="utf-8"))
    name = index["_class_name"]
    if name not in PIPELINES:
        raise EngineFailed(
            f"“{folder}” holds a {name}; give the folder of a {' or a '.join(PIPELINES)}."
        )
    return PIPELINES[name]


def origin(folder: Path, placed: Placed) -> Origin:
    """What the frames of these weights, held like this by this build, record."""
    return Origin(
        revision=fingerprint(folder),
        device=placed.device.hardware,
        dtype=str(placed.device.dtype).removeprefix("torch."),
        build=f"torch {torch.__version__}, diffusers {diffusers.__version__}",
        path=placed.path,
    )


def _leave_cores() -> None:
    """Half the cores for a small model: the other half draws the page and serves it, and for its
    small matrices waking more threads costs more than they save."""
    torch.set_num_threads(max(1, (os.cpu_count() or 2) // 2))


def _silence_bars() -> None:
    """The page shows the progress; bars in the terminal say it again, for each component."""
    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()


def _spare_bytes(pipeline: Any) -> int:
    """Bytes that kept keys and values may take of a GPU that holds all weights at once.

    A reference of 512 px has 0.3 GB of them in klein 4B: more than the caches in main memory get.
    Where the components take turns, what is free now is not free later.
    """
    on_gpu = pipeline.transformer.device.type == "cuda"
    return int(torch.cuda.mem_get_info()[0] * SPARE_SHARE) if on_gpu else 0
