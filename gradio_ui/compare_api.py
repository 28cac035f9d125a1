"""End points of the Compare tab for programs and assistants: all indexes under one query, and one search explained."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from core.archive.comparing import GalleryCodes
from core.types import Json
from gradio_ui import compare_handlers, handlers
from gradio_ui.xray_handlers import Looking

if TYPE_CHECKING:
    from core.search import Engine


def end_points(engine: "Engine") -> tuple[Callable[..., Json], Callable[..., Json]]:
    """Return the functions `compare` and `explain`; their docstrings are what others read."""
    codes, looking = GalleryCodes(), Looking()

    def compare(
        picture: str | None = None, gallery: str = "", image_id: float = -1, neighbours: float = 10, filters: str = ""
    ) -> Json:
        """Search with every index of a gallery at once: what each finds and misses, its recall, time and memory.

        The answer has the true neighbours by exact search, and a column for each index, the codes of an archive among
        them, with what was compared. An index that cannot be used has a reason.
        """

        def work() -> Json:
            request = {**_request(gallery, image_id, neighbours), "where": _object(filters)}
            return compare_handlers.comparison_of(engine, codes, request, _path(picture)).to_json()

        return handlers.or_gradio_error(work)

    def explain(
        picture: str | None = None,
        gallery: str = "",
        image_id: float = -1,
        neighbours: float = 10,
        index: str = "ivfpq",
        n_probe: float = 0,
        filters: str = "",
    ) -> Json:
        """Look into a search with ivfpq, opq-ivfpq or lopq: what was scanned, and where each missed neighbour was lost.

        Each true neighbour has a verdict: found; its list was not probed (with the rank of that list); or its code is
        too coarse (with its distance by the code, and the cut-off). Distances are squared L2. With filters all of it is
        about what passes them: n_probe counts lists that hold such a picture, and where only few pass all are scanned.
        """

        def work() -> Json:
            request = _request(gallery, image_id, neighbours) | {"index": index, "n_probe": int(n_probe) or None}
            return looking.xray(engine, {**request, "where": _object(filters)}, _path(picture)).to_json()

        return handlers.or_gradio_error(work)

    return compare, explain


def _request(gallery: str, image_id: float, neighbours: float) -> Json:
    return {"gallery": gallery, "id": int(image_id) if image_id >= 0 else None, "k": int(neighbours)}


def _object(text: str) -> Json:
    value = json.loads(text) if text.strip() else {}
    if not isinstance(value, dict):
        raise ValueError(f"filters must be a JSON object, got {text!r}")
    return value


def _path(picture: str | None) -> Path | None:
    return Path(picture) if picture else None
