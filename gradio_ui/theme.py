"""The theme: Gradio's variables set to the colours and type of the page; assets/pentimento.css has the same tokens."""

import gradio as gr

PAPER, PAPER_DARK = "#FAF8F4", "#141517"
SURFACE, SURFACE_DARK = "#FFFFFF", "#1C1D20"
INK, INK_DARK = "#1B1B1A", "#ECEAE4"
LINE, LINE_DARK = "#E4E0D8", "#2E3034"
ACCENT, ACCENT_DARK = "#2B4C9B", "#92ADF5"
QUIET, QUIET_DARK = "#5F5D58", "#A5A39D"
SANS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")


class PentimentoTheme(gr.themes.Base):
    """Paper and graphite, hairlines, one ultramarine accent; system fonts, so that nothing is fetched."""

    def __init__(self) -> None:
        super().__init__(font=SANS, font_mono=MONO, radius_size=gr.themes.sizes.radius_md)
        self.name = "pentimento"
        self.set(
            body_background_fill=PAPER,
            body_background_fill_dark=PAPER_DARK,
            body_text_color=INK,
            body_text_color_dark=INK_DARK,
            body_text_color_subdued=QUIET,
            body_text_color_subdued_dark=QUIET_DARK,
            background_fill_primary=SURFACE,
            background_fill_primary_dark=SURFACE_DARK,
            background_fill_secondary=PAPER,
            background_fill_secondary_dark=PAPER_DARK,
            border_color_primary=LINE,
            border_color_primary_dark=LINE_DARK,
            border_color_accent=ACCENT,
            border_color_accent_dark=ACCENT_DARK,
            color_accent=ACCENT,
            color_accent_soft="#E9EDF7",
            color_accent_soft_dark="#232A3B",
            link_text_color=ACCENT,
            link_text_color_dark=ACCENT_DARK,
            link_text_color_hover=INK,
            link_text_color_hover_dark=INK_DARK,
            block_background_fill=SURFACE,
            block_background_fill_dark=SURFACE_DARK,
            block_border_width="1px",
            block_shadow="none",
            block_shadow_dark="none",
            block_label_text_color=QUIET,
            block_label_text_color_dark=QUIET_DARK,
            block_title_text_color=INK,
            block_title_text_color_dark=INK_DARK,
            input_background_fill=SURFACE,
            input_background_fill_dark=SURFACE_DARK,
            input_border_color=LINE,
            input_border_color_dark=LINE_DARK,
            input_shadow="none",
            input_shadow_dark="none",
            button_primary_background_fill=ACCENT,
            button_primary_background_fill_dark=ACCENT_DARK,
            button_primary_background_fill_hover="#213C7D",
            button_primary_background_fill_hover_dark="#AABFF8",
            button_primary_text_color="#FFFFFF",
            button_primary_text_color_dark=PAPER_DARK,
            button_secondary_background_fill=SURFACE,
            button_secondary_background_fill_dark=SURFACE_DARK,
            button_secondary_border_color=LINE,
            button_secondary_border_color_dark=LINE_DARK,
            button_secondary_text_color=INK,
            button_secondary_text_color_dark=INK_DARK,
            button_primary_shadow="none",
            button_secondary_shadow="none",
            slider_color=ACCENT,
            slider_color_dark=ACCENT_DARK,
            checkbox_background_color_selected=ACCENT,
            checkbox_background_color_selected_dark=ACCENT_DARK,
            loader_color=ACCENT,
            loader_color_dark=ACCENT_DARK,
        )
