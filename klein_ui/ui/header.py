"""What stands above the tabs: the name, the model, and the help."""

from html import escape

import gradio as gr

from klein_ui.models import ModelRow

HEADER = """
<header class="klein-header">
  <h1><span class="klein-mark" aria-hidden="true"></span>Klein Live</h1>
  <span class="klein-model">{title}</span>
  <details class="klein-help" aria-label="Help">
    <summary aria-label="Help and keyboard shortcuts">?</summary>
    <div class="klein-help-text">
      <p>The picture follows every letter: a small draft while you type, the full picture when
      you pause. In Edit it follows the images too; drop or paste them, and call them “image 1”,
      “image 2” in the instruction.</p>
      <dl>
        <dt><kbd>Ctrl</kbd> <kbd>Enter</kbd> or <kbd>⌘</kbd> <kbd>Enter</kbd></dt>
        <dd>new seed, another picture of the same words</dd>
        <dt><kbd>Ctrl</kbd> <kbd>C</kbd> or <kbd>⌘</kbd> <kbd>C</kbd></dt>
        <dd>copy the picture, when no text is selected</dd>
        <dt><kbd>Ctrl</kbd> <kbd>Z</kbd> or <kbd>⌘</kbd> <kbd>Z</kbd></dt>
        <dd>undo: what you typed, or outside of the text the last change of the images</dd>
        <dt><kbd>↑</kbd> <kbd>↓</kbd></dt><dd>on the handle of an image: move it</dd>
        <dt><kbd>/</kbd></dt><dd>back to the prompt</dd>
      </dl>
    </div>
  </details>
</header>
"""


def place(row: ModelRow) -> None:
    """Put the header into the blocks being built."""
    gr.HTML(HEADER.format(title=escape(row.title)), apply_default_css=False)
