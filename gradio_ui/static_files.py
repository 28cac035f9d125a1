"""Our own static files: where they are, how the page addresses them, and how a gr.HTML mounts one of our modules."""

import json
import os
from pathlib import Path
from urllib.parse import quote

import gradio as gr
from gradio.data_classes import _StaticFiles

ASSETS = Path(__file__).resolve().parent / "assets"
FAVICON = ASSETS / "favicon.svg"


def stylesheets() -> list[Path]:
    """Return our style sheets; the tokens, which the others use, come first."""
    return sorted(ASSETS.glob("*.css"), key=lambda path: (path.name != "pentimento.css", path.name))


def publish(*folders: Path) -> None:
    """Let the page serve everything under these folders in place: only what anybody who may see the page may see."""
    published = set(_StaticFiles.all_paths)  # Gradio would keep what it is told again
    gr.set_static_paths([path for path in (ASSETS, *folders) if path.resolve() not in published])


def file_url(path: Path) -> str:
    """Return the URL, relative to the page, of a file in a published folder or in Gradio's temporary folder."""
    absolute = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow links out of the published folder
    here = Path.cwd()
    shown = absolute.relative_to(here) if absolute.is_relative_to(here) else absolute
    return "gradio_api/file=" + quote(shown.as_posix())


def mount(module: str, *events: str) -> str:
    """Return the `js_on_load` of a gr.HTML that is drawn by one of our ES modules.

    The module exports `mount({element, trigger, props, server, upload, watch})`.

    Args:
        module: file name in assets/, such as "search.js".
        events: names that the module triggers; `html.<name>(handler)` receives them in Python.
    """
    url = json.dumps(file_url(ASSETS / module))
    return (
        f"const events = {json.dumps(events)};\n"
        f"import(new URL({url}, document.baseURI).href)"
        ".then((module) => module.mount({element, trigger, props, server, upload, watch, events}))"
        ".catch((error) => { console.error(error);"
        ' element.textContent = "This part of the page could not be loaded: " + error; });'
    )
