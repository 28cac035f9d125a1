"""The layout of a gallery: fitted anew, or the old one with new pictures placed on it."""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.projection.base import Coordinates, Neighbours, Projection
from core.projection.neighbours import exact_neighbours
from core.projection.pca import PcaProjection
from core.projection.umap_adapter import LEAST, UmapProjection
from core.types import Ids, Vectors

PLACED_DUE = 0.10  # share of placed points above which a refit is due
PLACED_MOST = 0.34  # share above which a map is fitted anew without being asked
REMOVED_DUE = 0.25
_SHED_TRUST = 0.15  # a refit is due when placed points are trusted this much less than fitted ones


@dataclass(frozen=True)
class Layout:
    """Where every picture of a gallery stands.

    Attributes:
        ids: (N,) image ids, ascending.
        places: (N, 2) coordinates.
        fitted: (N,) row in the projection's fit, or -1 for a picture that was placed later.
        hashes: (N,) of each picture's vector, to notice that it changed.
        projection: which made them.
        n_fit: how many pictures the fit had, those removed since included.
    """

    ids: Ids
    places: Coordinates
    fitted: NDArray[np.int64]
    hashes: NDArray[np.uint64]
    projection: Projection
    n_fit: int


def fit(vectors: Vectors, ids: Ids, neighbours: Neighbours, *, n_neighbours: int, min_dist: float, seed: int) -> Layout:
    """Return a layout of all pictures: UMAP's, or PCA's where there are too few or all are equal."""
    projection: Projection
    if len(vectors) < LEAST or float(np.ptp(vectors, axis=0).max(initial=0.0)) == 0.0:
        projection = PcaProjection()
    else:
        projection = UmapProjection(neighbours=min(n_neighbours, len(vectors) - 1), min_dist=min_dist, seed=seed)
    places = separate(projection.fit(vectors, neighbours))
    return Layout(ids, places, np.arange(len(ids)), hashes_of(vectors), projection, len(ids))


def extend(old: Layout, vectors: Vectors, ids: Ids) -> Layout | None:
    """Return the old layout brought to the pictures that there are now, or None when it must be fitted anew.

    Pictures that are still there and unchanged keep their coordinates to the bit; new and changed ones are placed.
    """
    hashes = hashes_of(vectors)
    at = np.searchsorted(old.ids, ids)
    at = np.minimum(at, max(0, len(old.ids) - 1))
    kept = np.zeros(len(ids), bool)
    if len(old.ids):
        kept = (old.ids[at] == ids) & (old.hashes[at] == hashes)
    fitted = np.where(kept, old.fitted[at] if len(old.ids) else -1, -1)
    if (fitted >= 0).sum() < LEAST or (fitted < 0).sum() > PLACED_MOST * len(ids):
        return None
    places = np.zeros((len(ids), 2), np.float32)
    places[kept] = old.places[at[kept]]
    base = np.flatnonzero(fitted >= 0)
    new = np.flatnonzero(~kept)
    found = exact_neighbours(vectors[base], vectors[new], 30)
    rows = fitted[base][found.rows]
    places[new] = old.projection.place(vectors[new], Neighbours(rows, found.distances))
    return Layout(ids, places, fitted, hashes, old.projection, old.n_fit)


def refit_due(layout: Layout, trust: NDArray[np.float32]) -> str:
    """Return why the map should be fitted anew, or an empty text."""
    placed = layout.fitted < 0
    share = float(placed.mean()) if len(placed) else 0.0
    removed = 1 - float((~placed).sum()) / layout.n_fit if layout.n_fit else 0.0
    if share > PLACED_DUE:
        return f"{placed.sum()} of {len(placed)} pictures came after the map was fitted"
    if removed > REMOVED_DUE:
        return f"{removed:.0%} of the pictures that the map was fitted to are gone"
    if placed.any() and float(trust[placed].mean()) + _SHED_TRUST < float(trust[~placed].mean()):
        return "the pictures added since do not fit in well"
    return ""


def hashes_of(vectors: Vectors) -> NDArray[np.uint64]:
    """Return a 64-bit digest of each row."""
    digests = (hashlib.blake2b(row.tobytes(), digest_size=8).digest() for row in vectors)
    return np.frombuffer(b"".join(digests), np.uint64)


def separate(places: Coordinates) -> Coordinates:
    """Return the coordinates with coinciding points spread on a small sunflower, so that each can be pointed at."""
    if len(places) < 2:
        return places
    extent = float(np.ptp(places, axis=0).max()) or 1.0
    step = extent / 400
    keys = np.round(places / (extent * 1e-5)).astype(np.int64)
    _, group, counts = np.unique(keys, axis=0, return_inverse=True, return_counts=True)
    if counts.max() == 1:
        return places
    order = np.argsort(group, kind="stable")
    first = np.concatenate([[0], np.cumsum(counts)[:-1]])
    rank = np.empty(len(places), np.int64)
    rank[order] = np.arange(len(places)) - first[group[order]]
    angle, radius = rank * 2.399963, step * np.sqrt(rank)  # the golden angle
    offset = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    spread: Coordinates = (places + offset).astype(np.float32)
    return spread
