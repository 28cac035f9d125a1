"""Exact search: every vector is compared with the query."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.indexes import exact
from core.indexes.base import Index, Mask, Rows, Segment
from core.indexes.effort import Effort
from core.indexes.store import read_array, write_array
from core.types import Distances, Ids, Json, Vectors


class Flat(Index):
    """The nearest vectors themselves, by blocked matrix products: the reference for all other indexes.

    A segment's structure is its (n,) squared norms.
    """

    name = "flat"
    is_exact = True
    scan_below = 1.0  # its scan is its search

    def __init__(self, dim: int) -> None:
        """Make an empty index of D = `dim`."""
        super().__init__(dim)

    def _build(self, vectors: Vectors) -> NDArray[np.float32]:
        return exact.squared_norms(vectors)

    def _search(
        self, segment: Segment, queries: Vectors, k: int, mask: Mask | None, knobs: Mapping[str, Any]
    ) -> tuple[Rows, Distances]:
        assert segment.vectors is not None
        return exact.nearest(queries, segment.vectors, k, norms=segment.structure)

    def _scan(self, segment: Segment, queries: Vectors, k: int, rows: Rows) -> tuple[Rows, Distances]:
        assert segment.vectors is not None
        return exact.nearest(queries, segment.vectors, k, norms=segment.structure, rows=rows)

    def _effort(self, segment: Segment, query: Vectors, k: int, knobs: Mapping[str, Any]) -> Effort:
        return Effort(vectors=len(segment))

    def _structure_nbytes(self, structure: NDArray[np.float32]) -> int:
        return structure.nbytes

    def _write(self, folder: Path, segment: Segment | None) -> Json:
        if segment is not None:
            write_array(folder / "norms.npy", segment.structure)
        return {}

    def _read(self, folder: Path, facts: Json, ids: Ids | None, vectors: Vectors | None) -> Any:
        return None if ids is None else read_array(folder / "norms.npy", np.float32, (len(ids),))
