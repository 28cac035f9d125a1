"""PCA: the instant map, for galleries too small for UMAP or while that is being computed."""

from pathlib import Path
from typing import Self

import numpy as np

from core.arrays import as_vectors
from core.projection.base import Coordinates, Neighbours
from core.storage import read_json, write_json
from core.types import Vectors

_SETTINGS = "projection.json"


class PcaProjection:
    """The plane in which the vectors differ most; any number of vectors, equal ones too."""

    name = "pca"

    def __init__(self) -> None:
        self._mean = np.zeros(0, np.float32)
        self._axes = np.zeros((2, 0), np.float32)

    def fit(self, vectors: Vectors, neighbours: Neighbours | None = None) -> Coordinates:
        """Return (N, 2) coordinates along the two directions of largest variance; `neighbours` are not needed."""
        vectors = as_vectors(vectors)
        n, dim = vectors.shape
        self._mean = vectors.mean(axis=0) if n else np.zeros(dim, np.float32)
        centred = vectors - self._mean
        if n > dim:
            values, directions = np.linalg.eigh(centred.T @ centred)
            axes = np.asarray(directions[:, np.argsort(values)[::-1][:2]].T, np.float32)
        else:
            axes = np.asarray(np.linalg.svd(centred, full_matrices=False)[2][:2], np.float32)
        self._axes = np.zeros((2, dim), np.float32)
        for row, axis in enumerate(axes):
            # The sign of a direction is arbitrary: the largest entry is made positive, so that maps repeat.
            self._axes[row] = axis * (np.sign(axis[np.argmax(np.abs(axis))]) or 1.0)
        return self.place(vectors)

    def place(self, vectors: Vectors, neighbours: Neighbours | None = None) -> Coordinates:
        """Return (Q, 2) projections of `vectors`."""
        vectors = as_vectors(vectors, len(self._mean))
        placed: Coordinates = ((vectors - self._mean) @ self._axes.T).astype(np.float32)
        return placed

    def save(self, folder: Path) -> None:
        np.save(folder / "mean.npy", self._mean, allow_pickle=False)
        np.save(folder / "axes.npy", self._axes, allow_pickle=False)
        write_json(folder / _SETTINGS, {"name": self.name})

    @classmethod
    def load(cls, folder: Path) -> Self:
        projection = cls()
        read_json(folder / _SETTINGS)
        projection._mean = np.load(folder / "mean.npy", allow_pickle=False)
        projection._axes = np.load(folder / "axes.npy", allow_pickle=False)
        return projection
