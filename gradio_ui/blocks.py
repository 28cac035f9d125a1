"""The page: header, the one list of tabs, and the programmatic end points."""

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import gradio as gr

from core import datasets
from core.settings import Settings
from gradio_ui import api, header
from gradio_ui.page import Page
from gradio_ui.shelf import Shelf
from gradio_ui.static_files import publish

if TYPE_CHECKING:
    from core.search import Engine


@dataclass(frozen=True)
class Tab:
    """One tab of the page.

    Attributes:
        id: in the URL and in `Page.sent`.
        title: what the tab says.
        module: in gradio_ui; its `build(page)` lays the tab out.
        accepts: label of the button that sends a picture to this tab; empty when it takes none.
    """

    id: str
    title: str
    module: str
    accepts: str = ""


TABS = (
    Tab("search", "Search", "search_tab"),
    Tab("compress", "Compress", "compress_tab", accepts="Compress it"),
    Tab("map", "Map", "map_tab", accepts="Show on the map"),
    Tab("compare", "Compare", "compare_tab", accepts="Compare indexes"),
    Tab("benchmark", "Benchmark", "benchmark_tab"),
)

_HOUR_S = 3600


def build_app(settings: Settings, engine: "Engine | None" = None) -> gr.Blocks:
    """Lay out the page and wire its events.

    Args:
        settings: where galleries are, and limits.
        engine: made from the settings when it is not given.
    """
    if engine is None:
        from core.search import Engine

        engine = Engine(settings)
    publish(*(settings.datasets / name / "thumbnails" for name in datasets.names(settings)))
    with gr.Blocks(
        title="Pentimento", analytics_enabled=False, fill_width=True, delete_cache=(_HOUR_S, _HOUR_S)
    ) as blocks:
        sent = {tab.id: gr.State(None) for tab in TABS}
        gallery = header.build(
            engine, settings, [{"id": tab.id, "title": tab.title, "accepts": tab.accepts} for tab in TABS]
        )
        with gr.Tabs(selected="search", elem_id="pm-tabs") as tabs:
            page = Page(engine, settings, Shelf(blocks), gallery, tabs, sent)
            for tab in TABS:
                with gr.Tab(tab.title, id=tab.id, elem_id=f"pm-tab-{tab.id}"):
                    importlib.import_module(f"gradio_ui.{tab.module}").build(page)
        header.wire(page)
        api.build(page)
    return blocks
