"""The Moodboard tab: boards, and on them what was pinned. The browser side is in `assets`."""

from html import escape

import gradio as gr

from klein_ui.pins import MAX_NOTE_CHARS, MAX_TITLE_CHARS
from klein_ui.roles import SENTENCES

BOARD_ID = "klein-board-desk"
"""Where `boot.js` finds it, as it finds the desks."""

PAGE = """
<section class="klein-board" aria-label="Moodboard">
  <div class="klein-boards" role="tablist" aria-label="Boards"></div>
  <div class="klein-board-bar" role="toolbar" aria-label="Board">
    <div class="klein-board-calm">
      <input class="klein-board-title" aria-label="Title of the board" maxlength="{title}"
        autocomplete="off">
      <input class="klein-board-find" type="search" placeholder="Find words or tags"
        aria-label="Find pins by words or tags">
      <button type="button" data-do="all">Select all</button>
      <button type="button" data-do="drop">Delete board</button>
    </div>
    <div class="klein-board-chosen" hidden>
      <span class="klein-board-count" role="status"></span>
      <button type="button" data-do="edit"
        title="Take these to the Edit tab, as images in their roles">Use in Edit</button>
      <button type="button" data-do="live"
        title="Its words and settings, in the Live tab">Go on from here</button>
      <button type="button" data-do="compare">Compare</button>
      <button type="button" data-do="blend">Blend</button>
      <button type="button" data-do="star" title="Star (S)">Star</button>
      <button type="button" data-do="delete" title="Delete (Del)">Delete</button>
      <button type="button" data-do="none" title="Escape">Done</button>
    </div>
    <select class="klein-board-export" aria-label="Export" hidden>
      <option value="">Export…</option>
      <option value="zip">ZIP with everything</option>
      <option value="sheet.png">Contact sheet (PNG)</option>
      <option value="sheet.pdf">Contact sheet (PDF)</option>
      <option value="png">Pictures (PNG)</option>
    </select>
  </div>
  <p class="klein-board-notice" hidden><span role="status"></span>
    <button type="button" data-do="undo">Undo</button></p>
  <div class="klein-board-body">
    <div class="klein-wall" role="listbox" aria-multiselectable="true" aria-label="Pins"
      tabindex="0"></div>
    <div class="klein-wall-empty" hidden>
      <p class="klein-hint">Nothing is pinned here yet.</p>
      <p>Press <kbd>Ctrl</kbd> <kbd>S</kbd> or <kbd>⌘</kbd> <kbd>S</kbd> while a picture is on
        screen, or “Pin” beside it.</p>
    </div>
    <p class="klein-inspector-none">Choose a pin to see its words, colours and settings.</p>
    <aside class="klein-inspector" aria-label="The chosen pin" hidden>
      <button type="button" class="klein-inspector-picture" aria-label="Look at it large"><img
        alt=""></button>
      <div class="klein-palette" role="group" aria-label="Palette: press a colour to copy it"></div>
      <input class="klein-pin-title" aria-label="Title" placeholder="Title" maxlength="{title}">
      <p class="klein-pin-prompt"></p>
      <dl class="klein-pin-facts"></dl>
      <input class="klein-pin-role" aria-label="Role as an image" placeholder="Role as an image"
        list="klein-pin-roles" maxlength="80" autocapitalize="off">
      <input class="klein-pin-tags" aria-label="Tags, with commas between them"
        placeholder="Tags, with commas">
      <textarea class="klein-pin-note" aria-label="Note" placeholder="Note" rows="3"
        maxlength="{note}"></textarea>
    </aside>
  </div>
  <datalist id="klein-pin-roles">{roles}</datalist>
  <dialog class="klein-large" aria-label="Pin">
    <img alt="">
    <p></p>
    <button type="button" data-do="close" aria-label="Close">×</button>
  </dialog>
</section>
"""


def place() -> None:
    """Put the tab into the blocks being built."""
    roles = "".join(f'<option value="{escape(role)}">' for role in SENTENCES)
    text = PAGE.format(title=MAX_TITLE_CHARS, note=MAX_NOTE_CHARS, roles=roles)
    gr.HTML(text, apply_default_css=False, js_on_load=None, elem_id=BOARD_ID)
