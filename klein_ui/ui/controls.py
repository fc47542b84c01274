"""The Live tab's widgets beside the prompt. Their changes stay in the browser."""

import gradio as gr

from klein_ui.models import ModelRow
from klein_ui.ui import sizes
from klein_ui.validate import MAX_SEED

STYLES = ("flat", "line drawing", "pixel art", "neon", "watercolour", "monochrome")
"""Words that every model here knows."""

MORE_STYLES = ("photograph", "oil painting", "isometric", "paper cut")
"""Words for the models that know more."""

TELL_SETTINGS = "(...values) => { window.kleinLive.settings(...values); }"


def place_chips(row: ModelRow) -> None:
    """A row of style words that go into the prompt at a press."""
    words = STYLES if row.built_in else STYLES + MORE_STYLES
    with gr.Row(elem_id="klein-chips"):
        for word in words:
            gr.Button(word, elem_classes="klein-chip", size="sm", scale=0, min_width=0)


def place(row: ModelRow) -> None:
    """Copy, download, and the settings of a request."""
    with gr.Row(elem_id="klein-actions"):
        gr.Button("Copy", elem_id="klein-copy", size="sm", min_width=0)
        gr.Button("Download", elem_id="klein-download", size="sm", min_width=0)
    gr.Button("Settings", elem_id="klein-fold", size="sm", min_width=0)
    with gr.Column(elem_id="klein-settings"):
        widgets = _settings(row)
    gr.on(
        # Events are attributes that gradio makes at run time.
        [getattr(widget, "change") for widget in widgets],  # noqa: B009
        fn=None,
        inputs=widgets,
        js=TELL_SETTINGS,
        show_progress="hidden",
        api_visibility="private",
    )


def _settings(row: ModelRow) -> list[gr.components.Component]:
    """The widgets, in the order that `settings.js` reads their values."""
    with gr.Row(elem_id="klein-seed-row"):
        seed = gr.Number(
            label="Seed",
            value=sizes.DEFAULT_SEED,
            precision=0,
            minimum=0,
            maximum=MAX_SEED,
            elem_id="klein-seed",
            min_width=0,
        )
        gr.Button("New seed", elem_id="klein-reroll", size="sm", scale=0, min_width=0)
    keep = gr.Checkbox(label="Keep this seed", value=True, elem_id="klein-keep", container=False)
    aspect = gr.Radio(
        sizes.ASPECTS, value=sizes.DEFAULT_ASPECT, label="Aspect", elem_id="klein-aspect"
    )
    side = gr.Radio(
        _choices(sizes.picture_sides(row)),
        value=str(row.default_side),
        label="Size: longer side in pixels",
        elem_id="klein-side-length",
    )
    draft = gr.Radio(
        _choices(sizes.draft_sides(row)),
        value=str(row.draft_side),
        label="Draft size, while typing",
        elem_id="klein-draft",
    )
    steps = gr.Slider(
        1, row.max_steps, value=row.steps, step=1, label="Steps", elem_id="klein-steps"
    )
    return [seed, keep, aspect, side, draft, steps]


def _choices(sides: tuple[int, ...]) -> list[str]:
    return [str(side) for side in sides]
