"""What a search reads: immutable segments of rows, with their ids, tombstones and structures."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.types import Ids, Vectors

Mask = NDArray[np.bool_]  # (n,) True where a row may be returned
Rows = NDArray[np.int64]  # row numbers within one segment; -1 marks an empty slot

_LARGEST_SMALL_ID = int(np.iinfo(np.int32).max)


@dataclass(frozen=True, eq=False)
class Segment:
    """A run of rows that were indexed together and never change again.

    Attributes:
        ids: (n,) the caller's id of each row, in 32 bits where they fit.
        vectors: (n, D) the vectors, or None where the index keeps only its structure.
        structure: what the index's `_build` or `_merge` returned for these rows.
        order: (n,) rows in the order of ascending ids, or None when they are in that order already.
        alive: (n,) False where a row was removed (its tombstone), or None while all are alive.
        n_alive: number of rows that were not removed.
    """

    ids: Ids | NDArray[np.int32]
    vectors: Vectors | None
    structure: Any
    order: Rows | None
    alive: Mask | None
    n_alive: int

    @classmethod
    def of(cls, ids: Ids | NDArray[np.int32], vectors: Vectors | None, structure: Any) -> "Segment":
        """Return a segment of which all rows are alive."""
        if ids.dtype != np.int32 and ids.max(initial=0) <= _LARGEST_SMALL_ID:
            ids = ids.astype(np.int32)  # half of the memory
        ascending = len(ids) < 2 or bool((ids[1:] > ids[:-1]).all())
        order = None if ascending else np.argsort(ids, kind="stable")
        return cls(ids, vectors, structure, order, None, len(ids))

    def __len__(self) -> int:
        """Return the number of rows, removed ones included."""
        return len(self.ids)

    @property
    def live_rows(self) -> Rows:
        """(n_alive,) the rows that were not removed, ascending."""
        return np.arange(len(self.ids)) if self.alive is None else np.flatnonzero(self.alive)

    @property
    def live_ids(self) -> Ids:
        """(n_alive,) their ids, in the order of the rows."""
        return np.asarray(self.ids if self.alive is None else self.ids[self.alive], dtype=np.int64)

    @property
    def nbytes(self) -> int:
        """Bytes of ids, vectors and tombstones; the structure counts its own."""
        return sum(a.nbytes for a in (self.ids, self.vectors, self.order, self.alive) if a is not None)

    def rows_of(self, ids: Ids) -> Rows:
        """Return (len(ids),) the row of each id, or -1 where it is not here or was removed."""
        n = len(self.ids)
        if n == 0:
            return np.full(len(ids), -1)
        if self.order is None and self.ids[-1] - self.ids[0] == n - 1:  # ids without gaps: no search is needed
            rows = ids - self.ids[0]
            here = (rows >= 0) & (rows < n)
        else:
            needles = ids if self.ids.dtype == np.int64 else np.clip(ids, -1, _LARGEST_SMALL_ID).astype(np.int32)
            at = np.minimum(np.searchsorted(self.ids, needles, sorter=self.order), n - 1)
            rows = at if self.order is None else self.order[at]
            here = self.ids[rows] == ids
        rows = np.where(here, rows, -1)
        return rows if self.alive is None else np.where(self.alive[rows] & here, rows, -1)

    def without(self, rows: Rows) -> "Segment":
        """Return the same segment with tombstones on `rows`, which must be alive and distinct."""
        alive = np.ones(len(self.ids), dtype=bool) if self.alive is None else self.alive.copy()
        alive[rows] = False
        return replace(self, alive=alive, n_alive=self.n_alive - len(rows))

    def searchable(self, allowed: Ids | None) -> tuple[Mask | None, int]:
        """Return the mask of rows that are alive and allowed (None: every row is), and how many they are."""
        if allowed is None:
            return self.alive, self.n_alive
        rows = self.rows_of(allowed)
        mask = np.zeros(len(self.ids), dtype=bool)
        mask[rows[rows >= 0]] = True
        count = int(np.count_nonzero(mask))
        return (None if count == len(mask) else mask), count


@dataclass(frozen=True, eq=False)
class Snapshot:
    """Everything that one search sees.

    Attributes:
        segments: from the largest and oldest to the smallest and newest; ids do not overlap.
        next_id: one more than the largest id ever used.
    """

    segments: tuple[Segment, ...] = ()
    next_id: int = 0

    def __len__(self) -> int:
        return sum(segment.n_alive for segment in self.segments)

    def locate(self, ids: Ids) -> list[Rows]:
        """Return for each segment (len(ids),) rows, -1 where the id is not in that segment."""
        return [segment.rows_of(ids) for segment in self.segments]
