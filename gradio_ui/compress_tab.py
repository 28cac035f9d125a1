"""The Compress tab: one component drawn by assets/compress.js, and the functions it calls."""

import json
from typing import Any

import gradio as gr

from core.types import Json
from gradio_ui import compress_search
from gradio_ui.compress_handlers import Workbench, source_of
from gradio_ui.handlers import answered
from gradio_ui.page import Page
from gradio_ui.shelf import uploaded
from gradio_ui.static_files import mount


def build(page: Page) -> gr.HTML:
    """Lay out the tab; its functions are called directly by the page's JavaScript, without a queue."""
    bench = Workbench(page.engine, page.settings, page.shelf)

    def open_picture(request: Json) -> Json:
        def work() -> Json:
            path = uploaded(str(request["path"])) if request.get("path") else None
            return bench.open(*source_of(page.engine, request, path))

        return answered(work)

    def measure(request: Json) -> Json:
        return answered(lambda: bench.measure(str(request["key"]), int(request["position"])))

    def show(request: Json) -> Json:
        return answered(lambda: bench.show(str(request["key"]), int(request["position"])))

    def rival(request: Json) -> Json:
        return answered(lambda: bench.rival(str(request["key"]), str(request["name"]), int(request["bytes"])))

    def curve(request: Json) -> Json:
        return answered(lambda: bench.curve(str(request["key"]), str(request["name"])))

    def chart(request: Json) -> Json:
        return answered(
            lambda: bench.chart(str(request["key"]), int(request["position"]), int(request.get("width") or 0))
        )

    def downloads(request: Json) -> Json:
        return answered(lambda: bench.downloads(str(request["key"]), int(request["position"])))

    def compare_search(request: Json) -> Json:
        return answered(
            lambda: compress_search.compare_search(
                bench, str(request["gallery"]), str(request["key"]), int(request["position"])
            )
        )

    def open_archive(request: Json) -> Json:
        return answered(
            lambda: compress_search.open_archive(
                uploaded(str(request["path"])), str(request.get("name") or ""), int(request.get("first") or 0)
            )
        )

    def search_archive(request: Json) -> Json:
        def work() -> Json:
            query = uploaded(str(request["query"])) if request.get("query") else int(request["row"])
            return compress_search.search_archive(bench, uploaded(str(request["path"])), query)

        return answered(work)

    def restore_archived(request: Json) -> Json:
        def work() -> Json:
            rows = [int(row) for row in request["rows"]]
            return compress_search.restored(bench, uploaded(str(request["path"])), rows)

        return answered(work)

    component = gr.HTML(
        value="",
        html_template='<div class="pm-compress"></div>',
        js_on_load=mount("compress.js"),
        server_functions=[
            open_picture, measure, show, rival, curve, chart, downloads, compare_search, open_archive, search_archive,
            restore_archived,
        ],
        apply_default_css=False,
        elem_id="pm-compress",
        max_upload_bytes=page.settings.max_upload_bytes,
    )  # fmt: skip
    if "compress" in page.sent:
        page.sent["compress"].change(
            _as_text, page.sent["compress"], component, show_progress="hidden", api_visibility="private"
        )
    return component


def _as_text(picture: Any) -> str:
    """Return what was sent here as the component's value."""
    return json.dumps(picture) if picture else ""
