"""True neighbours for maps, from the project's own indexes."""

import numpy as np

from core.projection.base import Neighbours
from core.types import Distances, Ids, Progress, Vectors, no_progress

EXACT_MOST = 60_000  # vectors; above, scanning all pairs takes minutes and a graph index is used
_BLOCK = 512


def mutual_neighbours(vectors: Vectors, k: int, progress: Progress = no_progress) -> Neighbours:
    """Return the nearest k of each vector among the others: (N, min(k, N - 1)).

    Exact up to EXACT_MOST vectors, from an approximate index above.
    """
    from core import indexes

    n = len(vectors)
    k = min(k, n - 1)
    if k < 1:
        return Neighbours(np.zeros((n, 0), np.int64), np.zeros((n, 0), np.float32))
    index = indexes.create("flat" if n <= EXACT_MOST else "faiss-hnsw", vectors.shape[1])
    index.train(vectors)
    index.add(vectors)
    rows = np.empty((n, k), np.int64)
    distances = np.empty((n, k), np.float32)
    for first in range(0, n, _BLOCK):
        progress(first, n, "finding neighbours")
        found = index.search(vectors[first : first + _BLOCK], k + 1)
        own = np.arange(first, first + len(found.ids))
        rows[first : first + _BLOCK], distances[first : first + _BLOCK] = _without_own(found.ids, found.distances, own)
    empty = rows < 0  # an approximate index may find fewer; the nearest stands in
    rows = np.where(empty, np.maximum(rows[:, :1], 0), rows)
    distances = np.where(empty, np.float32(4.0), distances)
    return Neighbours(rows, np.maximum(distances, 0))


def exact_neighbours(vectors: Vectors, queries: Vectors, k: int) -> Neighbours:
    """Return the k nearest of `vectors` (N, D) to each of a few `queries` (Q, D), by scanning them all."""
    k = min(k, len(vectors))
    rows = np.zeros((len(queries), k), np.int64)
    distances = np.zeros((len(queries), k), np.float32)
    if k == 0:
        return Neighbours(rows, distances)
    norms = np.einsum("nd,nd->n", vectors, vectors)
    for i, query in enumerate(queries):
        squared = norms - 2 * (vectors @ query) + query @ query
        nearest = np.argpartition(squared, k - 1)[:k]
        exact = ((vectors[nearest] - query) ** 2).sum(axis=1)  # free of the cancellation in the line above
        order = np.lexsort((nearest, exact))
        rows[i], distances[i] = nearest[order], exact[order]
    return Neighbours(rows, distances)


def _without_own(ids: Ids, distances: Distances, own: Ids) -> tuple[Ids, Distances]:
    """Drop a vector's own row from its (Q, K + 1) result, or the last one where exact twins crowded it out."""
    is_own = ids == own[:, None]
    is_own[~is_own.any(axis=1), -1] = True
    keep = ~is_own
    shape = (len(ids), ids.shape[1] - 1)
    return ids[keep].reshape(shape), distances[keep].reshape(shape)
