"""The two steps of Lloyd's algorithm, compiled: assign each vector to its nearest centroid, and add up each cluster."""

import numpy as np

from core.indexes.jit import kernel
from core.indexes.llvm import LANES
from core.indexes.products import PANEL, multiply_at
from core.indexes.selection import argmin_at

_ROWS = 32  # rows and columns of products that are compared at once: 64 KiB
_PANELS = 8


@kernel
def nearest(vectors, first, dim, panels, labels, distances):  # type: ignore[no-untyped-def]
    """Find the nearest centroid of the sub-vectors vectors[:, first : first + dim].

    Args:
        vectors: (N, D), rows contiguous.
        first: where the sub-vectors begin.
        dim: of the centroids.
        panels: of `distance_panels`.
        labels: (N,) filled with the nearest centroid, the first of equally near ones.
        distances: (N,) filled with |c|^2 - 2 x.c of it.
    """
    count = vectors.shape[0]
    n_panels = panels.shape[0]
    scores = np.empty((_ROWS, _PANELS * PANEL), np.float32)
    scores_at = np.uintp(scores.ctypes.data)
    row_bytes = scores.strides[0]
    for start in range(0, count, _ROWS):
        n_rows = min(_ROWS, count - start)
        rows_at = np.uintp(vectors.ctypes.data) + np.uintp(start * vectors.strides[0] + 4 * first)
        for panel in range(0, n_panels, _PANELS):
            width = min(_PANELS, n_panels - panel)
            panels_at = np.uintp(panels.ctypes.data) + np.uintp(panel * panels.strides[0])
            multiply_at(rows_at, vectors.strides[0], n_rows, dim, panels_at, width, scores_at, row_bytes)
            for row in range(n_rows):
                column = argmin_at(scores_at + np.uintp(row * row_bytes), width * (PANEL // LANES))
                score = scores[row, column]
                if panel == 0 or score < distances[start + row]:
                    labels[start + row] = panel * PANEL + column
                    distances[start + row] = score


@kernel
def accumulate(vectors, labels, sums, counts):  # type: ignore[no-untyped-def]
    """Add each vector (N, D) to the sum (C, D) of its cluster, and count (C,) the clusters' members."""
    dim = vectors.shape[1]
    for i in range(vectors.shape[0]):
        label = labels[i]
        counts[label] += 1
        for d in range(dim):
            sums[label, d] += vectors[i, d]


@kernel
def encode(vectors, panels, codes):  # type: ignore[no-untyped-def]
    """Fill codes (N, M) with the nearest codeword in each sub-space of vectors (N, D).

    Args:
        vectors: (N, D), rows contiguous.
        panels: (M, n_panels, Ds + 1, 64), `distance_panels` of each sub-space.
        codes: (N, M) filled.
    """
    count = vectors.shape[0]
    n_subspaces, n_panels = panels.shape[:2]
    dim = panels.shape[2] - 1
    scores = np.empty((_ROWS, n_panels * PANEL), np.float32)
    scores_at = np.uintp(scores.ctypes.data)
    row_bytes = scores.strides[0]
    for start in range(0, count, _ROWS):
        n_rows = min(_ROWS, count - start)
        rows_at = np.uintp(vectors.ctypes.data) + np.uintp(start * vectors.strides[0])
        for m in range(n_subspaces):
            panels_at = np.uintp(panels.ctypes.data) + np.uintp(m * panels.strides[0])
            part_at = rows_at + np.uintp(4 * m * dim)
            multiply_at(part_at, vectors.strides[0], n_rows, dim, panels_at, n_panels, scores_at, row_bytes)
            for row in range(n_rows):
                codes[start + row, m] = argmin_at(scores_at + np.uintp(row * row_bytes), n_panels * (PANEL // LANES))
