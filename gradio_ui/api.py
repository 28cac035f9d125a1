"""End points for programs (gradio_client): galleries, search, details. Everything else on the page is private."""

import json
from pathlib import Path
from typing import Any

import gradio as gr

from core.types import Json
from gradio_ui import handlers
from gradio_ui.page import Page

_AT_ONCE = 8


def build(page: Page) -> None:
    """Add the end points; they have no visible components."""
    engine = page.engine

    def galleries() -> list[Json]:
        return handlers.or_gradio_error(lambda: {"galleries": handlers.galleries(engine)})["galleries"]

    def search(
        picture: str | None,
        gallery: str,
        image_id: float,
        k: float,
        index: str,
        where: str,
        knobs: str,
        region: str,
    ) -> Json:
        def work() -> Json:
            request = {
                "gallery": gallery,
                "id": int(image_id) if image_id >= 0 else None,
                "k": int(k),
                "index": index,
                "where": _object(where, "where"),
                "knobs": _object(knobs, "knobs"),
                "region": json.loads(region) if region else None,
            }
            return _with_files(handlers.outcome_of(engine, request, Path(picture) if picture else None).to_json())

        return handlers.or_gradio_error(work)

    def details(gallery: str, image_id: float) -> Json:
        return handlers.or_gradio_error(
            lambda: handlers.details(engine, page.shelf, {"gallery": gallery, "id": image_id})
        )

    with gr.Column(visible=False):
        picture = gr.File(label="picture: the image to search with, or null to search with image_id", type="filepath")
        gallery = gr.Textbox(
            value="", label='gallery: dataset@encoder, as /galleries lists them; "" is the default one'
        )
        image_id = gr.Number(
            label="image_id: a stored picture of the gallery when no picture is given; -1: none", value=-1
        )
        count = gr.Number(label="k: how many results, 1 to 500", value=20)
        index = gr.Textbox(value="", label='index: its name, as /galleries lists them; "" is the default one')
        where = gr.Textbox(
            value="", label='where: JSON object of filters, such as {"culture": ["Dutch"], "begin_year": {"min": 1600}}'
        )
        knobs = gr.Textbox(value="", label='knobs: JSON object for the index, such as {"n_probe": 16}')
        region = gr.Textbox(
            value="", label="region: JSON list [x0, y0, x1, y1] in fractions of the picture, or empty for all of it"
        )
        found = gr.JSON(label="answer")
        asked = gr.Number(label="image_id: a stored picture of the gallery")
        called = [gr.Button(visible=False) for _ in range(3)]
    called[0].click(
        galleries, None, found, api_name="galleries", api_description="List the galleries with indexes and facets."
    )
    called[1].click(
        search,
        [picture, gallery, image_id, count, index, where, knobs, region],
        found,
        api_name="search",
        api_description=(
            "Find the most similar pictures; the answer is that of `python -m core search --json`, "
            'with "file" for "path".'
        ),
        concurrency_limit=_AT_ONCE,
    )
    called[2].click(
        details,
        [gallery, asked],
        found,
        api_name="details",
        api_description="Everything known about one stored picture, with URLs of the large and the original picture.",
        concurrency_limit=_AT_ONCE,
    )


def _with_files(outcome: Json) -> Json:
    """Return the outcome with "file" for "path": gradio_client would download whatever has a path."""
    renamed = [{"file" if name == "path" else name: value for name, value in one.items()} for one in outcome["results"]]
    return {**outcome, "results": renamed}


def _object(text: str, what: str) -> dict[str, Any]:
    value = json.loads(text) if text and text.strip() else {}
    if not isinstance(value, dict):
        raise ValueError(f"{what} must be a JSON object, got {text!r}")
    return value
