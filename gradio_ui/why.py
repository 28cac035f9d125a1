"""Why a result is similar, for the page: the pictures, what is in `core.search.why`, and URLs to show it with."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.types import Json
from gradio_ui import handlers
from gradio_ui.confidence import Calibrations
from gradio_ui.shelf import Shelf
from gradio_ui.steering import Measuring

if TYPE_CHECKING:
    from core.search import Engine, Query
    from core.search.why import Reasons

_SOON = {"done": 0, "total": None, "left": ""}
_SIDE = 448  # pixels of the shorter side of a query that was turned or cut


def why(
    engine: "Engine",
    reasons: "Reasons",
    shelf: Shelf,
    calibrations: Calibrations,
    measuring: Measuring,
    request: Mapping[str, Any],
    picture: Path | None,
) -> Json:
    """Explain the result `request["result"]` of the search that `request` describes.

    Args:
        request: as for `handlers.search`; "result" is the id, "picture" which of the query's pictures is compared (by
            default the nearest).
        picture: the uploaded query, if it was one.

    Returns:
        What `core.search.why.Why.to_json` does, with "here" and "there" (URL of the picture, width, height, alt),
        "pictures" (all of the query's and its pluses, each with its "role"), and "measuring" while the gallery is being
        measured.

    Raises:
        RetrievalError, ValueError, TypeError: as for a search.
    """
    from core.search.why import compared

    address = str(request.get("gallery") or engine.default_address())
    query = handlers.query_of(engine, address, {**request, "words": ""}, picture)
    waiting = measuring.under_way(address)
    chosen = request.get("picture")
    found = reasons.why(
        address,
        query,
        int(request["result"]),
        picture=None if chosen is None else int(chosen),
        calibration=calibrations.known(engine, address),
    )
    dataset = engine.dataset(address)
    own = 1 + len(query.steering.also)  # pluses come after them
    pictures = [
        {**_shown(engine, shelf, address, one), "role": "query" if at < own else "plus"}
        for at, one in enumerate(compared(query))
    ]
    return {
        **found.to_json(),
        "here": pictures[found.picture],
        "there": handlers.card(dataset, engine.record(address, found.image_id)),
        "pictures": pictures,
        "measuring": waiting or (_SOON if calibrations.is_measuring(engine, address) else None),
    }


def _shown(engine: "Engine", shelf: Shelf, address: str, query: "Query") -> Json:
    """Return what the page needs to show a query picture: a thumbnail, or a rendition of what was turned or cut."""
    from PIL import Image

    dataset = engine.dataset(address)
    record = None if query.image_id is None else engine.record(address, query.image_id)
    if record is not None and query.is_whole:
        return handlers.card(dataset, record)
    chosen = engine.vectors(address).address
    shown = Image.fromarray(engine.queries.picture(chosen, query, _SIDE))
    shown.thumbnail((2 * _SIDE, _SIDE), reducing_gap=2)
    buffer = io.BytesIO()
    shown.save(buffer, "WEBP", quality=85, method=0)
    alt = "the query" if record is None else handlers.card(dataset, record)["alt"]
    url = shelf.put(buffer.getvalue(), "query.webp")
    return {"id": None, "thumbnail": url, "width": shown.width, "height": shown.height, "alt": alt}
