"""Rotations by list: each list, or each group of near lists, turns its residuals to principal directions of their own.

Y. Kalantidis, Y. Avrithis, "Locally Optimized Product Quantization for Approximate Nearest Neighbor Search", CVPR 2014.
One rotation per list gives the most, but takes 4 D^2 bytes for each; lists near one another have residuals of similar
shape, and sharing a few rotations among them keeps half of the gain for next to nothing.
"""

import numpy as np
from numpy.typing import NDArray

from core.indexes.kmeans import Labels, assign, kmeans
from core.indexes.pq import ProductQuantizer
from core.indexes.rotation import balanced
from core.types import Vectors

MOST_COMPONENTS = 128  # that a rotation by list keeps: residuals have hardly any energy beyond, and matrices grow by it
_ENOUGH = 4  # residuals per dimension from which a list's own scatter counts as much as that of all


def group_lists(centroids: Vectors, n_groups: int, rng: np.random.Generator) -> NDArray[np.int32]:
    """Return for each of (n_lists, D) centroids the group (n_lists,) that it belongs to, of near ones."""
    if n_groups == len(centroids):
        return np.arange(n_groups, dtype=np.int32)
    return assign(centroids, kmeans(centroids, n_groups, rng))[0].astype(np.int32)


def learn(residuals: Vectors, groups: NDArray[np.int32], n_groups: int, n_subspaces: int) -> NDArray[np.float32]:
    """Return the (n_groups, D', D) rotations of groups of residuals (N, D).

    A group of few residuals borrows the shape of all residuals, in proportion to what it lacks.

    Args:
        groups: (N,) of each residual.
    """
    dim = residuals.shape[1]
    kept = min(dim, max(MOST_COMPONENTS // n_subspaces, 1) * n_subspaces)
    order = np.argsort(groups, kind="stable")
    bounds = np.searchsorted(groups[order], np.arange(n_groups + 1))
    common = np.linalg.cholesky(_scatter(residuals) + 1e-6 * np.eye(dim)).T.astype(
        np.float32
    )  # (D, D), its square root
    rotations = np.empty((n_groups, kept, dim), dtype=np.float32)
    for group in range(n_groups):
        inside = residuals[order[bounds[group] : bounds[group + 1]]]
        lacking = max(0.0, 1 - len(inside) / (_ENOUGH * dim))
        weight = np.float32(np.sqrt(lacking * _ENOUGH * dim))
        rotations[group] = balanced(np.concatenate([inside, weight * common]), n_subspaces, kept)
    return rotations


def turn(residuals: Vectors, groups: NDArray[np.int32], rotations: NDArray[np.float32]) -> Vectors:
    """Return (N, D') residuals (N, D), each turned by the rotation of its group (N,)."""
    turned = np.empty((len(residuals), rotations.shape[1]), dtype=np.float32)
    order = np.argsort(groups, kind="stable")
    present, starts = np.unique(groups[order], return_index=True)
    for group, inside in zip(present, np.split(order, starts[1:]), strict=True):
        turned[inside] = residuals[inside] @ rotations[group].T
    return turned


def learn_codewords(
    residuals: Vectors,
    groups: Labels | NDArray[np.int32],
    n_groups: int,
    n_subspaces: int,
    n_bits: int,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Return (n_groups, M, Ks, Ds) codewords learned from each group's turned residuals (N, D').

    A group with fewer than 4 * Ks residuals uses codewords that all residuals were used for.
    """
    dim = residuals.shape[1]
    common = ProductQuantizer(dim, n_subspaces, n_bits).train(residuals, rng)
    books = np.repeat(common.codewords[None], n_groups, axis=0)
    for group in range(n_groups):
        inside = np.flatnonzero(groups == group)
        if len(inside) >= 4 * common.Ks:
            books[group] = ProductQuantizer(dim, n_subspaces, n_bits).train(residuals[inside], rng).codewords
    return books


def _scatter(residuals: Vectors) -> NDArray[np.float64]:
    """Return the (D, D) mean of r r^T."""
    return residuals.T.astype(np.float64) @ residuals / max(len(residuals), 1)
