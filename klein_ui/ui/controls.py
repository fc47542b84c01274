"""The widgets beside and under a prompt. Their changes stay in the browser."""

import json
from collections.abc import Mapping
from typing import Any

import gradio as gr

from klein_ui.models import ModelRow
from klein_ui.ui import loras, sizes
from klein_ui.ui.desk import named
from klein_ui.ui.refit import Fit, Fitted
from klein_ui.ui.services import Services
from klein_ui.validate import MAX_SEED

STYLES = ("flat", "line drawing", "pixel art", "neon", "watercolour", "monochrome")
"""Words that every model here knows."""

MORE_STYLES = ("photograph", "oil painting", "isometric", "paper cut")
"""Words for the models that know more."""

TELL_SETTINGS = "(...values) => {{ window.kleinLive.settings({desk}, {names}, values); }}"


def place_chips(desk: str, row: ModelRow) -> list[Fitted]:
    """A row of style words that go into the prompt at a press."""
    with gr.Row(**named(desk, "chips")):
        for word in STYLES:
            _chip(word)
        return [Fitted(_chip(word, **_knows_more(row)), _knows_more) for word in MORE_STYLES]


def place_actions(desk: str, more: Mapping[str, str]) -> None:
    """Copy, download, pin, and further buttons: their names, and what is written on them."""
    with gr.Row(**named(desk, "actions")):
        for part, words in {"copy": "Copy", "download": "Download", "pin": "Pin", **more}.items():
            gr.Button(words, size="sm", min_width=0, **named(desk, part))


def place_settings(desk: str, services: Services, *, follows_image: bool = False) -> list[Fitted]:
    """The settings of a request; those that depend on the model."""
    gr.Button("Settings", size="sm", min_width=0, **named(desk, "fold"))
    with gr.Column(**named(desk, "settings")):
        widgets = _settings(desk, services.row, follows_image)
        loras.place(services)
    gr.on(
        # Events are attributes that gradio makes at run time.
        [getattr(widget, "change") for widget in widgets.values()],  # noqa: B009
        fn=None,
        inputs=list(widgets.values()),
        js=TELL_SETTINGS.format(desk=json.dumps(desk), names=json.dumps(list(widgets))),
        show_progress="hidden",
        api_visibility="private",
    )
    return [Fitted(widgets[name], fit) for name, fit in FITS.items()]


def _settings(desk: str, row: ModelRow, follows_image: bool) -> dict[str, gr.components.Component]:
    """The widgets by the names under which `settings.js` reads their values."""
    with gr.Row(**named(desk, "seed-row")):
        seed = gr.Number(
            label="Seed",
            value=sizes.DEFAULT_SEED,
            precision=0,
            minimum=0,
            maximum=MAX_SEED,
            min_width=0,
            **named(desk, "seed"),
        )
        gr.Button("New seed", size="sm", scale=0, min_width=0, **named(desk, "reroll"))
    keep = gr.Checkbox(label="Keep this seed", value=True, container=False, **named(desk, "keep"))
    aspect = gr.Radio(
        (*sizes.ASPECTS, sizes.AS_IMAGE) if follows_image else sizes.ASPECTS,
        value=sizes.AS_IMAGE if follows_image else sizes.DEFAULT_ASPECT,
        label="Aspect",
        **named(desk, "aspect"),
    )
    side = gr.Radio(
        label="Size: longer side in pixels", **_sides(row), **named(desk, "side-length")
    )
    draft = gr.Radio(label="Draft size, while typing", **_drafts(row), **named(desk, "draft"))
    steps = gr.Slider(1, step=1, label="Steps", **_steps(row), **named(desk, "steps"))
    guidance = gr.Slider(
        1,
        step=0.5,
        label="Guidance: how closely to follow the prompt",
        **_guidance(row),
        **named(desk, "guidance"),
    )
    widgets: dict[str, gr.components.Component] = {
        "seed": seed,
        "keep": keep,
        "aspect": aspect,
        "side": side,
        "draft": draft,
        "steps": steps,
        "guidance_scale": guidance,
    }
    if follows_image:
        widgets["small"] = gr.Checkbox(
            label="Small images while typing", value=True, container=False, **named(desk, "small")
        )
    return widgets


def _chip(word: str, **fit: Any) -> gr.Button:
    return gr.Button(word, elem_classes="klein-chip", size="sm", scale=0, min_width=0, **fit)


def _knows_more(row: ModelRow) -> Fit:
    return {"visible": not row.built_in}


def _sides(row: ModelRow) -> Fit:
    return {"choices": _choices(sizes.picture_sides(row)), "value": str(row.default_side)}


def _drafts(row: ModelRow) -> Fit:
    return {"choices": _choices(sizes.draft_sides(row)), "value": str(row.draft_side)}


def _steps(row: ModelRow) -> Fit:
    return {"maximum": row.max_steps, "value": row.steps}


def _guidance(row: ModelRow) -> Fit:
    """A slider needs a way to go even where nobody sees it."""
    most = max(row.max_guidance_scale, 2.0)
    return {"maximum": most, "value": row.guidance_scale, "visible": row.is_guided}


def _choices(sides: tuple[int, ...]) -> list[str]:
    return [str(side) for side in sides]


FITS = {"side": _sides, "draft": _drafts, "steps": _steps, "guidance_scale": _guidance}
"""Settings that depend on the model, and how."""
