"""End points for programs and assistants: search and what explains it, pictures, compression, the map, indexes.

gradio_client and any program reach them over HTTP, assistants as MCP tools of the same names. Everything else on the
page is private. The names of parameters, their labels and the docstrings here are what others read.
"""

import inspect
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from core.types import Json
from gradio_ui import compare_api, handlers, tools, words
from gradio_ui.confidence import Calibrations
from gradio_ui.page import Page

if TYPE_CHECKING:
    from PIL import Image as Pillow

_AT_ONCE = 8
_PICTURE = "the image, uploaded or by its http(s) or data: URL; leave it out and give image_id for a stored one"
_GALLERY = 'dataset@encoder, as galleries lists them, such as paintings; "" is the default one'
_STORED = "number of a stored picture of the gallery, as search returns it; -1: none"


def build(page: Page) -> None:
    """Add the end points; they have no visible components."""
    from core.search.why import Reasons

    engine = page.engine
    bench = tools.Tools(page)
    reasons, calibrations = Reasons(engine), Calibrations()

    def galleries() -> list[Json]:
        """List the collections that can be searched: address, title, number of pictures, indexes and filters."""
        return handlers.or_gradio_error(lambda: {"galleries": handlers.galleries(engine)})["galleries"]

    def search(
        picture: str | None = None,
        gallery: str = "",
        image_id: float = -1,
        k: float = 20,
        index: str = "",
        where: str = "",
        knobs: str = "",
        region: str = "",
        words: str = "",
        by: str = "labels",
        mix: float = 0.5,
        steer: str = "",
    ) -> Json:
        """Find pictures of a gallery: those most similar to a picture, those that fit words, or both together.

        Give a picture, the number of a stored one, or words. Results come best first with their numbers (image_id),
        which the other functions take, and metadata such as artist, title and date. Similarity is a cosine: 1 is the
        same picture; it is null where only words were looked for. With steer a search by picture is moved towards
        results and away from others, takes more pictures, weighs colour and texture, and varies its results.
        """

        def work() -> Json:
            request = {
                "gallery": gallery,
                "id": int(image_id) if image_id >= 0 else None,
                "k": int(k),
                "index": index,
                "where": _object(where, "where"),
                "knobs": _object(knobs, "knobs"),
                "region": json.loads(region) if region else None,
                "words": words,
                "by": by,
                "mix": mix,
                "steer": _object(steer, "steer"),
            }
            outcome = handlers.outcome_of(engine, request, Path(picture) if picture else None)
            return _with_files(outcome.to_json()) | _read(engine, outcome.gallery, request)

        return handlers.or_gradio_error(work)

    def details(gallery: str, image_id: float) -> Json:
        """Return everything known about one stored picture as JSON, with URLs of the large and the original picture."""
        return handlers.or_gradio_error(
            lambda: handlers.details(engine, page.shelf, {"gallery": gallery, "id": image_id})
        )

    def why(picture: str | None = None, gallery: str = "", image_id: float = -1, result: float = -1) -> Json:
        """Say why a stored picture, result, resembles another picture: in what it shows, in colours, in texture.

        Each has a score and its percentile among random pairs of the gallery. Matching regions are boxes (x0, y0, x1,
        y1) in fractions of either picture, and heat maps say which parts add most to the similarity.
        """

        def work() -> Json:
            request = {"gallery": gallery, "id": int(image_id) if image_id >= 0 else None}
            address = str(gallery or engine.default_address())
            query = handlers.query_of(engine, address, request, Path(picture) if picture else None)
            known = calibrations.known(engine, address)
            return reasons.why(address, query, int(result), calibration=known).to_json()

        return handlers.or_gradio_error(work)

    def describe(picture: str | None = None, gallery: str = "", image_id: float = -1) -> "tuple[Pillow.Image, str]":
        """Show a picture and say in words what is known about it.

        Of a stored picture: artist, title, date, every recorded field, licence and source. Of a new one: its size, and
        which pictures of the gallery resemble it, and whether that is a good match.
        """
        return handlers.or_gradio_error(lambda: bench.describe(picture, gallery, image_id))

    def compress(
        picture: str | None = None, gallery: str = "", image_id: float = -1, most_bytes: float = 0, quality: float = 3
    ) -> "tuple[Pillow.Image, Json]":
        """Compress a picture with the learned codec and restore it: the restored picture, and what it cost.

        Measured are bytes, ratio to raw pixels, bits per pixel, PSNR in dB, SSIM, MS-SSIM and times.
        """
        return handlers.or_gradio_error(lambda: bench.compress(picture, gallery, image_id, most_bytes, quality))

    def map_(picture: str | None = None, gallery: str = "", image_id: float = -1) -> Json:
        """Say where a picture lies on the gallery's map, which pictures are around it, and how far to trust that.

        x grows to the right and y downwards, from -1 to 1. A stored picture has a trust, 0 to 1; a new one is placed
        among its look-alikes, with the share of them that are also near it on the map, and doubts in words.
        """
        return handlers.or_gradio_error(lambda: bench.place(picture, gallery, image_id))

    map_.__name__ = "map"  # the tool's name
    compare, explain = compare_api.end_points(engine)

    with gr.Column(visible=False):
        picture = gr.File(label=f"picture: {_PICTURE}", type="filepath")
        gallery = gr.Textbox(value="", label=f"gallery: {_GALLERY}")
        image_id = gr.Number(label=f"image_id: {_STORED}", value=-1)
        count = gr.Number(label="k: how many results, 1 to 500", value=20)
        index = gr.Textbox(value="", label='index: its name, as galleries lists them; "" is the default one')
        where = gr.Textbox(
            value="", label='where: JSON object of filters, such as {"culture": ["Dutch"], "begin_year": {"min": 1600}}'
        )
        knobs = gr.Textbox(value="", label='knobs: JSON object for the index, such as {"n_probe": 16}')
        region = gr.Textbox(
            value="", label="region: JSON list [x0, y0, x1, y1] in fractions of the picture, or empty for all of it"
        )
        text = gr.Textbox(value="", label="words: what to look for, such as vermeer, or a storm at sea")
        by = gr.Dropdown(
            ["labels", "meaning"],
            value="labels",
            label="by: look for the words in the labels (titles, artists, places, notes), or for pictures by their "
            "meaning, where the gallery's encoder understands words",
        )
        mix = gr.Number(value=0.5, label="mix: by meaning and with a picture, the words' weight beside it, 0 to 1")
        steer = gr.Textbox(
            value="",
            label='steer: JSON object, each part optional: {"plus": [ids], "minus": [ids], "also": [{"id": 7}], '
            '"weights": {"content": 1, "colour": 0.5, "texture": 0.2}, "variety": 0 to 1, "hide_duplicates": true}',
        )
        result = gr.Number(label="result: number of the stored picture that is to be explained", value=-1)
        asked = gr.Number(label="image_id: a stored picture of the gallery")
        neighbours = gr.Number(value=10, label="neighbours: how many true neighbours to look for, 1 to 50")
        filters = gr.Textbox(value="", label="filters: JSON object, as for search, or empty")
        coded = gr.Dropdown(["ivfpq", "opq-ivfpq", "lopq"], value="ivfpq", label="index: which one to look into")
        probes = gr.Number(value=0, label="n_probe: lists that are opened; 0: as many as by default")
        most_bytes = gr.Number(value=0, label="most_bytes: the most that the stream may take; 0: as quality says")
        quality = gr.Number(value=3, label="quality: 0 (smallest) to 5, used when most_bytes is 0")
        found = gr.JSON(label="answer")
        shown = gr.Image(label="picture", type="pil", format="webp")
        restored = gr.Image(label="restored", type="pil", format="png")  # exactly what came out
        said = gr.Textbox(label="description")
    one = [picture, gallery, image_id]
    for function, inputs, outputs in (
        (galleries, None, found),
        (search, [*one, count, index, where, knobs, region, text, by, mix, steer], found),
        (details, [gallery, asked], found),
        (why, [*one, result], found),
        (describe, one, [shown, said]),
        (compress, [*one, most_bytes, quality], [restored, found]),
        (map_, one, found),
        (compare, [*one, neighbours, filters], found),
        (explain, [*one, neighbours, coded, probes, filters], found),
    ):
        _document(function, inputs or [])
        gr.Button(visible=False).click(
            function, inputs, outputs, api_name=function.__name__, concurrency_limit=_AT_ONCE
        )


def _document(function: Callable[..., Any], inputs: Sequence[gr.components.Component]) -> None:
    """Put what the labels say about the parameters into the docstring, where assistants are told of them."""
    said = [str(one.label).partition(": ") for one in inputs]
    lines = "".join(f"    {name}: {text}\n" for name, _, text in said)
    function.__doc__ = f"{inspect.getdoc(function)}\n\nArgs:\n{lines}" if lines else function.__doc__


def _read(engine: Any, gallery: str, request: Json) -> Json:
    """Return {"words": how they were read} where words were asked for."""
    from core.search import words as wording

    if not words.asked(request):
        return {}
    meaning = words.by_meaning(request)
    found = None if meaning else wording.understood(engine, gallery, request["words"], request["where"])
    return {"words": wording.to_json(request["words"], "meaning" if meaning else "labels", found)}


def _with_files(outcome: Json) -> Json:
    """Return the outcome with "file" for "path": gradio_client would download whatever has a path."""
    renamed = [{"file" if name == "path" else name: value for name, value in one.items()} for one in outcome["results"]]
    return {**outcome, "results": renamed}


def _object(text: str, what: str) -> dict[str, Any]:
    value = json.loads(text) if text and text.strip() else {}
    if not isinstance(value, dict):
        raise ValueError(f"{what} must be a JSON object, got {text!r}")
    return value
