"""Cells: the lists of an index laid out in the plane around a query, for people to look at.

From the middle outwards lists stand in the order of their distance to the query, so that probing n of n_lists lists is
a disc of the n/n_lists-th part of the area. Around the middle they stand where the two main directions of all centroids
point, moved apart where they would lie on one another. So the order is exact, and the direction a hint.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.search.measured import Measured

MOST = 400  # lists that are laid out
_ROUNDS = 24
_STEP = 0.35  # of the way that a list would have to go to be clear of another, in one round


@dataclass(frozen=True, eq=False)
class Cells:
    """Where the nearest lists stand.

    Attributes:
        numbers: (n,) of the lists, nearest first; n is n_lists or `MOST`.
        places: (n, 2) within the unit disc, the query being at (0, 0).
        sizes: (n,) vectors in each.
        distances: (n,) squared L2 from the query to the centroids.
    """

    numbers: NDArray[np.int64]
    places: NDArray[np.float64]
    sizes: NDArray[np.int64]
    distances: NDArray[np.float32]


def lay_out(measured: Measured) -> Cells:
    """Return the cells around the query of `measured`."""
    numbers = measured.order[:MOST]
    n = len(numbers)
    radius = np.sqrt((np.arange(n) + 0.5) / n)
    angles = _angles(measured.index.model.centroids)[numbers]
    for _ in range(_ROUNDS):
        angles = angles + _STEP * _push(radius, angles)
    sizes = np.bincount(measured.labels, minlength=measured.n_lists)[numbers]
    places = np.stack([radius * np.cos(angles), radius * np.sin(angles)], axis=1)
    return Cells(numbers, places, sizes, measured.to_lists[numbers])


def _angles(centroids: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return (n_lists,) directions in the plane of the two main directions of the centroids, evenly used."""
    if min(centroids.shape) < 2:
        return np.zeros(len(centroids))
    centred = (centroids - centroids.mean(axis=0)).astype(np.float64)
    plane = np.random.default_rng(0).standard_normal((len(centred), 2))
    for _ in range(_ROUNDS):  # orthogonal iteration: the two leading left singular vectors, without the others
        plane = np.linalg.qr(centred @ (centred.T @ plane))[0]
    # A direction of either sign is one: the largest component is made positive, so that the picture does not flip.
    plane = plane * np.sign(plane[np.abs(plane).argmax(axis=0), [0, 1]])
    angles = np.arctan2(plane[:, 1], plane[:, 0])
    even = np.empty(len(angles))
    even[np.argsort(angles, kind="stable")] = 2 * np.pi * np.arange(len(angles)) / len(angles)
    return even


def _push(radius: NDArray[np.float64], angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (n,) turns that move lists apart which are nearer than even spacing would have them."""
    n = len(radius)
    apart = np.sqrt(np.pi / n)  # side of a square of the n-th part of the disc
    across = np.mod(angles[:, None] - angles[None] + np.pi, 2 * np.pi) - np.pi  # (n, n)
    mean = np.sqrt(radius[:, None] * radius[None])
    distance = np.hypot(across * mean, radius[:, None] - radius[None])
    lacking = np.maximum(apart - distance, 0.0)
    np.fill_diagonal(lacking, 0.0)
    turns: NDArray[np.float64] = (lacking * np.sign(across) / np.maximum(mean, 1e-6)).sum(axis=1)
    return np.clip(turns, -0.3, 0.3)
