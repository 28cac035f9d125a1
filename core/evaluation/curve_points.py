"""One point of a curve: what a setting of an index recalls of the exact answer, and what a single query takes."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.evaluation.curves import KS, TIMED_K, Point
from core.evaluation.sweeps import Knobs
from core.indexes import Index, exact
from core.types import Ids, Vectors

_TIMED = 40  # queries that are timed one by one
_TURNS = 2  # of which the quicker counts: what interrupts a query seldom interrupts it twice
_ROUNDING = 1e-5  # relative; of a squared distance of up to 1280 float32 terms
_SEED = 0


@dataclass(frozen=True)
class Questions:
    """Stored vectors that are searched with, and the exact answer to each without the query itself.

    Attributes:
        vectors: (Q, D).
        ids: (Q,) under which they are stored; -1: not stored.
        thresholds: k -> (Q,) squared distance of the k-th true neighbour; whatever is as near is a true neighbour, too.
    """

    vectors: Vectors
    ids: Ids
    thresholds: Mapping[int, NDArray[np.float32]]

    @classmethod
    def of(cls, vectors: Vectors, ids: Ids, count: int) -> "Questions":
        """Choose `count` of (N, D) vectors at random, N >= 2, and find their neighbours by comparing with all."""
        chosen = np.sort(np.random.default_rng(_SEED).permutation(len(vectors))[:count])
        return cls.about(np.ascontiguousarray(vectors[chosen]), np.asarray(ids)[chosen], vectors, ids)

    @classmethod
    def about(cls, queries: Vectors, own: Ids, vectors: Vectors, ids: Ids) -> "Questions":
        """Find the neighbours of (Q, D) queries, N >= 2.

        Args:
            queries: what is searched with.
            own: (Q,) the id under which each is stored, or -1 where it is not.
            vectors: (N, D) all that are searched.
            ids: (N,) of the vectors.
        """
        most = min(max(KS), len(vectors) - 1)
        rows, distances = exact.nearest(queries, vectors, most + 1)
        others = np.asarray(ids)[rows] != own[:, None]
        others[others.all(axis=1), -1] = False  # the query is not stored, or has most + 1 duplicates before itself
        near = distances[others].reshape(len(queries), most)
        return cls(queries, own, {k: near[:, k - 1] for k in KS if k <= most})


def point(index: Index, knobs: Knobs, questions: Questions, vectors: Vectors, ids: Ids, nbytes: int) -> Point:
    """Measure one setting.

    Args:
        index: filled, with one thread.
        questions: what to search with.
        vectors: (N, D) all that are searched.
        ids: (N,) ascending, of the vectors.
        nbytes: memory that the setting needs.
    """
    shares = {k: shares_found(index, knobs, questions, vectors, ids, k) for k in questions.thresholds}
    times = single_query_ms(index, knobs, questions.vectors[:: max(1, len(questions.vectors) // _TIMED)])
    return Point(
        knobs=knobs,
        recall={k: float(share.mean()) for k, share in shares.items()},
        error={k: float(share.std() / np.sqrt(len(share))) for k, share in shares.items()},
        p50_ms=float(np.median(times)),
        p95_ms=float(np.percentile(times, 95)),
        nbytes=nbytes,
    )


def shares_found(
    index: Index, knobs: Mapping[str, int | float], questions: Questions, vectors: Vectors, ids: Ids, k: int
) -> NDArray[np.float64]:
    """Return (Q,) for each query the share of its k true neighbours that are among the k found, itself left out."""
    found = index.search(questions.vectors, k + 1, **knobs).ids  # one more, as the query finds itself
    others = (found != questions.ids[:, None]) & (found >= 0)
    counted = others & (np.cumsum(others, axis=1) <= k)
    rows = np.searchsorted(ids, found)
    limits = questions.thresholds[k] * (1 + _ROUNDING)
    hits = np.empty(len(found))
    for at, (query, row, taken) in enumerate(zip(questions.vectors, rows, counted, strict=True)):
        hits[at] = (exact.distances_to(query, vectors, row[taken]) <= limits[at]).sum()
    share: NDArray[np.float64] = hits / k
    return share


def single_query_ms(index: Index, knobs: Mapping[str, int | float], queries: Vectors) -> NDArray[np.float64]:
    """Return (Q,) milliseconds of each query on its own, the quicker of two turns."""
    k = min(TIMED_K, len(index))
    index.search(queries[:1], k, **knobs)  # loads what is compiled
    times = np.empty((_TURNS, len(queries)))
    for turn in range(_TURNS):
        for at in range(len(queries)):
            started = time.perf_counter()
            index.search(queries[at : at + 1], k, **knobs)
            times[turn, at] = time.perf_counter() - started
    best: NDArray[np.float64] = 1000 * times.min(axis=0)
    return best
