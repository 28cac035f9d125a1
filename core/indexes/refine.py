"""Re-ranking: candidates of a coarse code are compared again with vectors that are stored more finely.

H. Jegou, R. Tavenard, M. Douze, L. Amsaleg, "Searching in one billion vectors: re-rank with source coding",
ICASSP 2011.
Stored are 8 bits per component (between the smallest and the largest value of each component in training), or float16.
"""

from typing import Any, Literal

import numpy as np
from llvmlite import ir
from numba import types
from numpy.typing import NDArray

from core.indexes.jit import kernel, part
from core.indexes.llvm import LANES, intrinsic, prefetch
from core.indexes.selection import keep_at_most, limit_of_smallest, sort_pairs
from core.types import Distances, Vectors

Kind = Literal["sq8", "float16"]
_AHEAD = 16  # rows that are on their way from memory while one is compared
_LINE = 64  # bytes that come from memory at once
Stored = NDArray[Any]  # (N, D) uint8, or float16 seen as uint16


class VectorStore:
    """Turns vectors into stored ones, and re-ranks candidates by them.

    Attributes:
        kind: "sq8" or "float16".
        low, step: (D,) a component of value v is stored as round((v - low) / step); 0 and 1 for float16.
    """

    def __init__(self, kind: Kind, low: NDArray[np.float32], step: NDArray[np.float32]) -> None:
        """Take the scale that `trained` computes."""
        self.kind = kind
        self.low = low
        self.step = step

    @classmethod
    def trained(cls, kind: Kind, vectors: Vectors) -> "VectorStore":
        """Choose the scale from (N, D) vectors; later vectors beyond their range are stored as its ends."""
        if kind == "float16":
            return cls(kind, np.zeros(vectors.shape[1], np.float32), np.ones(vectors.shape[1], np.float32))
        low, high = vectors.min(axis=0), vectors.max(axis=0)
        return cls(kind, low, np.maximum((high - low) / np.float32(255), np.float32(1e-20)))

    def encode(self, vectors: Vectors) -> Stored:
        """Return (N, D) stored vectors."""
        if self.kind == "float16":
            limit = np.finfo(np.float16).max
            halves: Stored = np.clip(vectors, -limit, limit).astype(np.float16).view(np.uint16)
            return halves
        whole: Stored = np.clip(np.rint((vectors - self.low) / self.step), 0, 255).astype(np.uint8)
        return whole

    def decode(self, stored: Stored) -> Vectors:
        """Return (N, D) vectors."""
        if self.kind == "float16":
            floats: Vectors = stored.view(np.float16).astype(np.float32)
            return floats
        return np.asarray(stored * self.step + self.low, dtype=np.float32)

    def rank(
        self,
        queries: Vectors,
        stored: Stored,
        candidates: NDArray[np.int64],
        found: tuple[NDArray[np.int64], Distances],
    ) -> None:
        """Find the nearest among each query's candidates (Q, R), -1 last, which are overwritten.

        Args:
            found: (Q, k) rows and squared distances to them as stored, k <= R, which are filled.
        """
        if self.kind == "float16":
            _rank_halves(queries, stored, candidates, *found)
        else:
            _rank_bytes(queries, stored, self.low, self.step, candidates, *found)


@intrinsic
def _half_to_float(typing_context, bits):  # type: ignore[no-untyped-def]
    """Return the float32 of a float16 that is given as 16 bits."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.fpext(builder.bitcast(arguments[0], ir.HalfType()), ir.FloatType())

    return types.float32(types.uint16), generate


@part
def _prefetch_row(stored, row):  # type: ignore[no-untyped-def]
    n_bytes = stored.strides[0]
    start = np.uintp(stored.ctypes.data) + np.uintp(max(row, 0) * n_bytes)
    for byte in range(0, n_bytes, _LINE):
        prefetch(start + np.uintp(byte))


@part
def _places(count):  # type: ignore[no-untyped-def]
    """Return room for so many distances, as `limit_of_smallest` wants it."""
    return np.empty((count + LANES - 1) // LANES * LANES, np.float32)


@part
def _choose(candidates, distances, count, rows, nearest):  # type: ignore[no-untyped-def]
    """Fill rows and nearest (k,) with the candidates of least distance, ascending; both inputs are overwritten."""
    k = rows.shape[0]
    if count > k:
        count = keep_at_most(distances, candidates, count, limit_of_smallest(distances, count, k, k))
    sort_pairs(distances, candidates, count)
    for i in range(k):
        rows[i], nearest[i] = (candidates[i], distances[i]) if i < count else (np.int64(-1), np.float32(np.inf))


@kernel
def _rank_bytes(queries, stored, low, step, candidates, rows, nearest):  # type: ignore[no-untyped-def]
    """Fill rows and nearest (Q, k) from the candidates (Q, R) of each query; -1 and inf come last."""
    n_queries, dim = queries.shape
    count = candidates.shape[1]
    distances, above = _places(count), np.empty(dim, np.float32)
    for i in range(n_queries):
        for j in range(min(_AHEAD, count)):
            _prefetch_row(stored, candidates[i, j])
        for d in range(dim):
            above[d] = queries[i, d] - low[d]
        n_valid = 0
        while n_valid < count and candidates[i, n_valid] >= 0:
            if n_valid + _AHEAD < count:
                _prefetch_row(stored, candidates[i, n_valid + _AHEAD])
            row, distance = candidates[i, n_valid], np.float32(0)
            for d in range(dim):
                difference = above[d] - step[d] * np.float32(stored[row, d])
                distance += difference * difference
            distances[n_valid] = distance
            n_valid += 1
        _choose(candidates[i], distances, n_valid, rows[i], nearest[i])


@kernel
def _rank_halves(queries, stored, candidates, rows, nearest):  # type: ignore[no-untyped-def]
    """Fill rows and nearest (Q, k) from the candidates (Q, R) of each query; -1 and inf come last."""
    n_queries, dim = queries.shape
    count = candidates.shape[1]
    distances = _places(count)
    for i in range(n_queries):
        for j in range(min(_AHEAD, count)):
            _prefetch_row(stored, candidates[i, j])
        n_valid = 0
        while n_valid < count and candidates[i, n_valid] >= 0:
            if n_valid + _AHEAD < count:
                _prefetch_row(stored, candidates[i, n_valid + _AHEAD])
            row, distance = candidates[i, n_valid], np.float32(0)
            for d in range(dim):
                difference = queries[i, d] - _half_to_float(stored[row, d])
                distance += difference * difference
            distances[n_valid] = distance
            n_valid += 1
        _choose(candidates[i], distances, n_valid, rows[i], nearest[i])
