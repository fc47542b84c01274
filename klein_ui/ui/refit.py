"""The widgets that depend on the model, and how they follow when it is another one.

Gradio builds a page once, for the model of that moment. A page that hears of another one fires the
hidden part here, which brings what each of these widgets shows for the model of now.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from klein_ui.models import ModelRow
from klein_ui.ui.services import Services

SCRIPT = "window.kleinLive.refit(() => trigger('refit'))"

Fit = dict[str, Any]
"""Arguments of a widget that depend on the model."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A widget, and what it is given for a model."""

    widget: gr.components.Component
    fit: Callable[[ModelRow], Fit]


def place(services: Services, fitted: Sequence[Fitted]) -> None:
    """Put the hidden part that pages fire into the blocks being built."""

    def refit() -> list[dict[str, Any]]:
        row = services.row
        return [gr.update(**one.fit(row)) for one in fitted]

    part = gr.HTML(
        value="", html_template="", visible="hidden", apply_default_css=False, js_on_load=SCRIPT
    )
    part.refit(
        refit,
        outputs=[one.widget for one in fitted],
        trigger_mode="always_last",
        concurrency_limit=None,
        show_progress="hidden",
        api_visibility="private",
    )
