"""Rotations that suit product quantization: components that vary together should meet in one sub-space.

T. Ge, K. He, Q. Ke, J. Sun, "Optimized Product Quantization for Approximate Nearest Neighbor Search", CVPR 2013: the
parametric solution (`balanced`) and the non-parametric one (`opq`), which starts from it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.indexes.pq import ProductQuantizer
from core.types import Vectors

Rotation = NDArray[np.float32]  # (D', D), orthonormal rows; a vector x becomes rotation @ x

_SAMPLE = 20_000  # vectors that a rotation is learned from
_QUIET = 1e-3  # of the mean variance is added to every direction, so that few vectors give a rotation too


def balanced(vectors: Vectors, n_subspaces: int, n_components: int | None = None) -> Rotation:
    """Return the rotation to principal directions, dealt out so that sub-spaces have equal products of variances.

    Args:
        vectors: (N, D), not centred: what matters is the distance to 0, a list's centroid.
        n_subspaces: M.
        n_components: D', a multiple of M; the directions of least variance are dropped. None: D.
    """
    dim = vectors.shape[1]
    kept = dim if n_components is None else n_components
    scatter = vectors.T.astype(np.float64) @ vectors / max(len(vectors), 1)
    scatter[np.diag_indices(dim)] += _QUIET * np.trace(scatter) / dim + 1e-30
    variances, directions = np.linalg.eigh(scatter)
    order = np.argsort(-variances)[:kept]
    logs = np.log(variances[order])
    capacity = kept // n_subspaces
    buckets: list[list[int]] = [[] for _ in range(n_subspaces)]
    products = np.zeros(n_subspaces)
    for position, direction in enumerate(
        order
    ):  # from the largest variance to the smallest: to the least filled bucket
        free = [m for m in range(n_subspaces) if len(buckets[m]) < capacity]
        m = min(free, key=lambda bucket: products[bucket])
        buckets[m].append(int(direction))
        products[m] += logs[position] - logs[-1] + 1e-9
    return np.ascontiguousarray(directions[:, np.concatenate(buckets).astype(int)].T, dtype=np.float32)


def opq(
    vectors: Vectors, n_subspaces: int, n_bits: int, rng: np.random.Generator, *, n_iterations: int = 12
) -> Rotation:
    """Return the rotation (D, D) that makes the error of a product quantizer small.

    It alternates: codewords for the rotated vectors (some k-means steps), then the rotation that brings the vectors
    closest to their decoded codes (orthogonal Procrustes problem, solved by a singular value decomposition).
    """
    if len(vectors) > _SAMPLE:
        vectors = vectors[np.sort(rng.choice(len(vectors), _SAMPLE, replace=False))]
    rotation = balanced(vectors, n_subspaces)
    best, least = rotation, np.inf
    for _ in range(n_iterations):
        turned = np.ascontiguousarray(vectors @ rotation.T)
        quantizer = ProductQuantizer(vectors.shape[1], n_subspaces, n_bits)
        quantizer.train(turned, rng, n_iterations=4)
        decoded = quantizer.decode(quantizer.encode(turned))
        error = float(((turned - decoded) ** 2).sum())
        if error < least:
            best, least = rotation, error
        left, _, right = np.linalg.svd(decoded.T.astype(np.float64) @ vectors)
        rotation = np.ascontiguousarray(left @ right, dtype=np.float32)
    return best


@dataclass(frozen=True, eq=False)
class Frame:
    """The coordinates in which an index works: matrix @ x + offset.

    Attributes:
        matrix: (D', D) with orthonormal rows, or None for the identity.
        offset: (D',). Minus the mean of the vectors, usually: smaller numbers make finer tables.
    """

    matrix: Rotation | None
    offset: NDArray[np.float32]

    def view(self, vectors: Vectors) -> Vectors:
        """Return (N, D') the vectors in these coordinates, a new array."""
        turned = vectors if self.matrix is None else vectors @ self.matrix.T
        return np.ascontiguousarray(turned + self.offset)

    def restore(self, views: Vectors) -> Vectors:
        """Return (N, D) the vectors that have these views (the nearest ones to 0, where D' < D)."""
        shifted = np.subtract(views, self.offset, dtype=np.float32)
        return shifted if self.matrix is None else shifted @ self.matrix
