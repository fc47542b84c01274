"""The Live tab: a picture of what is typed. The browser side is in `assets`."""

import gradio as gr

from klein_ui.ui import controls, desk
from klein_ui.ui.refit import Fitted
from klein_ui.ui.services import Services

HINT = "Type what you want to see."
PLACEHOLDER = "A quiet lake at dawn, mountains, watercolour"


def place(services: Services) -> list[Fitted]:
    """Put the tab into the blocks being built; what of it depends on the model."""
    row = services.row
    with gr.Row(**desk.named(desk.LIVE, "desk")):
        with gr.Column(**desk.named(desk.LIVE, "main")):
            desk.place_stage(desk.LIVE, row, HINT)
            desk.place_prompt(desk.LIVE, "Prompt", PLACEHOLDER, autofocus=True)
            chips = controls.place_chips(desk.LIVE, row)
        with gr.Column(**desk.named(desk.LIVE, "side")):
            controls.place_actions(desk.LIVE, {"edit-this": "Edit this"})
            settings = controls.place_settings(desk.LIVE, services)
    return [*chips, *settings]
