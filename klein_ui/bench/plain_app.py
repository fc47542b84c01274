"""The same app in plain Gradio: as a newcomer writes it, and tuned as far as its events allow."""

import threading
from dataclasses import dataclass, field
from typing import Any

import gradio as gr
from PIL import Image

from klein_ui.bench.records import Recorder
from klein_ui.bench.stamp import number_of
from klein_ui.contract import Engine, Hooks, Request, Stage
from klein_ui.models import ModelRow


@dataclass(slots=True)
class Studio:
    """An engine and the function that a plain Gradio app puts around it."""

    engine: Engine
    row: ModelRow
    recorder: Recorder
    newest: int = 0
    free: threading.Lock = field(default_factory=threading.Lock)

    def generate(self, prompt: str) -> Image.Image:
        """The picture of `prompt`, as one would write it the first time."""
        self.recorder.submitted(number_of(prompt))
        return self._picture(prompt)

    def generate_newest(self, prompt: str) -> Any:
        """The picture of `prompt`, or nothing if a newer prompt came while this one waited.

        The running render is let through to its end: stopping it at every key would show nothing
        to somebody who types faster than the model renders.
        """
        self.recorder.submitted(number_of(prompt))
        self.newest += 1
        mine = self.newest
        with self.free:
            return self._picture(prompt) if mine == self.newest else gr.skip()

    def _picture(self, prompt: str) -> Image.Image:
        asked = request(self.row, prompt)
        return Image.fromarray(self.engine.render(asked, Stage.FINAL, Hooks()).pixels)


def request(row: ModelRow, prompt: str) -> Request:
    """`prompt` at the one size and seed of the bench."""
    side = row.default_side
    return Request(prompt, 0, side, side, row.steps, row.guidance_scale, row.name)


def plain(studio: Studio) -> gr.Blocks:
    """A text box, an image, and Gradio's defaults between them."""
    demo: gr.Blocks
    with gr.Blocks() as demo:
        prompt = gr.Textbox(label="Prompt")
        picture = gr.Image(label="Picture")
        prompt.input(studio.generate, prompt, picture)
    return demo


def tuned(studio: Studio) -> gr.Blocks:
    """JPEG, no progress overlay, no browser-side dropping, and the newest prompt wins."""
    demo: gr.Blocks
    with gr.Blocks() as demo:
        prompt = gr.Textbox(label="Prompt")
        picture = gr.Image(label="Picture", format="jpeg", buttons=[], interactive=False)
        prompt.input(
            studio.generate_newest,
            prompt,
            picture,
            show_progress="hidden",
            trigger_mode="multiple",
            concurrency_limit=None,
        )
    return demo
