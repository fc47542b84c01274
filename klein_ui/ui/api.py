"""The endpoint for programs: one call, one picture, never superseded by anybody's typing."""

import asyncio
import logging

import gradio as gr
from gradio.processing_utils import save_bytes_to_cache

from klein_ui import validate
from klein_ui.contract import Frame, KleinError
from klein_ui.ui.services import Services

log = logging.getLogger(__name__)

MAX_WAITING = 32
NO_ROOM = "There is no room left on the disk for the picture; free some and ask again."


def register(services: Services) -> None:
    """Add `/generate` to the Blocks being built; the same function is the MCP tool."""

    async def generate(prompt: str, seed: float, width: float, height: float, steps: float) -> str:
        """Make a picture from a text prompt with FLUX.2 [klein]; the same call gives the same
        picture again.

        Args:
            prompt: What the picture shows, in plain words, at most 2000 characters.
            seed: The composition, a whole number from 0 to 4294967295.
            width: Pixels, a multiple of 16; 0 is what the model was made for.
            height: Pixels, a multiple of 16; 0 is what the model was made for.
            steps: Denoising steps; 0 is what the model was made for.

        Returns:
            The picture, a PNG that holds its request as text.
        """
        # Not written into the page: it is built once, and the model may be another one by now.
        chosen = {"width": width, "height": height, "steps": steps}
        fields: dict[str, object] = {name: value for name, value in chosen.items() if value != 0}
        fields |= {"prompt": prompt, "seed": seed}
        try:
            asked = validate.asked(fields, services.row)
            frame = await asyncio.wrap_future(services.dispatcher.render(asked.request))
            return await asyncio.to_thread(_saved, frame, services, picture.GRADIO_CACHE)
        except KleinError as error:
            raise gr.Error(str(error), print_exception=False) from error

    with gr.Row(visible=False):
        inputs = [
            gr.Textbox(label="prompt"),
            gr.Number(0, label="seed", precision=0),
            gr.Number(0, label="width", precision=0),
            gr.Number(0, label="height", precision=0),
            gr.Number(0, label="steps", precision=0),
        ]
        picture = gr.Image(label="picture", format="png", type="filepath")
        gr.Button("generate").click(
            generate,
            inputs,
            picture,
            api_name="generate",
            concurrency_limit=MAX_WAITING,
            show_progress="hidden",
        )


def _saved(frame: Frame, services: Services, cache: str) -> str:
    """The path of a PNG of `frame` as it may leave, in the folder `cache` that Gradio serves and
    clears. Raises `KleinError`.

    A file, not an image: Gradio would write that anew, without its signature.
    """
    exported = services.exporter.export(frame)
    try:
        return str(save_bytes_to_cache(exported.data, exported.name, cache))
    except OSError as error:
        raise KleinError(NO_ROOM) from error
