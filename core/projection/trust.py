"""How far a map can be believed, point by point and as a whole.

J. Venna, S. Kaski, "Neighborhood preservation in nonlinear projection methods", ICANN 2001 (trustworthiness).
"""

import numpy as np
from numpy.typing import NDArray

from core.projection.base import Coordinates, Neighbours
from core.types import Vectors

NEAR = 10  # neighbours on the map that are asked about
WIDE = 30  # true neighbours among which they should be
_BLOCK = 16_384  # points compared at a time
_EXACT_MOST = 5000  # vectors; scikit-learn's measure holds an N x N matrix


def point_trust(layout: Coordinates, neighbours: Neighbours) -> NDArray[np.float32]:
    """Return (N,) scores in 0..1: the share of a point's map neighbours that are true neighbours.

    Args:
        layout: (N, 2) coordinates.
        neighbours: (N, K) true neighbours, K up to WIDE; of fewer vectors, half of them count as near at most.
    """
    n = len(layout)
    if n < 3:
        return np.ones(n, np.float32)
    wide = min(WIDE, neighbours.rows.shape[1], max(2, n // 2))
    near = max(1, min(NEAR, wide // 2))
    on_map = map_neighbours(layout, layout, near + 1)
    scores = np.empty(n, np.float32)
    for first in range(0, n, _BLOCK):
        rows = slice(first, first + _BLOCK)
        found = (on_map[rows, :, None] == neighbours.rows[rows, None, :wide]).any(axis=2)  # (block, near + 1)
        # A point is usually its own first neighbour, but not among coinciding ones.
        others = (on_map[rows] != np.arange(n)[rows, None]).sum(axis=1)
        scores[rows] = found.sum(axis=1) / np.minimum(others, near)
    return np.minimum(scores, 1)


def map_neighbours(layout: Coordinates, places: Coordinates, k: int) -> NDArray[np.int64]:
    """Return (Q, k) rows of the points of `layout` that lie nearest to `places` (Q, 2)."""
    from scipy.spatial import cKDTree

    k = min(k, len(layout))
    rows = cKDTree(layout).query(places, k=k)[1]
    return np.asarray(rows, dtype=np.int64).reshape(len(places), k)


def trustworthiness(vectors: Vectors, layout: Coordinates, *, neighbours: int = 15, seed: int = 0) -> float | None:
    """Return scikit-learn's trustworthiness of a layout, in 0..1, or None for fewer than five vectors.

    Above 5000 vectors it is measured on 5000 of them, chosen by `seed`.
    """
    n = len(vectors)
    if n < 5:
        return None
    from sklearn.manifold import trustworthiness as measure

    if n > _EXACT_MOST:
        chosen = np.random.default_rng(seed).choice(n, _EXACT_MOST, replace=False)
        vectors, layout = vectors[chosen], layout[chosen]
    return float(measure(vectors, layout, n_neighbors=min(neighbours, (len(vectors) - 1) // 2)))
