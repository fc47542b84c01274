"""The Live tab: a picture of what is typed. The browser side is in `assets`."""

import gradio as gr

from klein_ui.ui import controls, desk
from klein_ui.ui.refit import Fitted
from klein_ui.ui.services import Services

HINT = "Type what you want to see."
STRIP = """
<section class="klein-strip" aria-label="Moments">
  <button type="button" class="klein-earlier" aria-label="The moment before"
    aria-keyshortcuts="Alt+ArrowLeft" disabled>‹</button>
  <div class="klein-moments" role="listbox" aria-label="Moments, oldest first"
    aria-orientation="horizontal" tabindex="0"></div>
  <button type="button" class="klein-later" aria-label="The moment after"
    aria-keyshortcuts="Alt+ArrowRight" disabled>›</button>
  <div class="klein-times">
    <p class="klein-caption">Every moment of your typing will be kept here.</p>
    <button type="button" class="klein-play" aria-label="Play the moments" aria-pressed="false"
      disabled>▶</button>
    <button type="button" class="klein-clip" aria-label="Save clip" disabled>Clip</button>
    <button type="button" class="klein-gif" aria-label="Save clip as GIF" disabled>GIF</button>
  </div>
</section>
"""
VARIATIONS = {"variations": "Variations"}
PLACEHOLDER = "A quiet lake at dawn, mountains, watercolour"


TILES = """
<div class="klein-tiles" role="group" aria-label="Variations" hidden>
  <canvas class="klein-tile-picture" width="1" height="1"></canvas>
  <canvas class="klein-tile-picture" width="1" height="1"></canvas>
  <canvas class="klein-tile-picture" width="1" height="1"></canvas>
  <button type="button" class="klein-tile"><span></span></button>
  <button type="button" class="klein-tile"><span></span></button>
  <button type="button" class="klein-tile"><span></span></button>
  <button type="button" class="klein-tile"><span></span></button>
</div>
"""
"""Three pictures beside the desk's own, and on each of the four what chooses it."""


def place(services: Services) -> list[Fitted]:
    """Put the tab into the blocks being built; what of it depends on the model."""
    row = services.row
    with gr.Row(**desk.named(desk.LIVE, "desk")):
        with gr.Column(**desk.named(desk.LIVE, "main")):
            desk.place_stage(desk.LIVE, row, HINT, TILES)
            gr.HTML(STRIP, apply_default_css=False, js_on_load=None)
            desk.place_prompt(desk.LIVE, "Prompt", PLACEHOLDER, VARIATIONS, autofocus=True)
            chips = controls.place_chips(desk.LIVE, row)
        with gr.Column(**desk.named(desk.LIVE, "side")):
            controls.place_actions(desk.LIVE, {"edit-this": "Edit this"})
            settings = controls.place_settings(desk.LIVE, services)
    return [*chips, *settings]
