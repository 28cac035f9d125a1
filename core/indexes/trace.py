"""Where one search draws its lines, worked out beside the search, so that searching itself costs nothing more.

Approximate indexes pass over vectors in the same few ways: the list of a vector is not probed, or what stands for the
vector (a code, bits, hashes) is farther than that of the last candidate that is kept. A trace has both lines, and where
every row is relative to them.
"""

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.arrays import as_count
from core.indexes import filtering
from core.indexes.base import Index
from core.indexes.contract import as_points, check_knobs
from core.indexes.snapshot import Mask, Rows
from core.types import Ids

Unit = Literal["distance", "bits", "hashes"]


class Trace(NamedTuple):
    """One search in one segment of n rows.

    Attributes:
        unit: of `distances`: squared L2 by the code; bits that differ (Hamming); hashes that the longest common prefix
            lacks.
        rows: (m,) everything that was compared by code and may be returned, nearest first.
        distances: (m,) of these.
        n_kept: how many of them, from the first, are kept as candidates or results.
        list_ranks: (n,) place of the list of each row, nearest first, from 1; empty where there are no lists.
        n_probe: lists that were probed; 0 where there are none.
        n_lists: lists of the index.
        length: bits or hashes of a whole code; 0 for other units.
    """

    unit: Unit
    rows: Rows
    distances: NDArray[np.float32]
    n_kept: int
    list_ranks: NDArray[np.int64] = np.empty(0, np.int64)
    n_probe: int = 0
    n_lists: int = 0
    length: int = 0

    @property
    def cutoff(self) -> float:
        """Distance by code of the last one that is kept; inf where there was room for more."""
        return float(self.distances[self.n_kept - 1]) if 0 < self.n_kept <= len(self.rows) else float("inf")

    def distance(self, row: int) -> float:
        """Return the distance by code of a row that was compared.

        Raises:
            ValueError: it was not.
        """
        at = np.flatnonzero(self.rows == row)
        if not len(at):
            raise ValueError(f"row {row} was not compared")
        return float(self.distances[at[0]])

    def place(self, row: int) -> int:
        """Return how many rows are not farther by code than this one, itself included; ValueError as `distance`."""
        return int((self.distances <= self.distance(row)).sum())


def trace(index: Index, query: Any, k: int, *, allowed: Any = None, **knobs: Any) -> Trace | None:
    """Return where a search for one query draws its lines, or None where the index does not tell.

    An index tells by a method `_trace(segment, query, k, mask, knobs) -> Trace`, with the arguments of `Index._search`
    for one query (1, D); of an index of several segments nothing is told. Where a filter keeps so few rows that all are
    scanned, an index of lists tells of a search that probes all lists.

    Args:
        query: (D,).
        k: neighbours asked for.
        allowed: ids that may be returned, or None for all.
        knobs: see `index.knobs`.

    Raises:
        TypeError, ValueError: as `Index.search`.
    """
    checked = as_points(np.reshape(query, (1, -1)), index.dim, what="query")
    values = check_knobs(index.knobs, knobs, index.name)
    tell = getattr(index, "_trace", None)
    segments = index._snapshot.segments
    if tell is None or len(segments) != 1:
        return None
    mask, count = segments[0].searchable(allowed)
    if not count:
        return None
    if mask is not None and filtering.is_scanned(index, segments[0], count):
        if "n_probe" not in values or "k_factor" in values:  # compared exactly: nothing is kept back
            return None
        values["n_probe"] = int(index.knobs["n_probe"].high)
    found: Trace = tell(segments[0], checked, min(as_count(k, what="k"), count), mask, values)
    return found


def scans_all(index: Index, allowed: Ids | None) -> bool:
    """Return whether a filter leaves so little in every segment that all of it is scanned, whatever the knobs say."""
    searched = [(segment, *segment.searchable(allowed)) for segment in index._snapshot.segments]
    return bool(searched) and all(
        mask is not None and filtering.is_scanned(index, segment, count) for segment, mask, count in searched
    )


def among(rows: Rows, distances: NDArray[Any], mask: Mask | None) -> tuple[Rows, NDArray[np.float32]]:
    """Return rows (n,) and their distances by code, nearest first, of equals the smaller row; those of a mask only."""
    order = np.lexsort((rows, distances))
    order = order if mask is None else order[mask[rows[order]]]
    return rows[order], distances[order].astype(np.float32)
