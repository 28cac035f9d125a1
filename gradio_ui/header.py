"""The header: wordmark, gallery chips, light and dark; and sending pictures from one tab to another."""

from typing import TYPE_CHECKING, Any

import gradio as gr

from core.settings import Settings
from core.types import Json
from gradio_ui import handlers
from gradio_ui.page import Page
from gradio_ui.static_files import mount, publish

if TYPE_CHECKING:
    from core.search import Engine


def build(engine: "Engine", settings: Settings, tabs: list[Json]) -> gr.HTML:
    """Lay out the header and return it: its value is the address of the chosen gallery.

    Args:
        engine: what has galleries.
        settings: say where their thumbnails are.
        tabs: {"id", "title", "accepts"} of each tab.
    """

    def galleries(_: Any = None) -> Json:
        def work() -> Json:
            found = handlers.galleries(engine)
            publish(*(settings.datasets / entry["dataset"] / "thumbnails" for entry in found))
            return {"galleries": found, "default": engine.default_address() if found else None, "tabs": tabs}

        return handlers.answered(work)

    return gr.HTML(
        value=engine.default_address(),
        html_template='<header class="pm-header"></header>',
        js_on_load=mount("header.js", "send"),
        server_functions=[galleries],
        apply_default_css=False,
        elem_id="pm-header",
    )


def wire(page: Page) -> None:
    """Let the JavaScript of any tab send a picture to another tab, through the header, which is always there."""
    names = list(page.sent)

    def deliver(event: gr.EventData) -> list[Any]:
        picture = dict(event._data["picture"])
        return [picture if name == event._data["tab"] else gr.skip() for name in names]

    page.gallery.send(
        deliver, None, [page.sent[name] for name in names], show_progress="hidden", api_visibility="private"
    )
