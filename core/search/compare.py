"""One query in every index of a gallery at once: what each finds, misses, takes and weighs."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from core import indexes
from core.arrays import as_count
from core.errors import RetrievalError
from core.search.engine import Engine
from core.search.outcome import Result
from core.search.query import Query
from core.types import Ids, Json


@dataclass(frozen=True)
class Column:
    """One index's answer.

    Attributes:
        index: its registered name.
        summary: what it is, in one sentence.
        results: best first, as the page would show them; empty where it could not be used.
        missed: ids among the true neighbours that it did not return, nearest first.
        recall: share of the true neighbours that it returned, 0..1.
        search_ms: of the search alone, the fastest of three.
        nbytes: of the index in memory.
        reason: why it could not be used; empty if it was.
    """

    index: str
    summary: str
    results: list[Result] = field(default_factory=list)
    missed: list[int] = field(default_factory=list)
    recall: float = 0.0
    search_ms: float = 0.0
    nbytes: int = 0
    reason: str = ""


@dataclass(frozen=True)
class Comparison:
    """All columns under one query.

    Attributes:
        gallery: full address.
        k: neighbours asked for.
        n_searched: pictures that could have been found.
        truth: the k true neighbours by exact distance, nearest first.
        encode_ms: once for all columns.
    """

    gallery: str
    k: int
    n_searched: int
    truth: list[int]
    encode_ms: float
    columns: list[Column]

    def to_json(self) -> Json:
        """Return what `compare --json` prints."""
        return {
            "gallery": self.gallery,
            "k": self.k,
            "n_searched": self.n_searched,
            "truth": self.truth,
            "encode_ms": round(self.encode_ms, 3),
            "columns": [
                {
                    "index": column.index,
                    "reason": column.reason,
                    "recall": column.recall,
                    "search_ms": round(column.search_ms, 4),
                    "bytes": column.nbytes,
                    "missed": column.missed,
                    "results": [
                        {"rank": r.rank, "image_id": r.image_id, "similarity": r.similarity, "distance": r.distance}
                        for r in column.results
                    ],
                }
                for column in self.columns
            ],
        }


def compare(
    engine: Engine,
    address: str,
    query: Query,
    *,
    k: int = 10,
    names: Sequence[str] | None = None,
    where: Mapping[str, Any] | None = None,
    knobs: Mapping[str, Mapping[str, int | float]] | None = None,
) -> Comparison:
    """Search with every index, or the named ones; the picture is decoded and encoded once.

    Args:
        k: neighbours asked for, at most the size of the gallery.
        names: indexes to ask, in the order of the columns; None: all that are registered.
        where: conditions on the catalog's fields, as for a search.
        knobs: index -> its settings.

    Raises:
        UnknownNameError, NotPreparedError, ImageError, ValueError: as `Engine.search`. What is wrong with one index
            alone stands in its column.
    """
    store = engine.vectors(address)
    k = as_count(k, what="k", most=max(1, len(store)))
    chosen = indexes.names() if names is None else list(names)
    for name in chosen:
        indexes.describe(name)
    started = time.perf_counter()
    vector = engine.encode(address, query)
    encode_ms = 1000 * (time.perf_counter() - started)
    selected = engine.dataset(address).catalog.select(where or {})
    allowed = selected[store.row_of(selected) >= 0]
    truth = _nearest(store.vectors[store.row_of(allowed)], allowed, vector, k)
    columns = [_column(engine, address, vector, k, name, where, (knobs or {}).get(name, {}), truth) for name in chosen]
    return Comparison(engine.gallery(address).address, k, len(allowed), truth.tolist(), encode_ms, columns)


def _nearest(vectors: np.ndarray[Any, Any], ids: Ids, vector: np.ndarray[Any, Any], k: int) -> Ids:
    """Return the ids (min(k, N),) of the vectors (N, D) of largest cosine; of equals the smaller id first."""
    return ids[np.lexsort((ids, -(vectors @ vector)))[:k]]


def _column(
    engine: Engine,
    address: str,
    vector: np.ndarray[Any, Any],
    k: int,
    name: str,
    where: Mapping[str, Any] | None,
    knobs: Mapping[str, int | float],
    truth: Ids,
) -> Column:
    summary = indexes.describe(name).summary
    try:
        index = engine.load_index(address, name)
        query = Query.vector(vector)
        outcomes = [engine.search(address, query, k=k, index=name, where=where, knobs=knobs) for _ in range(3)]
    except RetrievalError as error:
        return Column(name, summary, reason=str(error))
    found = {result.image_id for result in outcomes[0].results}
    missed = [int(image) for image in truth if int(image) not in found]
    return Column(
        index=name,
        summary=summary,
        results=outcomes[0].results,
        missed=missed,
        recall=1 - len(missed) / max(1, len(truth)),
        search_ms=min(outcome.timings_ms["search"] for outcome in outcomes),
        nbytes=index.nbytes,
    )
