"""The Live tab: one picture, one prompt, and quiet controls. The browser side is in `assets`."""

from html import escape

import gradio as gr

from klein_ui.models import ModelRow
from klein_ui.ui import controls
from klein_ui.ui.lane import Lanes
from klein_ui.ui.services import Services
from klein_ui.validate import MAX_PROMPT_CHARS

HEADER = """
<header class="klein-header">
  <h1><span class="klein-mark" aria-hidden="true"></span>Klein Live</h1>
  <span class="klein-model">{title}</span>
  <details class="klein-help" aria-label="Help">
    <summary aria-label="Help and keyboard shortcuts">?</summary>
    <div class="klein-help-text">
      <p>The picture follows every letter: a small draft while you type, the full picture when
      you pause.</p>
      <dl>
        <dt><kbd>Ctrl</kbd> <kbd>Enter</kbd> or <kbd>⌘</kbd> <kbd>Enter</kbd></dt>
        <dd>new seed, another picture of the same words</dd>
        <dt><kbd>Ctrl</kbd> <kbd>C</kbd> or <kbd>⌘</kbd> <kbd>C</kbd></dt>
        <dd>copy the picture, when no text is selected</dd>
        <dt><kbd>Ctrl</kbd> <kbd>Z</kbd> or <kbd>⌘</kbd> <kbd>Z</kbd></dt>
        <dd>undo, also of a style or of Clear</dd>
        <dt><kbd>/</kbd></dt><dd>back to the prompt</dd>
      </dl>
    </div>
  </details>
</header>
"""

STAGE = """
<div class="klein-well" data-prompt="empty" data-picture="no">
  <div class="klein-mat">
    <canvas role="img" aria-label="No picture yet" width="1" height="1"></canvas>
    <div class="klein-empty">
      <p class="klein-hint">Type what you want to see.</p>
      <div class="klein-loading" hidden>
        <progress max="1" aria-label="Loading the model"></progress>
        <p class="klein-loading-sentence" role="status"></p>
      </div>
    </div>
  </div>
</div>
<div class="klein-status">
  <span class="klein-numbers">&nbsp;</span>
  <span class="klein-about">{about}</span>
  <span class="klein-size"></span>
</div>
<p class="klein-announce klein-unseen" aria-live="polite"></p>
"""

MESSAGE = """
<div class="klein-message">
  <span id="klein-message-text" role="status"></span>
  <span id="klein-counter" hidden></span>
</div>
"""

LANE_SCRIPT = "window.kleinLive.lane(props, () => trigger('send'), watch)"


def place(services: Services, blocks: gr.Blocks) -> None:
    """Put the tab into `blocks`, which are being built."""
    row = services.row
    with gr.Column(elem_id="klein-live"):
        gr.HTML(HEADER.format(title=escape(row.title)), apply_default_css=False)
        with gr.Row(elem_id="klein-desk"):
            with gr.Column(elem_id="klein-main"):
                _picture_and_prompt(row)
            with gr.Column(elem_id="klein-side"):
                controls.place(row)
    _fallback(services, blocks)


def _picture_and_prompt(row: ModelRow) -> None:
    about = escape(row.about) if row.built_in else ""
    gr.HTML(
        STAGE.format(about=about), elem_id="klein-stage", apply_default_css=False, js_on_load=None
    )
    gr.Textbox(
        label="Prompt",
        elem_id="klein-prompt",
        placeholder="A quiet lake at dawn, mountains, watercolour",
        lines=2,
        max_lines=6,
        max_length=MAX_PROMPT_CHARS,
        autofocus=True,
        autoscroll=False,
        html_attributes=gr.InputHTMLAttributes(
            autocomplete="off", autocapitalize="off", spellcheck=False, enterkeyhint="enter"
        ),
    )
    with gr.Row(elem_id="klein-under-prompt"):
        gr.HTML(MESSAGE, apply_default_css=False, js_on_load=None)
        gr.Button("Clear", elem_id="klein-clear", size="sm", scale=0, min_width=0)
    controls.place_chips(row)


def _fallback(services: Services, blocks: gr.Blocks) -> None:
    """The way through Gradio's events, for where no WebSocket can be had."""
    lanes = Lanes(services)
    part = gr.HTML(
        value="",
        elem_id="klein-lane",
        html_template="",
        visible="hidden",
        apply_default_css=False,
        js_on_load=LANE_SCRIPT,
    )
    part.send(
        lanes.follow,
        inputs=[part],
        outputs=[part],
        js="() => window.kleinLive.takeRequest()",
        trigger_mode="multiple",
        concurrency_limit=None,
        show_progress="hidden",
        api_visibility="private",
    )
    blocks.unload(lanes.left)
