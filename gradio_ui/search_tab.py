"""The Search tab: one component drawn by assets/search.js, and the functions it calls."""

from pathlib import Path
from typing import Any

import gradio as gr

from core.types import Json
from gradio_ui import export, handlers, steering
from gradio_ui.benchmark_tab import dial_functions
from gradio_ui.confidence import Calibrations
from gradio_ui.page import Page
from gradio_ui.shelf import uploaded
from gradio_ui.static_files import mount
from gradio_ui.steering import Measuring
from gradio_ui.why import why as explained


def build(page: Page) -> gr.HTML:
    """Lay out the tab; its functions are called directly by the page's JavaScript, without a queue."""
    from core.search.why import Reasons

    engine = page.engine
    calibrations = Calibrations()

    reasons = Reasons(engine)
    measuring = Measuring(engine)

    def search(request: Json) -> Json:
        def work() -> Json:
            address = str(request.get("gallery") or engine.default_address())
            waiting = measuring.under_way(address) if steering.weighs(request) else None
            if waiting is not None:
                return {"measuring": waiting}
            return handlers.search(engine, request, _picture(request), calibrations)

        return handlers.answered(work)

    def why(request: Json) -> Json:
        return handlers.answered(
            lambda: explained(engine, reasons, page.shelf, calibrations, measuring, request, _picture(request))
        )

    def cards(request: Json) -> Json:
        return handlers.answered(lambda: steering.cards(engine, request))

    def browse(request: Json) -> Json:
        return handlers.answered(lambda: handlers.browse(engine, request))

    def knobs(request: Json) -> Json:
        return handlers.answered(lambda: handlers.knobs(engine, request))

    def details(request: Json) -> Json:
        return handlers.answered(lambda: handlers.details(engine, page.shelf, request))

    def preview(request: Json) -> Json:
        return handlers.answered(lambda: handlers.preview(page.settings, page.shelf, uploaded(str(request["path"]))))

    def save(request: Json) -> Json:
        return handlers.answered(lambda: export.export(engine, page.shelf, request, _picture(request)))

    return gr.HTML(
        html_template='<div class="pm-search"></div>',
        js_on_load=mount("search.js"),
        server_functions=[search, browse, knobs, details, preview, save, why, cards, *dial_functions(page)],
        apply_default_css=False,
        elem_id="pm-search",
        max_upload_bytes=page.settings.max_upload_bytes,
    )


def _picture(request: dict[str, Any]) -> Path | None:
    return uploaded(str(request["path"])) if request.get("path") else None
