"""Exact nearest neighbours by blocked matrix products, with the distances that matter evaluated again from differences.

|q - x|^2 = |q|^2 - 2 q.x + |x|^2 turns a scan into one matrix product, but it subtracts large numbers: in float32 the
distance of a vector to itself comes out as 1e-6 instead of 0. So the product only selects: every row that can be among
the nearest within a bound on its rounding error is evaluated again as sum((q - x)^2), which loses nothing.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from core.types import Distances, Vectors

Rows = NDArray[np.int64]

_BLOCK_BYTES = 8 << 20  # of one block of products: it bounds the memory
_GATHER_BYTES = 1 << 19  # of rows that are copied together, to be read again while they are in cache
_FEW_QUERIES = 16  # up to which small products are as fast as one large one
_ALONE_VECTOR, _ALONE_MATRIX = 32_768, 250_000  # multiplications that OpenBLAS does in the calling thread
_DENSE = 0.3  # share of rows from which it is faster to multiply with all (8 ms against 5 ms at 0.5, 200k x 128)
_EPSILON = float(np.finfo(np.float32).eps)


def squared_norms(vectors: Vectors) -> NDArray[np.float32]:
    """Return (N,) squared L2 norms."""
    norms: NDArray[np.float32] = np.einsum("nd,nd->n", vectors, vectors)
    return norms


def products(queries: Vectors, vectors: Vectors, out: NDArray[np.float32]) -> None:
    """Fill (Q, n) `out` with inner products.

    For a large product OpenBLAS wakes threads that wait for each other: with two busy cores, one query against
    612 x 1280 took 9.8 ms in the place of 0.07. A few queries are multiplied in pieces too small for that.
    """
    n_queries, dim = queries.shape
    if n_queries <= 2:  # a matrix and a vector
        step = max(1, _ALONE_VECTOR // dim)
        for start in range(0, len(vectors), step):
            block = vectors[start : start + step]
            for query, row in zip(queries, out, strict=True):
                np.dot(block, query, out=row[start : start + step])
    else:
        step = max(1, _ALONE_MATRIX // (n_queries * dim)) if n_queries <= _FEW_QUERIES else len(vectors)
        for start in range(0, len(vectors), max(step, 1)):
            np.matmul(queries, vectors[start : start + step].T, out=out[:, start : start + step])


def nearest(
    queries: Vectors, vectors: Vectors, k: int, *, norms: NDArray[np.float32] | None = None, rows: Rows | None = None
) -> tuple[Rows, Distances]:
    """Return the k nearest vectors of each query, nearest first, equal distances in the order of rows.

    Args:
        queries: (Q, D).
        vectors: (n, D); may be memory-mapped.
        k: at most the number of rows that are searched.
        norms: (n,) squared norms of all vectors, if they are at hand.
        rows: (m,) ascending rows to be searched, or None for all.

    Returns:
        (Q, k) rows and (Q, k) squared L2 distances, accurate to float32.
    """
    found = np.empty((len(queries), k), dtype=np.int64)
    distances = np.empty((len(queries), k), dtype=np.float32)
    queries_at_once = max(1, min(len(queries), _BLOCK_BYTES // (4 * max(len(vectors), 1)), 256))
    for start in range(0, len(queries), queries_at_once):
        part = queries[start : start + queries_at_once]
        products = _half_distances(part, vectors, norms, rows)
        for offset, (query, half) in enumerate(zip(part, products, strict=True)):
            at = _candidates(query, half, k)
            chosen = at if rows is None else rows[at]
            exact = distances_to(query, vectors, chosen)
            order = np.argsort(exact, kind="stable")[:k]
            found[start + offset] = chosen[order]
            distances[start + offset] = exact[order]
    return found, distances


def distances_to(query: Vectors, vectors: Vectors, rows: Rows) -> NDArray[np.float32]:
    """Return (len(rows),) squared L2 distances of one (D,) query to the given rows of (n, D) vectors."""
    distances = np.empty(len(rows), dtype=np.float32)
    step = max(1, _GATHER_BYTES // (4 * len(query)))
    for start in range(0, len(rows), step):
        differences = np.take(vectors, rows[start : start + step], axis=0)
        differences -= query
        distances[start : start + step] = np.einsum("nd,nd->n", differences, differences)
    return distances


def rank(queries: Vectors, vectors: Vectors, candidates: Iterable[Rows], k: int) -> tuple[Rows, Distances]:
    """Return the k nearest of each query's own candidates.

    Args:
        candidates: for each query its rows, distinct, or -1 in empty slots.

    Returns:
        (Q, k) rows, -1 in empty slots, and (Q, k) squared L2 distances, inf there.
    """
    found = np.full((len(queries), k), -1, dtype=np.int64)
    distances = np.full((len(queries), k), np.inf, dtype=np.float32)
    for at, (query, row) in enumerate(zip(queries, candidates, strict=True)):
        chosen = np.sort(row[row >= 0])
        exact = distances_to(query, vectors, chosen)
        order = np.argsort(exact, kind="stable")[:k]
        found[at, : len(order)] = chosen[order]
        distances[at, : len(order)] = exact[order]
    return found, distances


def _half_distances(
    queries: Vectors, vectors: Vectors, norms: NDArray[np.float32] | None, rows: Rows | None
) -> NDArray[np.float32]:
    """Return (Q, m) of |x|^2 / 2 - q.x, which orders rows as their distance does."""
    if rows is None:
        return _half_distances_of_all(queries, vectors, norms)
    if len(rows) > _DENSE * len(vectors):
        everything: NDArray[np.float32] = _half_distances_of_all(queries, vectors, norms)[:, rows]
        return everything
    halves = np.empty((len(queries), len(rows)), dtype=np.float32)
    step = max(1, _GATHER_BYTES // (4 * vectors.shape[1]))
    gathered = np.empty((min(step, len(rows)), vectors.shape[1]), dtype=np.float32)
    for start in range(0, len(rows), step):
        some = rows[start : start + step]
        block = gathered[: len(some)]
        np.take(vectors, some, axis=0, out=block, mode="clip")  # "clip", as the default makes a copy first
        lengths = squared_norms(block) if norms is None else norms[some]
        part = halves[:, start : start + step]
        products(queries, block, part)
        np.subtract(lengths / 2, part, out=part)
    return halves


def _half_distances_of_all(
    queries: Vectors, vectors: Vectors, norms: NDArray[np.float32] | None
) -> NDArray[np.float32]:
    halves = np.empty((len(queries), len(vectors)), dtype=np.float32)
    step = len(vectors) if norms is not None else max(1, _GATHER_BYTES // (4 * vectors.shape[1]))
    for start in range(0, len(vectors), step):
        block = vectors[start : start + step]
        lengths = squared_norms(block) if norms is None else norms[start : start + step]
        part = halves[:, start : start + step]
        products(queries, block, part)
        np.subtract(lengths / 2, part, out=part)
    return halves


def _candidates(query: Vectors, half: NDArray[np.float32], k: int) -> Rows:
    """Return every position that may be among the k nearest, given the rounding error of `half`."""
    if k >= len(half):
        return np.arange(len(half))
    threshold = np.partition(half, k - 1)[k - 1]
    # A row whose exact value is below the threshold has |x|^2 <= (|q| + distance)^2; its product's error is below
    # D eps |q| |x| (Higham, Accuracy and Stability of Numerical Algorithms, 3.1) and its norm's below D eps |x|^2 / 2.
    length = float(np.sqrt(np.dot(query, query)))
    reach = 2 * length + float(np.sqrt(max(2 * float(threshold) + length * length, 0.0)))
    slack = 2 * _EPSILON * len(query) * reach * reach
    return np.flatnonzero(half <= threshold + np.float32(slack))
