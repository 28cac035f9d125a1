"""Page: what every tab is handed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import gradio as gr

from core.settings import Settings
from gradio_ui.shelf import Shelf

if TYPE_CHECKING:
    from core.search import Engine


@dataclass(frozen=True)
class Page:
    """The engine and the components that tabs share.

    Attributes:
        engine: answers searches; shared by all visitors.
        settings: where things are, and limits.
        shelf: hands files to the browser.
        gallery: the selector in the header. Its value is the chosen gallery's address, such as
            "paintings@efficientnet_lite0"; use it as an input, and `gallery.change(...)` to follow it.
        tabs: the tabs; `gr.Tabs(selected=id)` as an output opens one.
        sent: by tab id, the picture that a person sent to that tab: {"gallery": address, "image_id": int} or
            {"path": str, "name": str} for an upload, with a "nonce" that makes each sending a change. Follow it with
            `sent["map"].change(...)`. In our JavaScript, `navigate` of assets/store.js does the same.
    """

    engine: "Engine"
    settings: Settings
    shelf: Shelf
    gallery: gr.HTML
    tabs: gr.Tabs
    sent: Mapping[str, gr.State]
