"""The section of the settings in which LoRAs are chosen. The browser side is in `assets`."""

from html import escape

import gradio as gr

from klein_ui.ui.lora_routes import FIXED
from klein_ui.ui.services import Services

SECTION = """
<section class="klein-loras" aria-label="LoRAs">
  <div class="klein-loras-head">
    <h2>LoRAs <span class="klein-loras-count"></span></h2>
    <button type="button" class="klein-quiet" data-do="refresh"
      title="Look into the folder again">Refresh</button>
  </div>
  <input type="search" class="klein-lora-find" aria-label="Find a LoRA" placeholder="Find"
    autocomplete="off" autocapitalize="off" spellcheck="false" hidden>
  <ul class="klein-lora-list"></ul>
  <p class="klein-lora-line" role="status"></p>
  <p class="klein-loras-empty" hidden>Put .safetensors files into the folder <code>{folder}</code>
    and refresh{or_get}.</p>
  {fixed}
  <details class="klein-lora-hub" aria-label="Hub"{hidden}>
    <summary>Get one from the hub</summary>
    <form class="klein-lora-form">
      <input class="klein-lora-id" aria-label="Hub id" placeholder="somebody/their-lora"
        maxlength="300" autocomplete="off" autocapitalize="off" spellcheck="false"
        title="somebody/their-lora, or with a file of it: somebody/their-lora/file.safetensors;
 and @revision behind either">
      <button type="submit">Get</button>
    </form>
    <progress max="1" aria-label="Getting the LoRA" hidden></progress>
    <p class="klein-lora-line" role="status"></p>
  </details>
</section>
"""


def place(services: Services) -> None:
    """Put the section into the blocks being built."""
    folder = escape(str(services.loras.folder))
    is_fixed = services.settings.is_public
    html = SECTION.format(
        folder="loras" if is_fixed else folder,
        fixed=f"<p>{escape(FIXED)}</p>" if is_fixed else "",
        hidden=" hidden" if is_fixed else "",
        or_get="" if is_fixed else ", or get one from the hub",
    )
    gr.HTML(html, apply_default_css=False, js_on_load=None)
