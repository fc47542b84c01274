"""The Moodboard tab: boards, the wall of a board's pins, and what is known of one."""

from html import escape

import gradio as gr

from klein_ui.roles import SENTENCES
from klein_ui.ui.desk import named

BOARD = "klein-board"

HEAD = """
<nav class="klein-boards" aria-label="Boards">
  <div class="klein-board-names klein-fading"><span class="klein-board-title">Moodboard</span></div>
  <button type="button" class="klein-board-new" title="New board" aria-label="New board">+</button>
</nav>
<div class="klein-board-bar" role="toolbar" aria-label="Board">
  <input type="search" class="klein-board-search" placeholder="Search"
    aria-label="Search this board" autocomplete="off" spellcheck="false">
  <span class="klein-board-count" role="status"></span>
  <button type="button" class="klein-quiet" data-do="all" aria-keyshortcuts="Control+A Meta+A"
    hidden>Select all</button>
  <span class="klein-board-export" hidden>
    <button type="button" aria-haspopup="menu" aria-expanded="false"
      title="The selected pins, or the whole board">Export…</button>
    <div class="klein-menu" role="menu" aria-label="Export" hidden>
      <button type="button" role="menuitem" tabindex="-1" data-do="zip">ZIP
        <small>opens as a board again</small></button>
      <hr>
      <button type="button" role="menuitem" tabindex="-1" data-do="sheet.png">Contact sheet, PNG
        <small>one picture</small></button>
      <button type="button" role="menuitem" tabindex="-1" data-do="sheet.pdf">Contact sheet, PDF
        <small>to print</small></button>
      <hr>
      <button type="button" role="menuitem" tabindex="-1" data-do="png">Pictures, PNG
        <small>several as ZIP</small></button>
      <button type="button" role="menuitem" tabindex="-1" data-do="webp">Pictures, WebP
        <small>and their requests, as ZIP</small></button>
      <button type="button" role="menuitem" tabindex="-1" data-do="jpeg">Pictures, JPEG
        <small>and their requests, as ZIP</small></button>
    </div>
  </span>
  <span class="klein-board-actions" role="group" aria-label="Selected pins">
    <span class="klein-board-acts klein-fading">
      <button type="button" data-do="edit" title="As images of the Edit tab, with their roles"
        >Use in Edit</button>
      <button type="button" data-do="live" title="Its words and settings into the Live tab"
        >Go on from here</button>
      <button type="button" data-do="compare" title="Two pins on top of each other">Compare</button>
      <button type="button" data-do="blend" title="What lies between two pins">Blend</button>
      <button type="button" data-do="delete" aria-keyshortcuts="Delete">Delete</button>
    </span>
    <button type="button" data-do="none" aria-label="Select nothing" title="Escape">×</button>
  </span>
  <button type="button" class="klein-quiet" data-do="details" aria-expanded="false">Details</button>
  <button type="button" class="klein-quiet" data-do="delete-board" hidden>Delete board</button>
</div>
"""

ROOM = """
<div class="klein-board-room">
  <div class="klein-hang">
    <ol class="klein-wall" role="listbox" aria-multiselectable="true" aria-label="Pins"></ol>
    <div class="klein-board-empty" hidden>
      <div class="klein-frames" aria-hidden="true"><i></i><i></i><i></i></div>
      <p class="klein-board-empty-title">Hang the first picture</p>
      <p>Press <b>Pin</b> beside any picture, or <kbd>Ctrl</kbd> <kbd>S</kbd> (<kbd>⌘</kbd>
      <kbd>S</kbd>) while you type. It stays here until you take it down.</p>
      <button type="button" data-do="go-live">Make a picture</button>
    </div>
    <p class="klein-board-none" hidden>No pin has these words.</p>
  </div>
  <aside class="klein-inspector" aria-label="Pin">
    <div class="klein-sheet-grip"><span aria-hidden="true"></span>
      <button type="button" data-do="details" aria-label="Close the details">×</button></div>
    <p class="klein-inspector-hint"></p>
    <div class="klein-inspector-pin" hidden>
      <button type="button" class="klein-inspector-look" aria-label="Open large"
        ><img alt=""></button>
      <div class="klein-palette" role="group" aria-label="Palette, a click copies"></div>
      <div class="klein-inspector-title">
        <input class="klein-pin-title" dir="auto" aria-label="Title" placeholder="Title"
          maxlength="200">
        <button type="button" class="klein-star" aria-pressed="false" aria-label="Star"
          aria-keyshortcuts="S" title="Star (S)">☆</button>
      </div>
      <p class="klein-pin-unsaved" role="status" hidden>Not saved yet</p>
      <p class="klein-pin-prompt" tabindex="0" aria-label="Words of this pin"></p>
      <label>Note<textarea class="klein-pin-note" dir="auto" rows="2"
        maxlength="5000"></textarea></label>
      <label>Tags<input class="klein-pin-tags" placeholder="sea, blue" autocapitalize="off"></label>
      <label>Role in Edit<input class="klein-pin-role" list="klein-pin-roles" placeholder="None"
        maxlength="80" autocapitalize="off"></label>
      <dl class="klein-pin-settings"></dl>
    </div>
  </aside>
</div>
<datalist id="klein-pin-roles">{roles}</datalist>
<div class="klein-board-notice" hidden><span role="status"></span>
  <button type="button">Undo</button></div>
<dialog class="klein-large" aria-label="Pin, large">
  <img alt=""><p></p>
  <button type="button" data-way="-1" aria-label="The pin before">‹</button>
  <button type="button" data-way="1" aria-label="The pin after">›</button>
  <button type="button" data-way="0" aria-label="Close">×</button>
</dialog>
"""


def place() -> None:
    """Put the tab into the blocks being built. The browser side fills it."""
    roles = "".join(f'<option value="{escape(role)}">' for role in SENTENCES)
    with gr.Column(elem_id=f"{BOARD}-desk", elem_classes=BOARD):
        gr.HTML(HEAD, apply_default_css=False, js_on_load=None, **named(BOARD, "head"))
        gr.HTML(ROOM.format(roles=roles), apply_default_css=False, js_on_load=None)
