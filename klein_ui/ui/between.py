"""What lies over the page for two pins: one beside the other, and what is between them."""

import gradio as gr

DIALOGS = """
<dialog class="klein-pair klein-pin-compare" aria-label="Two pins beside each other">
  <div class="klein-pair-stage">
    <img class="klein-pair-a" alt="A">
    <img class="klein-pair-b" alt="B">
    <span class="klein-pair-name" data-of="a">A</span>
    <span class="klein-pair-name" data-of="b">B</span>
    <input class="klein-split" type="range" min="0" max="100" value="50" step="any"
      aria-label="How much of A is shown">
  </div>
  <table class="klein-pair-table">
    <thead><tr><th></th><th scope="col">A</th><th scope="col">B</th></tr></thead>
    <tbody></tbody>
  </table>
  <details class="klein-pair-same"><summary>Same in both</summary>
    <table class="klein-pair-table"><tbody></tbody></table></details>
  <div class="klein-pair-bar">
    <button type="button" data-do="swap">Swap</button>
    <button type="button" data-do="close">Close</button>
  </div>
</dialog>
<dialog class="klein-pair klein-blend" aria-label="Between two pins">
  <div class="klein-pair-stage">
    <canvas class="klein-blend-picture" role="img" aria-label="The blend" width="1" height="1">
    </canvas>
  </div>
  <div class="klein-blend-way">
    <figure><img class="klein-blend-a" alt="A"><figcaption>A</figcaption></figure>
    <input class="klein-share" type="range" min="0" max="1" value="0.5" step="0.01"
      aria-label="How much of B">
    <figure><img class="klein-blend-b" alt="B"><figcaption>B</figcaption></figure>
  </div>
  <p class="klein-pair-line" role="status"></p>
  <div class="klein-pair-bar">
    <label>Pictures <select class="klein-walk-count" aria-label="Pictures of the walk">
      <option>8</option><option selected>16</option><option>24</option><option>48</option>
    </select></label>
    <select class="klein-walk-kind" aria-label="Kind of file">
      <option value="webp">Clip (WebP)</option>
      <option value="gif">Clip (GIF)</option>
      <option value="strip">Strip (PNG)</option>
    </select>
    <button type="button" data-do="walk">Save walk</button>
    <button type="button" data-do="keep">Pin this</button>
    <button type="button" data-do="close">Close</button>
  </div>
</dialog>
"""


def place() -> None:
    """Put the dialogs into the blocks being built; they open over any tab."""
    gr.HTML(
        DIALOGS,
        apply_default_css=False,
        js_on_load=None,
        elem_id="klein-between",
        elem_classes="klein-between",
    )
