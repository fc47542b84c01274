"""What stands above the tabs: the name, the picker of the model, and the help."""

from html import escape

import gradio as gr

from klein_ui.models import ModelRow
from klein_ui.ui.services import Services
from klein_ui.ui.socket import FIXED

ANOTHER = "Another model, for everybody who uses this app now"
HEADER = """
<header class="klein-header">
  <h1><span class="klein-mark" aria-hidden="true"></span>Klein Live</h1>
  <select class="klein-model" aria-label="Model"
    title="{title}"{disabled}>{options}</select>
  <details class="klein-help" aria-label="Help">
    <summary aria-label="Help and keyboard shortcuts">?</summary>
    <div class="klein-help-text">
      <p>The picture follows every letter: a small draft while you type, the full picture when
      you pause. In Edit it follows the images too; drop or paste them, and call them “image 1”,
      “image 2” in the instruction.</p>
      <p>A saved picture holds its prompt and settings: drop it here, or a saved board, and you
      have them back. <span class="klein-leaving">{leaving}</span></p>
      <dl>
        <dt><kbd>Ctrl</kbd> <kbd>Enter</kbd> or <kbd>⌘</kbd> <kbd>Enter</kbd></dt>
        <dd>new seed, another picture of the same words</dd>
        <dt><kbd>Ctrl</kbd> <kbd>C</kbd> or <kbd>⌘</kbd> <kbd>C</kbd></dt>
        <dd>copy the picture, when no text is selected</dd>
        <dt><kbd>Ctrl</kbd> <kbd>S</kbd> or <kbd>⌘</kbd> <kbd>S</kbd></dt>
        <dd>pin the picture to the Moodboard, and type on</dd>
        <dt><kbd>Ctrl</kbd> <kbd>Z</kbd> or <kbd>⌘</kbd> <kbd>Z</kbd></dt>
        <dd>undo: what you typed, or outside of the text the last change of the images</dd>
        <dt><kbd>Alt</kbd> <kbd>←</kbd> and <kbd>Alt</kbd> <kbd>→</kbd></dt>
        <dd>the moment before, and the one after; arrows alone on the strip under the picture</dd>
        <dt><kbd>↑</kbd> <kbd>↓</kbd></dt><dd>on the handle of an image: move it</dd>
        <dt><kbd>Alt</kbd> with arrows</dt><dd>on the Moodboard: move what is picked</dd>
        <dt><kbd>/</kbd></dt><dd>back to the prompt</dd>
      </dl>
      <details class="klein-diagnostics">
        <summary>Diagnostics</summary>
        <div class="klein-diagnostics-figures" tabindex="0" role="region" aria-label="Figures">
          <table></table>
        </div>
        <button type="button" disabled>Copy</button>
        <span class="klein-diagnostics-said" role="status"></span>
      </details>
    </div>
  </details>
</header>
"""


def place(services: Services) -> None:
    """Put the header into the blocks being built."""
    chosen = services.row
    options = "".join(_option(row, row == chosen) for row in services.choices.rows)
    leaving = escape(services.exporter.about())
    title, disabled = (FIXED, " disabled") if services.settings.is_public else (ANOTHER, "")
    html = HEADER.format(options=options, leaving=leaving, title=escape(title), disabled=disabled)
    gr.HTML(html, apply_default_css=False, js_on_load=None)


def _option(row: ModelRow, is_chosen: bool) -> str:
    words = f"{row.title} ({row.licence})" if row.restriction else row.title
    selected = " selected" if is_chosen else ""
    return f'<option value="{escape(row.name)}"{selected}>{escape(words)}</option>'
