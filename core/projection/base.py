"""What a projection is: it lays vectors out in the plane and can place new ones among them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.types import Distances, Ids, Vectors

Coordinates = NDArray[np.float32]  # (N, 2)


@dataclass(frozen=True)
class Neighbours:
    """Nearest neighbours in the space of the vectors, nearest first, a vector itself never among its own.

    Attributes:
        rows: (Q, K) row numbers of the database vectors.
        distances: (Q, K) squared L2.
    """

    rows: Ids
    distances: Distances

    def __post_init__(self) -> None:
        if self.rows.shape != self.distances.shape or self.rows.ndim != 2:
            raise ValueError(
                f"rows and distances must have one shape (Q, K), got {self.rows.shape} and {self.distances.shape}"
            )

    def first(self, k: int) -> "Neighbours":
        """Return the `k` nearest of each."""
        return Neighbours(self.rows[:, :k], self.distances[:, :k])


class Projection(Protocol):
    """Lays N vectors out in the plane, and places others among them without moving any."""

    @property
    def name(self) -> str: ...

    def fit(self, vectors: Vectors, neighbours: Neighbours) -> Coordinates:
        """Return the (N, 2) layout of `vectors`, whose mutual neighbours are given.

        Args:
            vectors: (N, D).
            neighbours: (N, K) rows into `vectors`.
        """
        ...

    def place(self, vectors: Vectors, neighbours: Neighbours) -> Coordinates:
        """Return (Q, 2) positions for new vectors on the fitted map.

        Args:
            vectors: (Q, D).
            neighbours: (Q, K) rows into the vectors that were fitted.
        """
        ...

    def save(self, folder: Path) -> None:
        """Write what `load` needs into an existing folder; nothing is pickled."""
        ...

    @classmethod
    def load(cls, folder: Path) -> "Projection":
        """Read what `save` wrote."""
        ...
