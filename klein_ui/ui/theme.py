"""The looks of the page as Gradio theme variables; the layout is in the sheets of `assets`."""

import gradio as gr

SANS = ("ui-sans-serif", "system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
MONO = ("ui-monospace", "SF Mono", "Cascadia Mono", "Menlo", "Consolas", "monospace")

KLEIN_BLUE = gr.themes.Color(
    name="klein_blue",
    c50="#eef2ff",
    c100="#dfe6ff",
    c200="#c2cfff",
    c300="#9db1ff",
    c400="#7a93ff",
    c500="#3f5fe0",
    c600="#1a44c4",
    c700="#002fa7",
    c800="#00237d",
    c900="#001a5c",
    c950="#000f38",
)
STONE = gr.themes.Color(
    name="klein_stone",
    c50="#fafaf9",
    c100="#f3f3f1",
    c200="#e6e6e3",
    c300="#d2d2ce",
    c400="#a3a39e",
    c500="#6f6f6a",
    c600="#555550",
    c700="#3b3b38",
    c800="#242423",
    c900="#191918",
    c950="#111110",
)


class KleinTheme(gr.themes.Base):
    """Paper and ink, one blue, system fonts: nothing is loaded from outside."""

    def __init__(self) -> None:
        super().__init__(
            primary_hue=KLEIN_BLUE,
            secondary_hue=KLEIN_BLUE,
            neutral_hue=STONE,
            radius_size=gr.themes.sizes.radius_md,
            font=SANS,
            font_mono=MONO,
        )
        self.name = "klein"
        super().set(**_SURFACES, **_WIDGETS, **_BUTTONS)


_SURFACES = {
    "body_background_fill": "*neutral_50",
    "body_background_fill_dark": "*neutral_950",
    "body_text_color": "*neutral_900",
    "body_text_color_dark": "*neutral_100",
    "body_text_color_subdued": "*neutral_600",
    "body_text_color_subdued_dark": "*neutral_400",
    "background_fill_primary": "white",
    "background_fill_primary_dark": "*neutral_900",
    "background_fill_secondary": "*neutral_100",
    "background_fill_secondary_dark": "*neutral_800",
    "border_color_primary": "*neutral_200",
    "border_color_primary_dark": "*neutral_700",
    "color_accent": "*primary_700",
    "block_background_fill": "transparent",
    "block_background_fill_dark": "transparent",
    "block_border_width": "0px",
    "block_border_width_dark": "0px",
    "block_padding": "0",
    "block_shadow": "none",
    "block_label_background_fill": "transparent",
    "block_label_background_fill_dark": "transparent",
    "block_title_text_color": "*body_text_color_subdued",
    "block_title_text_color_dark": "*body_text_color_subdued",
    "block_title_text_size": "*text_sm",
    "block_title_text_weight": "500",
    "layout_gap": "0",
    "form_gap_width": "0",
}

_WIDGETS = {
    "input_background_fill": "white",
    "input_background_fill_dark": "*neutral_900",
    "input_background_fill_focus": "white",
    "input_background_fill_focus_dark": "*neutral_900",
    "input_border_color": "*neutral_300",
    "input_border_color_dark": "*neutral_700",
    "input_border_color_focus": "*primary_700",
    "input_border_color_focus_dark": "*primary_400",
    "input_border_width": "1px",
    "input_placeholder_color": "*neutral_500",
    "input_placeholder_color_dark": "*neutral_400",
    "input_shadow": "none",
    "input_shadow_dark": "none",
    "input_shadow_focus": "none",
    "input_shadow_focus_dark": "none",
    "slider_color": "*primary_700",
    "slider_color_dark": "*primary_400",
    "checkbox_background_color_selected": "*primary_700",
    "checkbox_background_color_selected_dark": "*primary_500",
    "checkbox_border_color": "*neutral_400",
    "checkbox_border_color_dark": "*neutral_500",
    "checkbox_border_color_selected": "*primary_700",
    "checkbox_border_color_selected_dark": "*primary_500",
    "checkbox_label_background_fill": "transparent",
    "checkbox_label_background_fill_dark": "transparent",
    "checkbox_label_background_fill_hover": "*neutral_100",
    "checkbox_label_background_fill_hover_dark": "*neutral_800",
    "checkbox_label_border_width": "0px",
    "checkbox_label_shadow": "none",
    "checkbox_shadow": "none",
}

_BUTTONS = {
    "button_transition": "background-color 120ms ease, border-color 120ms ease",
    "button_border_width": "1px",
    "button_secondary_background_fill": "white",
    "button_secondary_background_fill_dark": "*neutral_900",
    "button_secondary_background_fill_hover": "*neutral_100",
    "button_secondary_background_fill_hover_dark": "*neutral_800",
    "button_secondary_border_color": "*neutral_300",
    "button_secondary_border_color_dark": "*neutral_700",
    "button_secondary_border_color_hover": "*neutral_400",
    "button_secondary_border_color_hover_dark": "*neutral_500",
    "button_secondary_text_color": "*neutral_800",
    "button_secondary_text_color_dark": "*neutral_100",
    "button_small_text_weight": "500",
}
