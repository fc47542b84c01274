"""The endpoint for Gradio's clients: one call, one picture, never superseded by who types."""

import asyncio
import logging
from collections.abc import Sequence

import gradio as gr
from gradio.processing_utils import save_bytes_to_cache

from klein_ui import validate
from klein_ui.contract import Asked, Frame, InvalidRequest, KleinError
from klein_ui.models import ModelRow
from klein_ui.ui import api_calls
from klein_ui.ui.addresses import address_of
from klein_ui.ui.boundary import Page
from klein_ui.ui.services import Services

log = logging.getLogger(__name__)

MAX_WAITING = 32
FIELDS = ("prompt", "seed", "width", "height", "steps")
OPTIONAL = ("width", "height", "steps")
WRONG_COUNT = f"The call gives {{count}} values; give {len(FIELDS)}, which are {', '.join(FIELDS)}."
NO_ROOM = "There is no room left on the disk for the picture; free some and ask again."


def register(services: Services, page: Page) -> None:
    """Add `/generate` to the `page` being built."""

    async def generate(
        prompt: str, seed: float, width: float, height: float, steps: float, caller: gr.Request
    ) -> str:
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
        try:
            asked = asked_by([prompt, seed, width, height, steps], services.row)
            address = address_of(caller.request) if caller.request else ""
            api_calls.admit(services, address)
            frame = await api_calls.drawn(services, address, asked)
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
    # Gradio's own look at the values comes later, and is in the words of its components.
    page.check("generate", lambda values: asked_by(values, services.row))


def asked_by(values: Sequence[object], row: ModelRow) -> Asked:
    """What a call with `values` asks for, whatever they are. Raises `InvalidRequest`."""
    if len(values) != len(FIELDS):
        raise InvalidRequest("data", WRONG_COUNT.format(count=len(values)))
    given = dict(zip(FIELDS, values, strict=True))
    # Not written into the page: it is built once, and the model may be another one by now.
    fields = {
        name: value
        for name, value in given.items()
        if not (name in OPTIONAL and type(value) in (int, float) and value == 0)
    }
    return validate.asked(fields, row)


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
