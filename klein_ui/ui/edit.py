"""The Edit tab: images, what to do with them, and the result. The browser side is in `assets`."""

from html import escape

import gradio as gr

from klein_ui.models import ModelRow
from klein_ui.roles import SENTENCES
from klein_ui.ui import controls, desk
from klein_ui.ui.refit import Fitted
from klein_ui.ui.services import Services

HINT = "Add an image, then type what to change."
PLACEHOLDER = "Make it night, as a line drawing"

LAYERS = """
<img class="klein-heat" alt="What changed" hidden>
<img class="klein-before" alt="Image 1 before the edit" hidden>
<canvas class="klein-region" role="img" hidden
  aria-label="Region that may change: paint with a pointer">
</canvas>
<input class="klein-split" type="range" min="0" max="100" value="50" step="any"
  aria-label="Before and after: how much of image 1 is shown" hidden>
"""

TOOLS = """
<div class="klein-tools" role="group" aria-label="Look and region">
  <button type="button" class="klein-tool" data-tool="compare" aria-pressed="false"
    title="Slide between image 1 and the result">Before / after</button>
  <button type="button" class="klein-tool" data-tool="changes" aria-pressed="false"
    title="Colour what differs from image 1">Show changes</button>
  <button type="button" class="klein-tool" data-tool="lock" aria-pressed="false"
    title="What hardly changed stays image 1's own pixels">Keep background</button>
  <button type="button" class="klein-tool" data-tool="region" aria-pressed="false"
    title="Paint where the picture may change; the rest stays as it is">Region</button>
  <span class="klein-brush" hidden>
    <button type="button" class="klein-tool" data-tool="erase" aria-pressed="false">Erase</button>
    <button type="button" class="klein-tool" data-tool="unmask">Remove region</button>
    <label>Brush <input type="range" class="klein-brush-size" min="2" max="40" value="12"
      aria-label="Brush size, percent of the picture"></label>
  </span>
  <p class="klein-tool-line" role="status" hidden></p>
</div>
"""

GALLERY = """
<section class="klein-gallery" aria-label="Images">
  <div class="klein-gallery-head">
    <h2>Images <span class="klein-gallery-count"></span></h2>
    <button type="button" class="klein-quiet" data-do="undo" disabled
      title="Take back the last change of the images">Undo</button>
  </div>
  <ol class="klein-cards"></ol>
  <div class="klein-add">
    <button type="button" data-do="choose">Add images</button>
    <button type="button" data-do="camera" title="Take a photo with the camera">Camera</button>
    <input type="file" class="klein-files" accept="image/png,image/jpeg,image/webp"
      multiple tabindex="-1" aria-hidden="true">
    <p>Drop or paste them anywhere here. <span class="klein-limit">{limit}</span></p>
  </div>
  <label class="klein-roles"><input type="checkbox" checked> Tell the model the roles</label>
  <p class="klein-reads" hidden></p>
  <button type="button" class="klein-quiet" data-do="sources" hidden
    title="Makes the picture once without each image and shows the difference"
    >Which image did this come from?</button>
  <datalist id="klein-role-words">{roles}</datalist>
  <dialog class="klein-camera" aria-label="Camera">
    <video autoplay playsinline muted></video>
    <p class="klein-camera-sentence" role="status"></p>
    <div><button type="button" data-do="shoot">Take photo</button>
      <button type="button" data-do="close-camera">Cancel</button></div>
  </dialog>
</section>
"""


def place(services: Services) -> list[Fitted]:
    """Put the tab into the blocks being built; what of it depends on the model."""
    row = services.row
    with gr.Row(**desk.named(desk.EDIT, "desk")):
        with gr.Column(**desk.named(desk.EDIT, "main")):
            desk.place_stage(desk.EDIT, row, HINT, LAYERS)
            desk.place_prompt(desk.EDIT, "Instruction", PLACEHOLDER, {}, autofocus=False)
            gr.HTML(TOOLS, apply_default_css=False, js_on_load=None)
        with gr.Column(**desk.named(desk.EDIT, "side")):
            gr.HTML(_gallery(row), apply_default_css=False, js_on_load=None)
            controls.place_actions(desk.EDIT, {"use-result": "Use as image 1"})
            return controls.place_settings(desk.EDIT, services, follows_image=True)


def _gallery(row: ModelRow) -> str:
    roles = "".join(f'<option value="{escape(role)}">' for role in SENTENCES)
    limit = f"{row.title} looks at up to {row.max_references} at once."
    return GALLERY.format(roles=roles, limit=escape(limit))
