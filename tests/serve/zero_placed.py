"""A model placed on the `cuda` of ZeroGPU, in a process of its own: packed at the launch, unpacked
where it renders. Prints what happened as one line of JSON."""

import json
import os
import sys
from contextvars import copy_context
from pathlib import Path

from tests.serve import no_gpu

no_gpu.import_spaces()

import gradio as gr
import psutil
import torch
from spaces.zero.torch import patching

from klein_ui.bench.photos import Album
from klein_ui.contract import Hooks, Request, Stage
from klein_ui.engine import choosing, loader
from klein_ui.engine.download import fetch
from klein_ui.loras import LoraShelf
from klein_ui.serve import zero_place

SUN = Request("a red sun over a lake", 7, 128, 128, 4, 1.0, "postcard")


def told(folder: Path) -> dict[str, object]:
    """What a test looks at."""
    choice = choosing.resolve("auto", "auto", None)
    chosen = choice.row.name, choice.device.name
    # klein is not here; the same device with the model that is.
    choice = choosing.resolve("postcard", "auto", None)
    loras = LoraShelf(folder)
    engine = zero_place.place(
        choice, 2**26, lambda progress: None, Album(), loras, lambda _: copy_context()
    )
    with gr.Blocks() as page:
        gr.Textbox()
    page.launch(prevent_thread_lock=True, quiet=True)
    packed = sum(pack.total_size for pack in patching.tensor_packs)
    made = engine.render(SUN, Stage.FINAL, Hooks())
    pipeline = loader._opened(fetch(choice.row, lambda progress: None), choice.row, torch.bfloat16)
    plain = loader.engine_of(choice, pipeline, engine.origin, 2**26, Album())
    wanted = plain.render(SUN, Stage.FINAL, Hooks())
    return {
        "chosen": chosen,
        "packed": packed,
        "origin": made.origin.device,
        "equal": bool((made.pixels == wanted.pixels).all()),
    }


if __name__ == "__main__":
    print(json.dumps(told(Path(sys.argv[1]))), flush=True)
    for child in psutil.Process().children():
        child.kill()
    os._exit(0)
