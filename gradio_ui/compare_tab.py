"""The Compare tab: one component drawn by assets/compare.js, and the functions it calls."""

import json
from pathlib import Path
from typing import Any

import gradio as gr

from core.archive.comparing import GalleryCodes
from core.types import Json
from gradio_ui import compare_handlers, handlers, xray_handlers
from gradio_ui.page import Page
from gradio_ui.shelf import uploaded
from gradio_ui.static_files import mount
from gradio_ui.xray_handlers import Looking


def build(page: Page) -> gr.HTML:
    """Lay out the tab; its functions are called directly by the page's JavaScript, without a queue."""
    engine, codes, looking = page.engine, GalleryCodes(), Looking()

    def compare(request: Json) -> Json:
        return handlers.answered(lambda: compare_handlers.compare(engine, codes, request, _picture(request)))

    def reasons(request: Json) -> Json:
        return handlers.answered(lambda: compare_handlers.reasons(engine, codes, looking, request, _picture(request)))

    def save(request: Json) -> Json:
        return handlers.answered(lambda: compare_handlers.save(engine, codes, page.shelf, request, _picture(request)))

    def xray(request: Json) -> Json:
        return handlers.answered(lambda: xray_handlers.look(engine, looking, request, _picture(request)))

    def table(request: Json) -> Json:
        return handlers.answered(lambda: xray_handlers.table(engine, looking, request, _picture(request)))

    def members(request: Json) -> Json:
        return handlers.answered(lambda: xray_handlers.members(engine, looking, request, _picture(request)))

    def preview(request: Json) -> Json:
        return handlers.answered(lambda: handlers.preview(page.settings, page.shelf, uploaded(str(request["path"]))))

    component = gr.HTML(
        value="",
        html_template='<div class="pm-compare"></div>',
        js_on_load=mount("compare.js"),
        server_functions=[compare, reasons, save, xray, table, members, preview],
        apply_default_css=False,
        elem_id="pm-compare",
        max_upload_bytes=page.settings.max_upload_bytes,
    )
    if "compare" in page.sent:
        page.sent["compare"].change(
            _as_text, page.sent["compare"], component, show_progress="hidden", api_visibility="private"
        )
    return component


def _picture(request: Json) -> Path | None:
    return uploaded(str(request["path"])) if request.get("path") else None


def _as_text(picture: Any) -> str:
    """Return what was sent here as the component's value."""
    return json.dumps(picture) if picture else ""
