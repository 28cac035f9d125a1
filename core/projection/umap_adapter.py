"""UMAP by umap-learn behind the Projection protocol: neighbours come from outside, nothing is pickled.

L. McInnes, J. Healy, J. Melville, arXiv:1802.03426.
"""

import threading
import warnings
from pathlib import Path
from typing import Any, Self

import numpy as np

from core.arrays import as_count, as_vectors
from core.projection.base import Coordinates, Neighbours
from core.projection.place import place
from core.storage import read_json, write_json
from core.types import Vectors

LEAST = 8  # vectors; below, a neighbour graph says nothing and PCA is used
_EPOCHS = (500, 300)  # up to 4,000 vectors, and beyond: there 500 gain .0001 of trustworthiness for 60 % more time
_SPECTRAL_MOST = 50_000  # above, the spectral start costs more than it gives; PCA's plane is used
_SETTINGS = "projection.json"
_lock = threading.Lock()  # umap-learn's parallel kernels abort under concurrent callers


class UmapProjection:
    """A layout in which vectors lie near their neighbours; repeatable for one seed."""

    name = "umap"

    def __init__(self, *, neighbours: int = 15, min_dist: float = 0.1, seed: int = 0) -> None:
        """
        Args:
            neighbours: how many a vector is tied to; more shows the large structure, fewer the small, 2 to 200.
            min_dist: how tightly points may be packed, 0 to 1, in units of the layout.
            seed: of the random numbers.
        """
        self._neighbours = as_count(neighbours, what="neighbours", least=2, most=200)
        if not 0 <= min_dist <= 1:
            raise ValueError(f"min_dist must be between 0 and 1, got {min_dist}")
        self._min_dist = float(min_dist)
        self._seed = as_count(seed, what="seed", least=0, most=2**32 - 1)
        self._a = self._b = float("nan")
        self._layout: Coordinates = np.zeros((0, 2), np.float32)

    def fit(self, vectors: Vectors, neighbours: Neighbours) -> Coordinates:
        """Return the (N, 2) layout.

        Raises:
            ValueError: fewer than LEAST vectors, or neighbours of another number of vectors.
        """
        vectors = as_vectors(vectors)
        n = len(vectors)
        if n < LEAST:
            raise ValueError(f"UMAP needs at least {LEAST} vectors, got {n}")
        if len(neighbours.rows) != n:
            raise ValueError(f"neighbours must be given for all {n} vectors, got {len(neighbours.rows)}")
        others = neighbours.first(min(self._neighbours, n - 1) - 1)  # umap-learn counts a vector as its own first one
        rows = np.concatenate([np.arange(n)[:, None], others.rows], axis=1)
        distances = np.concatenate([np.zeros((n, 1), np.float32), np.sqrt(others.distances)], axis=1)
        with _lock, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns that a seed means one thread, and that transform is not possible
            import umap

            model = umap.UMAP(
                n_neighbors=rows.shape[1],
                min_dist=self._min_dist,
                metric="euclidean",
                init=self._start(vectors),
                n_epochs=_EPOCHS[n > 4000],
                random_state=self._seed,
                precomputed_knn=(rows, distances.astype(np.float32)),
            )
            layout = model.fit_transform(vectors)
            self._a, self._b = float(model._a), float(model._b)
        self._layout = np.ascontiguousarray(layout, dtype=np.float32)
        return self._layout.copy()

    def _start(self, vectors: Vectors) -> Any:
        """Return what umap-learn starts from: the graph's spectrum, or PCA's plane where that is too small or large."""
        if 64 <= len(vectors) <= _SPECTRAL_MOST:
            return "spectral"
        from core.projection.pca import PcaProjection

        plane = PcaProjection().fit(vectors)
        spread = float(np.abs(plane).max()) or 1.0
        noise = np.random.default_rng(self._seed).normal(scale=1e-3, size=plane.shape)
        return (plane * (10 / spread) + noise).astype(np.float32)

    def place(self, vectors: Vectors, neighbours: Neighbours) -> Coordinates:
        """Return (Q, 2) positions among the fitted points; only `neighbours` count."""
        k = min(self._neighbours, neighbours.rows.shape[1])
        return place(self._layout, neighbours.first(k), a=self._a, b=self._b, seed=self._seed)

    def save(self, folder: Path) -> None:
        np.save(folder / "layout.npy", self._layout, allow_pickle=False)
        settings = {"neighbours": self._neighbours, "min_dist": self._min_dist, "seed": self._seed}
        write_json(folder / _SETTINGS, {"name": self.name, "a": self._a, "b": self._b, **settings})

    @classmethod
    def load(cls, folder: Path) -> Self:
        stored = read_json(folder / _SETTINGS)
        projection = cls(neighbours=stored["neighbours"], min_dist=stored["min_dist"], seed=stored["seed"])
        projection._a, projection._b = stored["a"], stored["b"]
        projection._layout = np.load(folder / "layout.npy", allow_pickle=False)
        return projection
