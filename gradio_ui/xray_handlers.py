"""What the X-ray asks: one search in an index of lists and codes of ours, taken apart."""

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.arrays import as_count
from core.errors import UnavailableError, UnknownNameError
from core.search.loaded import Recent
from core.types import Json
from gradio_ui import handlers

if TYPE_CHECKING:
    from core.search import Engine
    from core.search.cells import Cells
    from core.search.course import Course
    from core.search.explain import Xray
    from core.search.measured import Measured

XRAYED = ("ivfpq", "opq-ivfpq", "lopq")
_KEPT = 6  # queries that can be looked into again at once
_MOST_POINTS = 5_000  # of the chart of the scan
_MEMBERS = 8  # pictures that are shown of a list
_MOST_NEIGHBOURS = 50


class Looking:
    """Looks into searches; what was measured for the last few queries is kept. Safe for concurrent callers."""

    def __init__(self) -> None:
        self._measured: Recent[tuple[str, str, bytes], Measured] = Recent(_KEPT)
        self._cells: Recent[Measured, Cells] = Recent(_KEPT)

    def measured(self, engine: "Engine", request: Mapping[str, Any], picture: Path | None) -> "Measured":
        """Return the query of a request beside everything in the index `request["index"]`.

        Raises:
            UnavailableError: the index has no lists and codes of ours, or no picture passes the filters.
            RetrievalError, ValueError, TypeError: as `handlers.search`.
        """
        from core.search.measured import measure

        address = str(request.get("gallery") or engine.default_address())
        name = str(request.get("index") or XRAYED[0])
        if name not in XRAYED:
            engine.load_index(address, name)  # says so if there is none of that name
            raise UnavailableError(
                f"{name} cannot be looked into: it has no lists of codes; choose {', '.join(XRAYED)}"
            )
        info = engine.gallery(address)
        store, index = engine.vectors(address), engine.load_index(address, name)
        vector = engine.encode(address, handlers.query_of(engine, address, request, picture))
        key = (info.address, name, vector.tobytes())
        known = self._measured.get(key)
        if known is None or known.index is not index:
            known = measure(index, vector, store.vectors, store.ids)
            self._measured.put(key, known)
        allowed = engine.allowed(address, dict(request.get("where") or {}))
        if allowed is None:
            return known
        key = (*key[:2], key[2] + allowed.tobytes())
        filtered = self._measured.get(key)
        if filtered is None or filtered.whole is not known:
            filtered = known.among(allowed)
            self._measured.put(key, filtered)
        return filtered

    def xray(self, engine: "Engine", request: Mapping[str, Any], picture: Path | None) -> "Xray":
        """Look into the search that `request` describes; it may have "n_probe" and "k".

        Raises:
            RetrievalError, ValueError, TypeError: as `measured`.
        """
        from core.search.explain import look_into

        seen = self.measured(engine, request, picture)
        n_probe = request.get("n_probe")
        k = as_count(request.get("k", 10), what="number of neighbours", least=1, most=_MOST_NEIGHBOURS)
        return look_into(seen, k=k, n_probe=None if n_probe is None else int(n_probe))

    def cells(self, seen: "Measured") -> "Cells":
        """Return the lists laid out around a query that was measured."""
        from core.search.cells import lay_out

        known = self._cells.get(seen)
        if known is None:
            known = lay_out(seen)
            self._cells.put(seen, known)
        return known


def look(engine: "Engine", looking: Looking, request: Mapping[str, Any], picture: Path | None) -> Json:
    """Return everything that the X-ray shows of a search, but for tables and members of lists.

    Raises:
        RetrievalError, ValueError, TypeError: as `Looking.measured`.
    """
    from core.search.explain import reranked_recalls

    found = looking.xray(engine, request, picture)
    seen, model = found.measured, found.measured.index.model
    course = found.course
    cells = looking.cells(seen)
    entered = course.rows[course.is_entered]
    shown = {*found.results.tolist(), *(lost.id for lost in found.neighbours), *seen.ids[entered].tolist()}
    row_of = {int(image): row for row, image in enumerate(seen.ids)}
    return {
        **found.to_json(),
        "k": found.k,
        "n_vectors": len(seen.ids),
        "n_gallery": len((seen.whole or seen).ids),
        "sentence": found.sentence,
        "n_bits": model.n_bits,
        "n_subspaces": int(model.codewords.shape[1]),
        "n_codewords": int(model.codewords.shape[2]),
        "dim": seen.query.shape[1],
        "rotation": seen.index.params["rotation"] or "",
        "stores_vectors": seen.index.store is not None,
        "search_ms": _time(found),
        "cells": {
            "numbers": cells.numbers.tolist(),
            "places": cells.places.round(4).tolist(),
            "sizes": cells.sizes.tolist(),
            "distances": _rounded(cells.distances),
        },
        "course": _course_json(course, seen),
        "results": [
            {
                "id": int(image), "approximate": float(near), "exact": float(exact),
                "list": int(seen.labels[row_of[int(image)]]),
                "list_rank": int(seen.list_rank[seen.labels[row_of[int(image)]]]),
            }
            for image, near, exact in zip(found.results, found.result_distances, found.result_exact, strict=True)
        ],
        "reranking": reranked_recalls(seen, k=found.k, n_probe=found.n_probe),
        "pictures": _cards(engine, request, shown),
    }  # fmt: skip


def table(engine: "Engine", looking: Looking, request: Mapping[str, Any], picture: Path | None) -> Json:
    """Return the look-up table of the list that the picture `request["of"]` is in, and the code of that picture.

    Raises:
        UnknownNameError: there is no such picture in the index.
        RetrievalError, ValueError, TypeError: as `Looking.measured`.
    """
    seen = looking.measured(engine, request, picture)
    rows = np.flatnonzero(seen.ids == int(request["of"]))
    if not len(rows):
        raise UnknownNameError(f"there is no picture {request['of']} in the index")
    row = int(rows[0])
    number = int(seen.labels[row])
    return {
        "of": int(request["of"]),
        "list": number,
        "list_rank": int(seen.list_rank[number]),
        "table": [_rounded(line) for line in seen.tables(number)],
        "code": seen.codes[row].tolist(),
        "left_out": seen.left_out(number),
        "approximate": float(seen.approximate[row]),
        "exact": float(seen.exact[row]),
    }


def members(engine: "Engine", looking: Looking, request: Mapping[str, Any], picture: Path | None) -> Json:
    """Return up to 8 pictures of the list `request["list"]`, those nearest to its centroid first.

    Raises:
        ValueError: there is no list of that number.
        RetrievalError, TypeError: as `Looking.measured`.
    """
    seen = looking.measured(engine, request, picture)
    number = as_count(request["list"], what="list", least=0, most=seen.n_lists - 1)
    rows = np.flatnonzero(seen.labels == number)
    store = engine.vectors(str(request.get("gallery") or engine.default_address()))
    model = seen.index.model
    to_centroid = ((model.frame.view(np.array(store.vectors[rows])) - model.centroids[number]) ** 2).sum(axis=1)
    ids = seen.ids[rows[np.argsort(to_centroid, kind="stable")[:_MEMBERS]]].tolist()
    cards = _cards(engine, request, ids)
    return {
        "list": number,
        "list_rank": int(seen.list_rank[number]),
        "size": len(rows),
        "distance": float(seen.to_lists[number]),
        "pictures": [cards[str(image)] for image in ids],
    }


def _course_json(course: "Course", seen: "Measured") -> Json:
    """Return the scan for its chart: all codes that entered, and of the others as many as can be drawn."""
    n = len(course.rows)
    step = max(1, -(-n // _MOST_POINTS))
    is_shown = course.is_entered.copy()
    is_shown[::step] = True
    at = np.flatnonzero(is_shown)
    probes = np.bincount(course.probe, minlength=int(course.probe[-1]) + 1) if n else np.zeros(0, np.int64)
    put_aside = np.bincount(course.probe[~course.is_summed], minlength=len(probes))
    return {
        "n": n,
        "step": step,
        "n_kept": course.n_kept,
        "n_pruned": course.n_pruned,
        "n_entered": int(course.is_entered.sum()),
        "at": at.tolist(),
        "distances": _rounded(course.distances[at]),
        "kinds": (course.is_summed[at].astype(int) + course.is_entered[at]).tolist(),
        "entered": [
            [place, int(seen.ids[course.rows[place]]), round(float(course.distances[place]), 6)]
            for place in np.flatnonzero(course.is_entered).tolist()
        ],
        "list_codes": probes.tolist(),
        "list_pruned": put_aside.tolist(),
        "list_entered": np.bincount(course.probe[course.is_entered], minlength=len(probes)).tolist(),
    }


def _time(found: "Xray") -> float:
    """Return the milliseconds of the search itself, without looking into it; the fastest of three."""
    seen, best_ms = found.measured, np.inf
    for _ in range(3):
        started = time.perf_counter()
        seen.index.search(seen.query, found.k, n_probe=found.n_probe, n_rerank=found.n_rerank, allowed=seen.allowed)
        best_ms = min(best_ms, 1000 * (time.perf_counter() - started))
    return float(best_ms)


def _cards(engine: "Engine", request: Mapping[str, Any], ids: Iterable[int]) -> dict[str, Json]:
    dataset = engine.dataset(str(request.get("gallery") or engine.default_address()))
    return {str(record.image_id): handlers.card(dataset, record) for record in dataset.catalog.records(sorted(ids))}


def _rounded(values: NDArray[np.floating[Any]]) -> list[float]:
    """Return numbers to five digits, which is what can be seen of them."""
    return [float(f"{value:.5g}") for value in values.tolist()]
