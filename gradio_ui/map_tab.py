"""The Map tab: one component drawn by assets/map/tab.js, and the functions it calls."""

import json
import threading
from typing import Any

import gradio as gr

from core.types import Json
from gradio_ui import handlers, map_handlers
from gradio_ui.jobs import Jobs
from gradio_ui.page import Page
from gradio_ui.shelf import uploaded
from gradio_ui.static_files import mount


def build(page: Page) -> gr.HTML:
    """Lay out the tab; its functions are called directly by the page's JavaScript, without a queue."""
    engine, settings, jobs = page.engine, page.settings, Jobs("Building the map")

    def open_map(request: Json) -> Json:
        gallery = str(request["gallery"])
        if jobs.is_building(gallery):
            return {"state": "building"}
        return handlers.answered(lambda: map_handlers.open_map(engine, settings, gallery))

    def build_map(request: Json) -> Json:
        from core.projection import build as build_map_of
        from core.search import parse_address

        def work() -> Json:
            address = parse_address(str(request["gallery"]), settings)
            jobs.start(str(request["gallery"]), lambda progress: build_map_of(address, settings, progress, refit=True))
            return {"state": "building"}

        return handlers.answered(work)

    def map_progress(request: Json) -> Json:
        return jobs.state(str(request["gallery"]))

    def cancel_map(request: Json) -> Json:
        jobs.cancel(str(request["gallery"]))
        return {}

    def neighbours(request: Json) -> Json:
        gallery = str(request["gallery"])
        return handlers.answered(lambda: map_handlers.neighbours(engine, settings, gallery, int(request["id"])))

    def place(request: Json) -> Json:
        gallery = str(request["gallery"])
        return handlers.answered(lambda: map_handlers.place(engine, settings, gallery, uploaded(str(request["path"]))))

    def alike(request: Json) -> Json:
        return handlers.answered(
            lambda: map_handlers.alike(engine, str(request["gallery"]), map_handlers.request_ids(request))
        )

    def save_selection(request: Json) -> Json:
        kind, name = str(request.get("kind")), str(request.get("name") or "")
        ids = map_handlers.request_ids(request)
        return handlers.answered(
            lambda: map_handlers.save(engine, page.shelf, str(request["gallery"]), kind, ids, name)
        )

    component = gr.HTML(
        value="",
        html_template='<div class="pm-map"></div>',
        js_on_load=mount("map/tab.js"),
        server_functions=[open_map, build_map, map_progress, cancel_map, neighbours, place, alike, save_selection],
        apply_default_css=False,
        elem_id="pm-map",
        max_upload_bytes=settings.max_upload_bytes,
    )
    if "map" in page.sent:
        page.sent["map"].change(_as_text, page.sent["map"], component, show_progress="hidden", api_visibility="private")
    threading.Thread(target=map_handlers.warm_up, args=(engine, settings), name="map warm-up", daemon=True).start()
    return component


def _as_text(picture: Any) -> str:
    """Return what was sent here as the component's value."""
    return json.dumps(picture) if picture else ""
