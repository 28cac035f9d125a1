"""One query in every index of a gallery at once: what each finds, misses, takes and weighs."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from core import indexes
from core.arrays import as_count
from core.datasets import ImageRecord
from core.errors import RetrievalError
from core.indexes import Index
from core.indexes.effort import Effort, effort
from core.indexes.trace import scans_all
from core.search.engine import Engine
from core.search.outcome import Result
from core.search.query import Query
from core.types import Distances, Ids, Json, Vectors

_REPEATS = 3
_REPEAT_BELOW_MS = 3.0  # a longer search is timed twice


@dataclass(frozen=True)
class Column:
    """One index's answer.

    Attributes:
        index: its registered name.
        summary: what it is, in one sentence.
        results: best first, as the page would show them; empty where it could not be used.
        missed: ids among the true neighbours that it did not return, nearest first.
        recall: share of the true neighbours that it returned, 0..1.
        search_ms: of the search in the index alone; the fastest of two or three.
        nbytes: of the index in memory.
        effort: what was compared; None where the index does not tell, or a filter holds that it is probed with.
        knobs: all its settings that counted.
        is_scanned: a filter left so little that all of it was scanned, and the settings did not count.
        reason: why it could not be used; empty if it was.
    """

    index: str
    summary: str
    results: list[Result] = field(default_factory=list)
    missed: list[int] = field(default_factory=list)
    recall: float = 0.0
    search_ms: float = 0.0
    nbytes: int = 0
    effort: Effort | None = None
    knobs: Mapping[str, int | float] = field(default_factory=dict)
    reason: str = ""
    is_scanned: bool = False

    def to_json(self) -> Json:
        """Return it as `compare --json` prints it."""
        return {
            "index": self.index,
            "reason": self.reason,
            "recall": self.recall,
            "search_ms": round(self.search_ms, 4),
            "bytes": self.nbytes,
            "compared": None if self.effort is None else self.effort._asdict(),
            "knobs": dict(self.knobs),
            "is_scanned": self.is_scanned,
            "missed": self.missed,
            "results": [
                {"rank": r.rank, "image_id": r.image_id, "similarity": r.similarity, "distance": r.distance}
                for r in self.results
            ],
        }


@dataclass(frozen=True)
class Comparison:
    """All columns under one query.

    Attributes:
        gallery: full address.
        k: neighbours asked for.
        ids: (n,) of the pictures that could have been found.
        cosines: (n,) of the query with each.
        truth: the k true neighbours by exact distance, nearest first.
        encode_ms: once for all columns.
        vector: (D,) that was searched with.
    """

    gallery: str
    k: int
    ids: Ids
    cosines: Distances
    truth: list[int]
    encode_ms: float
    columns: list[Column]
    vector: Vectors

    @property
    def n_searched(self) -> int:
        """Pictures that could have been found."""
        return len(self.ids)

    def to_json(self) -> Json:
        """Return what `compare --json` prints."""
        return {
            "gallery": self.gallery,
            "k": self.k,
            "n_searched": self.n_searched,
            "truth": self.truth,
            "encode_ms": round(self.encode_ms, 3),
            "columns": [column.to_json() for column in self.columns],
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
        names: indexes to ask, in the order of the columns; None: see `_compared`.
        where: conditions on the catalog's fields, as for a search.
        knobs: index -> its settings.

    Raises:
        UnknownNameError, NotPreparedError, ImageError, ValueError: as `Engine.search`. What is wrong with one index
            alone stands in its column.
    """
    store, dataset = engine.vectors(address), engine.dataset(address)
    k = as_count(k, what="k", most=max(1, len(store)))
    chosen = _compared(engine, address) if names is None else list(names)
    for name in chosen:
        indexes.describe(name)
    started = time.perf_counter()
    vector = engine.encode(address, query)
    encode_ms = 1000 * (time.perf_counter() - started)
    allowed = engine.allowed(address, where)
    searched = store.ids if allowed is None else allowed
    cosines = (store.vectors if allowed is None else store.vectors[store.row_of(allowed)]) @ vector
    truth = searched[np.lexsort((searched, -cosines))[:k]]  # of equals the smaller id first
    answers = [_asked(engine, address, vector, k, name, allowed, (knobs or {}).get(name, {})) for name in chosen]
    found = {int(image) for answer in answers for image in answer.ids}
    records = {record.image_id: record for record in dataset.catalog.records(sorted(found))}
    similarity = dict(zip(searched.tolist(), cosines.tolist(), strict=True))
    columns = [_column(answer, truth.tolist(), similarity, records) for answer in answers]
    gallery = engine.gallery(address).address
    return Comparison(gallery, k, searched, cosines, truth.tolist(), encode_ms, columns, vector)


def _compared(engine: Engine, address: str) -> list[str]:
    """Return the indexes that are compared unless told otherwise; one that lies in a server, where it was made."""
    entries = engine.gallery(address).indexes
    return [entry.name for entry in entries if entry.available or not indexes.is_served(entry.name)]


def column_beside(
    comparison: Comparison,
    engine: Engine,
    index: str,
    summary: str,
    ids: Ids,
    distances: Distances,
    *,
    search_ms: float,
    nbytes: int,
    effort: Effort,
) -> Column:
    """Return the column of something that is no registered index, judged as those of a comparison are.

    Args:
        ids, distances: (n,) what it found.
    """
    records = engine.dataset(comparison.gallery).catalog.records(ids.tolist())
    at = {int(image): place for place, image in enumerate(comparison.ids)}
    similarity = {int(image): float(comparison.cosines[at[int(image)]]) for image in ids}
    answer = _Answer(index, summary, ids, distances, search_ms, nbytes, effort)
    return _column(answer, comparison.truth, similarity, {record.image_id: record for record in records})


@dataclass(frozen=True)
class _Answer:
    """What an index returned, before it is judged."""

    index: str
    summary: str
    ids: Ids = field(default_factory=lambda: np.empty(0, np.int64))
    distances: Distances = field(default_factory=lambda: np.empty(0, np.float32))
    search_ms: float = 0.0
    nbytes: int = 0
    effort: Effort | None = None
    knobs: Mapping[str, int | float] = field(default_factory=dict)
    reason: str = ""
    is_scanned: bool = False


def _asked(
    engine: Engine,
    address: str,
    vector: Vectors,
    k: int,
    name: str,
    allowed: Ids | None,
    knobs: Mapping[str, int | float],
) -> _Answer:
    summary = indexes.describe(name).summary
    try:
        index = engine.load_index(address, name)
        ids, distances, search_ms = _timed(index, vector, k, allowed, knobs)
        compared, is_scanned = effort(index, vector, k, **knobs), scans_all(index, allowed)
    except RetrievalError as error:
        return _Answer(name, summary, reason=str(error))
    settings = {knob: knobs.get(knob, facts.default) for knob, facts in index.knobs.items()}
    return _Answer(
        name, summary, ids, distances, search_ms, index.nbytes, _under(allowed, compared, is_scanned), settings,
        is_scanned=is_scanned,
    )  # fmt: skip


def _under(allowed: Ids | None, compared: Effort | None, is_scanned: bool) -> Effort | None:
    """Return what was compared with a filter, of what would be without: all that it leaves, or nobody counts."""
    if allowed is None or compared is None:
        return compared
    if not is_scanned:
        return None
    return Effort(vectors=len(allowed)) if compared.vectors else Effort(codes=len(allowed))


def _timed(
    index: Index, vector: Vectors, k: int, allowed: Ids | None, knobs: Mapping[str, int | float]
) -> tuple[Ids, Distances, float]:
    """Return the ids and distances of one query, and the fastest of two or three runs in milliseconds."""
    queries, best_ms = np.ascontiguousarray(vector[None]), np.inf
    for turn in range(_REPEATS):
        started = time.perf_counter()
        found = index.search(queries, k, allowed=allowed, **knobs)
        best_ms = min(best_ms, 1000 * (time.perf_counter() - started))
        if turn and best_ms > _REPEAT_BELOW_MS:
            break
    is_found = found.ids[0] >= 0
    return found.ids[0][is_found], found.distances[0][is_found], float(best_ms)


def _column(
    answer: _Answer, truth: Sequence[int], similarity: Mapping[int, float], records: Mapping[int, ImageRecord]
) -> Column:
    """Sort an answer by exact similarity, as a search does, and say what is missing from it."""
    if answer.reason:
        return Column(answer.index, answer.summary, reason=answer.reason)
    pairs = sorted(
        zip(answer.ids.tolist(), answer.distances.tolist(), strict=True), key=lambda one: (-similarity[one[0]], one[0])
    )
    results = [
        Result(rank, image, records[image].path, similarity[image], distance, records[image])
        for rank, (image, distance) in enumerate(pairs, start=1)
    ]
    found = {image for image, _ in pairs}
    missed = [image for image in truth if image not in found]
    return Column(
        answer.index, answer.summary, results, missed, 1 - len(missed) / max(1, len(truth)), answer.search_ms,
        answer.nbytes, answer.effort, answer.knobs, is_scanned=answer.is_scanned,
    )  # fmt: skip
