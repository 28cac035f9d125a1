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

from core.indexes.jit import kernel
from core.indexes.llvm import intrinsic
from core.indexes.selection import sort_pairs
from core.indexes.threads import run_chunks
from core.types import Distances, Vectors

Kind = Literal["sq8", "float16"]
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
        self, queries: Vectors, stored: Stored, candidates: NDArray[np.int64], k: int, threads: int
    ) -> tuple[NDArray[np.int64], Distances]:
        """Return the k nearest of each query's candidates (Q, R), and the squared distances to them as stored."""
        rows, distances = candidates.copy(), np.empty(candidates.shape, dtype=np.float32)

        def work(start: int, stop: int) -> None:
            part = rows[start:stop], distances[start:stop]
            if self.kind == "float16":
                _rank_halves(queries[start:stop], stored, *part)
            else:
                _rank_bytes(queries[start:stop], stored, self.low, self.step, *part)

        run_chunks(work, len(queries), threads)
        return rows[:, :k], distances[:, :k]


@intrinsic
def _half_to_float(typing_context, bits):  # type: ignore[no-untyped-def]
    """Return the float32 of a float16 that is given as 16 bits."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.fpext(builder.bitcast(arguments[0], ir.HalfType()), ir.FloatType())

    return types.float32(types.uint16), generate


@kernel
def _rank_bytes(queries, stored, low, step, rows, distances):  # type: ignore[no-untyped-def]
    """Sort each query's rows (Q, R) by distance to stored vectors; -1 and inf come last."""
    dim = queries.shape[1]
    for i in range(queries.shape[0]):
        for j in range(rows.shape[1]):
            row = rows[i, j]
            distance = np.float32(0 if row >= 0 else np.inf)
            if row >= 0:
                for d in range(dim):
                    difference = queries[i, d] - low[d] - step[d] * np.float32(stored[row, d])
                    distance += difference * difference
            distances[i, j] = distance
        sort_pairs(distances[i], rows[i], rows.shape[1])


@kernel
def _rank_halves(queries, stored, rows, distances):  # type: ignore[no-untyped-def]
    """Sort each query's rows (Q, R) by distance to stored vectors; -1 and inf come last."""
    dim = queries.shape[1]
    for i in range(queries.shape[0]):
        for j in range(rows.shape[1]):
            row = rows[i, j]
            distance = np.float32(0 if row >= 0 else np.inf)
            if row >= 0:
                for d in range(dim):
                    difference = queries[i, d] - _half_to_float(stored[row, d])
                    distance += difference * difference
            distances[i, j] = distance
        sort_pairs(distances[i], rows[i], rows.shape[1])
