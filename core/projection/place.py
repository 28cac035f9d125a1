"""Placement of new vectors on a fitted UMAP layout, without moving it.

L. McInnes, J. Healy, J. Melville, "UMAP: Uniform Manifold Approximation and Projection for Dimension Reduction",
arXiv:1802.03426, sections 3.1 (memberships) and 3.2 (forces). umap-learn samples edges at random; here the expected
forces are followed instead, so that a placement is repeatable and needs no compiled code: milliseconds for one vector.
"""

import numpy as np
from numpy.typing import NDArray

from core.projection.base import Coordinates, Neighbours

STEPS = 60
NEGATIVES = 5.0  # repelling samples per attracting edge, umap-learn's negative_sample_rate
REPELLERS = 4096  # at most so many fixed points stand for all of them in the repulsion
CLIP = 4.0  # largest force along an axis, as in umap-learn
TWIN = 1e-9  # squared L2 below which two vectors are the same picture
_CHUNK = 64


def memberships(neighbours: Neighbours) -> NDArray[np.float32]:
    """Return the (Q, K) strength, in 0..1, with which each new vector belongs to each of its neighbours.

    The nearest has 1; the others fall off exponentially at a rate for which a row adds up to log2(K).
    """
    distances = np.sqrt(neighbours.distances.astype(np.float64))  # (Q, K)
    beyond = np.maximum(distances - distances[:, :1], 0.0)
    target = np.log2(max(distances.shape[1], 2))
    low, high = np.zeros(len(distances)), np.full(len(distances), np.inf)
    scale = np.ones(len(distances))
    for _ in range(48):
        total = np.exp(-beyond / scale[:, None]).sum(axis=1)
        too_wide = total > target
        high = np.where(too_wide, scale, high)
        low = np.where(too_wide, low, scale)
        scale = np.where(np.isinf(high), scale * 2, (low + high) / 2)
        scale = np.clip(scale, 1e-3 * (distances.mean(axis=1) + 1e-12), 1e12)
    strengths: NDArray[np.float32] = np.exp(-beyond / scale[:, None]).astype(np.float32)
    return strengths


def place(layout: Coordinates, neighbours: Neighbours, *, a: float, b: float, seed: int = 0) -> Coordinates:
    """Return (Q, 2) positions of new vectors, given their nearest neighbours among the fitted ones.

    Args:
        layout: (N, 2) fixed coordinates.
        neighbours: (Q, K) rows into `layout`.
        a: of UMAP's curve 1 / (1 + a d^(2 b)).
        b: of the same curve.
        seed: chooses which fixed points repel when there are more than REPELLERS.
    """
    if len(neighbours.rows) == 0:
        return np.zeros((0, 2), np.float32)
    weights = memberships(neighbours)
    weights /= weights.sum(axis=1, keepdims=True)
    attractors = layout[neighbours.rows]  # (Q, K, 2)
    start = np.einsum("qk,qkc->qc", weights, attractors)
    chosen = layout
    if len(layout) > REPELLERS:
        chosen = layout[np.random.default_rng(seed).choice(len(layout), REPELLERS, replace=False)]
    placed = np.empty_like(start)
    for first in range(0, len(start), _CHUNK):
        part = slice(first, first + _CHUNK)
        placed[part] = _settle(start[part], attractors[part], weights[part], chosen, a, b)
    twins = neighbours.distances[:, 0] <= TWIN
    placed[twins] = attractors[twins, 0]
    result: Coordinates = placed.astype(np.float32)
    return result


def _settle(
    start: Coordinates,
    attractors: Coordinates,
    weights: NDArray[np.float32],
    repellers: Coordinates,
    a: float,
    b: float,
) -> Coordinates:
    """Follow the expected forces from `start` (Q, 2) with a step that shrinks to nothing."""
    at = start.copy()
    for step in range(STEPS):
        away = at[:, None, :] - attractors  # (Q, K, 2)
        squared = np.maximum((away**2).sum(axis=2), 1e-12)
        pull = -2 * a * b * squared ** (b - 1) / (1 + a * squared**b)
        force = (np.clip(pull[:, :, None] * away, -CLIP, CLIP) * weights[:, :, None]).sum(axis=1)
        away = at[:, None, :] - repellers  # (Q, R, 2)
        squared = (away**2).sum(axis=2)
        push = 2 * b / ((0.001 + squared) * (1 + a * squared**b))
        force += NEGATIVES * np.clip(push[:, :, None] * away, -CLIP, CLIP).mean(axis=1)
        at += (1 - step / STEPS) * force
    return at
