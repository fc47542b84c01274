"""The page's own scripts and styles: small files in `assets`, put into one inline block."""

import json
from pathlib import Path

from klein_ui.models import ModelRow
from klein_ui.ui import sizes, wire
from klein_ui.uploads import MAX_UPLOAD_BYTES, TOO_LARGE
from klein_ui.validate import MAX_LORA_SCALE, MAX_LORAS, MAX_PROMPT_CHARS

ASSETS = Path(__file__).parent / "assets"
FAVICON = ASSETS / "favicon.svg"
SCRIPTS = (
    "wire",
    "socket",
    "lane",
    "link",
    "stage",
    "status",
    "loading",
    "models",
    "prompt",
    "chips",
    "widgets",
    "settings",
    "lorafolder",
    "loras",
    "saving",
    "permalink",
    "exporting",
    "menu",
    "actions",
    "keys",
    "tabs",
    "pinedits",
    "boardstore",
    "pinning",
    "desk",
    "images",
    "cards",
    "uploads",
    "opening",
    "camera",
    "region",
    "compare",
    "tools",
    "editing",
    "diff",
    "moments",
    "strip",
    "playback",
    "timemachine",
    "variations",
    "pincompare",
    "blend",
    "pincard",
    "wall",
    "picking",
    "arranging",
    "boardnames",
    "inspector",
    "largeview",
    "board",
    "diagnostics",
    "main",
    "boot",
)
"""Script names in order; the last one starts the rest."""
STYLES = (
    "page",
    "stage",
    "prompt",
    "side",
    "menu",
    "loras",
    "strip",
    "variations",
    "edit",
    "gallery",
    "board",
    "inspector",
    "pair",
    "diagnostics",
    "widths",
)
"""Style sheet names in order; the last one bends the others to the width of the screen."""


def head(row: ModelRow, *, only_events: bool = False) -> str:
    """What goes into the page's head: styles, then the scripts in a scope of their own.

    With `only_events` the page opens no socket and asks by Gradio's events alone.
    """
    styles = "\n".join(asset(f"{name}.css") for name in STYLES)
    return f"<style>{styles}</style>\n<script>{script(row, only_events=only_events)}</script>"


def script(row: ModelRow, *, only_events: bool = False) -> str:
    """All scripts as one function, so that only `window.kleinLive` is global."""
    parts = [asset(f"{name}.js") for name in SCRIPTS]
    # A model's name must not be able to end the script block.
    config = json.dumps({**_config(row), "onlyEvents": only_events}).replace("<", "\\u003c")
    return "(() => {\n" + f'"use strict";\nconst CONFIG = {config};\n' + "\n".join(parts) + "})();"


def asset(name: str) -> str:
    """The text of a file in `assets`."""
    return (ASSETS / name).read_text(encoding="utf-8")


def _config(row: ModelRow) -> dict[str, object]:
    return {
        "promptChars": MAX_PROMPT_CHARS,
        "seed": sizes.DEFAULT_SEED,
        "aspect": sizes.DEFAULT_ASPECT,
        "aspects": list(sizes.ASPECTS),
        "upload": {"bytes": MAX_UPLOAD_BYTES, "sentence": TOO_LARGE},
        "loras": {"most": MAX_LORAS, "highest": MAX_LORA_SCALE},
        "row": wire.greeting(row),
    }
