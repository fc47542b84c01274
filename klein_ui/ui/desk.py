"""A desk: the picture, the prompt under it, and a column beside. Every tab has one."""

from collections.abc import Mapping
from html import escape
from typing import TypedDict

import gradio as gr

from klein_ui.models import ModelRow
from klein_ui.validate import MAX_PROMPT_CHARS

LIVE, EDIT = "klein", "klein-edit"
"""The desks by the beginning of their parts' ids; `desk.js` finds parts by their classes."""

STAGE = """
<div class="klein-well" data-prompt="empty" data-picture="no">
  <div class="klein-mat">
    <canvas class="klein-picture" role="img" aria-label="No picture yet" width="1" height="1">
    </canvas>
    {layers}
    <div class="klein-empty">
      <p class="klein-hint">{hint}</p>
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
  <span id="{desk}-message-text" class="klein-message-text" role="status"></span>
  <span id="{desk}-counter" class="klein-counter" hidden></span>
</div>
"""


class Named(TypedDict):
    """What every Gradio part may be called."""

    elem_id: str
    elem_classes: str


def named(desk: str, part: str) -> Named:
    """The id and class of a part."""
    return Named(elem_id=f"{desk}-{part}", elem_classes=f"klein-{part}")


def place_stage(desk: str, row: ModelRow, hint: str, layers: str = "") -> None:
    """The picture with its status line; `layers` is markup that lies on the picture."""
    about = escape(row.about if row.built_in else row.restriction)
    gr.HTML(
        STAGE.format(about=about, hint=escape(hint), layers=layers),
        apply_default_css=False,
        js_on_load=None,
        **named(desk, "stage"),
    )


def place_prompt(
    desk: str, label: str, placeholder: str, more: Mapping[str, str], *, autofocus: bool
) -> None:
    """The prompt box, and under it one sentence, `more` buttons by their names with what is written
    on them, and the one that empties it."""
    gr.Textbox(
        label=label,
        placeholder=placeholder,
        lines=2,
        max_lines=6,
        max_length=MAX_PROMPT_CHARS,
        autofocus=autofocus,
        autoscroll=False,
        html_attributes=gr.InputHTMLAttributes(
            autocomplete="off", autocapitalize="off", spellcheck=False, enterkeyhint="enter"
        ),
        **named(desk, "prompt"),
    )
    with gr.Row(**named(desk, "under-prompt")):
        gr.HTML(MESSAGE.format(desk=desk), apply_default_css=False, js_on_load=None)
        for part, words in more.items():
            gr.Button(words, size="sm", scale=0, min_width=0, **named(desk, part))
        gr.Button("Clear", size="sm", scale=0, min_width=0, **named(desk, "clear"))
