"""The contract that every index keeps, and all of it that does not depend on how an index finds neighbours.

How it works
------------
An index is a sequence of **segments**. `add` gives its vectors to the subclass (`_build`), which returns a structure
(an array of codes, a tree, a FAISS index, ...) that is never changed again; structure, ids and, if the subclass wants
them, vectors make a segment. When a segment is no longer small beside the one before it, the two are merged
(`_merge`), so that there are O(log N) of them and adding in small pieces costs little.

`remove` sets **tombstones**: a bit per row. A segment of which a quarter is dead is rewritten without the dead rows.

The tuple of segments is a **snapshot**. `search` reads the attribute that refers to it once and works on what it got;
`add` and `remove` prepare a new snapshot under a lock and publish it by one assignment. So a search sees the state
before or after a change, never between, and neither waits for the other.

`search` asks each segment for its k nearest rows and keeps the k best of all. Rows that may not be returned, because
they are dead or not among `allowed`, are a mask. Where few rows are left, or the subclass cannot filter, the base
scans the rest itself with exact distances (`_scan`); else it hands the mask to the subclass (`_search`).
"""

import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from core.arrays import as_count, as_ids
from core.indexes import exact, filtering, upkeep
from core.indexes.contract import Knob, SearchResult, as_allowed, as_points, check_knobs, joined
from core.indexes.snapshot import Mask, Rows, Segment, Snapshot
from core.types import Distances, Ids, Json, Vectors

__all__ = ["Index", "Knob", "Mask", "Rows", "SearchResult", "Segment"]


class Index(ABC):
    """Finds the nearest of the vectors that were added, under ids of the caller's own.

    A subclass sets the class attributes and implements `_build` and `_search`, and where they apply `_train`,
    `_merge`, `_scan`, `_reconstruct`, `_structure_nbytes`, `_write` and `_read`. These may trust their arguments.

    Attributes:
        dim: D.
        params: the constructor's other arguments, by which a saved index is made again.
        threads: how many threads one call may use.
        knobs: what `search` understands besides k and allowed.
        built_from: the provenance with which it was saved.
    """

    name: str = ""
    knobs: ClassVar[Mapping[str, Knob]] = {}
    format_version: ClassVar[int] = 1  # of the subclass's own files
    needs_training: ClassVar[bool] = False
    keeps_vectors: ClassVar[bool] = True  # the base holds the vectors, for exact scans and for merging
    filters: ClassVar[bool] = False  # `_search` understands a mask
    is_exact: ClassVar[bool] = False
    scan_below: ClassVar[float] = 0.0  # share of rows left by a filter, below which `_scan` serves better: `filtering`
    scan_rows: ClassVar[int] = 0  # number of rows left by a filter, up to which it does, whatever their share

    def __init__(self, dim: int, **params: Any) -> None:
        """Make an empty index.

        Args:
            dim: D.
            params: the subclass's own arguments, JSON values, for `self.params`.
        """
        self.dim = as_count(dim, what="dim")
        self.params: Json = params
        self.threads = 1
        self.built_from: Json = {}
        self._trained = not self.needs_training
        self._snapshot = Snapshot()
        self._writing = threading.RLock()

    # What a subclass implements ------------------------------------------------------------------------------------

    def _train(self, vectors: Vectors) -> None:
        """Learn from (N, D) vectors and keep what was learned in attributes, which are not changed afterwards.

        Called only while nothing was ever added, so that no search reads those attributes meanwhile.
        UnavailableError with the reason, if the vectors are too few.
        """
        raise NotImplementedError

    @abstractmethod
    def _build(self, vectors: Vectors) -> Any:
        """Return an immutable structure over (n, D) vectors, n >= 1."""

    def _merge(self, segments: Sequence[Segment], kept: Sequence[Rows]) -> Any:
        """Return the structure over the kept rows of several segments, in that order.

        A subclass with `keeps_vectors = False` must override it; by default it is built anew from the vectors.
        """
        return self._build(upkeep.gathered(segments, kept))

    @abstractmethod
    def _search(
        self, segment: Segment, queries: Vectors, k: int, mask: Mask | None, knobs: Mapping[str, Any]
    ) -> tuple[Rows, Distances]:
        """Return the k nearest rows of one segment for each query.

        Args:
            segment: with at least one row.
            queries: (Q, D), Q >= 1.
            k: at most the number of rows that the mask leaves.
            mask: (n,) True where a row may be returned, or None for all; always None where `filters` is False.
            knobs: a checked value for every knob.

        Returns:
            (Q, k) rows of the segment, distinct within a query, and (Q, k) squared L2 distances that do not decrease;
            -1 and inf in the slots that stay empty, last.
        """

    def _scan(self, segment: Segment, queries: Vectors, k: int, rows: Rows) -> tuple[Rows, Distances]:
        """Return the same as `_search`, from a scan of the given rows only (ascending, at least k of them)."""
        if segment.vectors is None:
            raise NotImplementedError(f"{type(self).__name__} keeps no vectors and has no scan of its own")
        return exact.nearest(queries, segment.vectors, k, rows=rows)

    def _reconstruct(self, segment: Segment, rows: Rows) -> Vectors:
        """Return (len(rows), D) the vectors of rows, as well as the index remembers them."""
        if segment.vectors is None:
            raise NotImplementedError(f"{type(self).__name__} cannot reconstruct vectors")
        return segment.vectors[rows]

    def _structure_nbytes(self, structure: Any) -> int:
        """Return the bytes of one structure."""
        return 0

    def _model_nbytes(self) -> int:
        """Return the bytes of what training learned."""
        return 0

    def _write(self, folder: Path, segment: Segment | None) -> Json:
        """Write what training learned, and the segment's structure if there is one, into files in `folder`.

        Ids and vectors are written by the base, as `ids.npy` and `vectors.npy`. The JSON that is returned comes back
        in `_read`. Called on a trained index only.
        """
        return {}

    def _read(self, folder: Path, facts: Json, ids: Ids | None, vectors: Vectors | None) -> Any:
        """Restore what training learned into attributes and return the structure over `ids` (None: an empty index).

        Arrays are best opened with `store.read_array`, which maps them and says what is wrong with a damaged one.
        ValueError, KeyError or TypeError here mean a damaged file, and the caller reports them as such.
        """
        return None if ids is None or vectors is None else self._build(vectors)

    # What a caller uses --------------------------------------------------------------------------------------------

    @property
    def is_trained(self) -> bool:
        """Whether vectors can be added."""
        return self._trained

    @property
    def ids(self) -> Ids:
        """(N,) all ids, in the order in which their vectors were added."""
        parts = [segment.live_ids for segment in self._snapshot.segments]
        return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays: what training learned, structures, ids, kept vectors and tombstones."""
        parts = [segment.nbytes + self._structure_nbytes(segment.structure) for segment in self._snapshot.segments]
        return self._model_nbytes() + sum(parts)

    def __len__(self) -> int:
        """Return N, without removed vectors."""
        return len(self._snapshot)

    def train(self, vectors: Any) -> Self:
        """Learn what the index needs from (N, D) vectors; does nothing for an index that needs no training.

        Raises:
            ValueError: something was added already, or the vectors are not (N, D) and finite.
            UnavailableError: they are too few.
        """
        checked = as_points(vectors, self.dim, what="vectors")
        with self._writing:
            if self.needs_training:
                if self._snapshot.next_id:
                    raise ValueError("train() must come before add(); make a new index to train again")
                self._train(checked)
                self._trained = True
        return self

    def add(self, vectors: Any, ids: Any = None) -> Self:
        """Add (N, D) vectors under (N,) ids; by default ids continue from the largest ever used.

        Raises:
            ValueError: an id is present already, or the index is not trained, or an argument has a wrong shape.
        """
        checked = as_points(vectors, self.dim, what="vectors")
        own = None if ids is None else as_ids(ids, len(checked))
        with self._writing:
            if not self._trained:
                raise ValueError(
                    f"{self.name or type(self).__name__} must be trained before add(): call train(vectors)"
                )
            if len(checked):
                snapshot = self._snapshot
                first = snapshot.next_id
                if own is None and first > np.iinfo(np.int64).max - len(checked):
                    raise ValueError(f"ids are used up: the largest is {first - 1}; give ids of your own")
                fresh = np.arange(first, first + len(checked), dtype=np.int64) if own is None else own.copy()
                for rows in snapshot.locate(fresh) if own is not None else ():
                    if (rows >= 0).any():
                        raise ValueError(f"ids must be new, but {fresh[np.argmax(rows >= 0)]} is present already")
                kept = upkeep.own(checked, vectors) if self.keeps_vectors else checked
                segment = Segment.of(fresh, kept if self.keeps_vectors else None, self._build(kept))
                self._publish((*snapshot.segments, segment), max(first, int(fresh.max()) + 1))
        return self

    def remove(self, ids: Any) -> int:
        """Remove the vectors of these ids and return how many there were; unknown ids are passed over."""
        wanted = as_ids(ids)
        with self._writing:
            changed, count = [], 0
            for segment in self._snapshot.segments:
                rows = segment.rows_of(wanted)
                rows = rows[rows >= 0]
                count += len(rows)
                changed.append(segment.without(rows) if len(rows) else segment)
            if count:
                self._publish(tuple(changed), self._snapshot.next_id)
        return count

    def search(self, queries: Any, k: int, *, allowed: Any = None, **knobs: Any) -> SearchResult:
        """Return the k nearest of each query.

        Args:
            queries: (Q, D).
            k: neighbours asked for; what is beyond the size of the index stays empty.
            allowed: ids that may be returned, or None for all; unknown ids are passed over.
            knobs: see `self.knobs`.

        Raises:
            TypeError: an unknown knob, or an argument of a wrong type.
            ValueError: an argument out of range, of a wrong shape or not finite.
        """
        checked = as_points(queries, self.dim, what="queries")
        k = as_count(k, what="k")
        values = check_knobs(self.knobs, knobs, self.name)
        only = None if allowed is None else as_allowed(allowed)
        snapshot = self._snapshot  # read once: see the head of this file
        parts = []
        for segment in snapshot.segments if len(checked) else ():
            mask, count = segment.searchable(only)
            if count:
                rows, distances = filtering.search_segment(self, segment, checked, min(k, count), mask, count, values)
                parts.append(SearchResult(np.where(rows >= 0, segment.ids[rows], np.int64(-1)), distances))
        return joined(parts, len(checked), k)

    def reconstruct(self, ids: Any) -> Vectors:
        """Return (len(ids), D) the vectors of these ids, as well as the index remembers them.

        Raises:
            ValueError: an id is not in the index.
        """
        wanted = as_ids(ids)
        snapshot = self._snapshot
        vectors = np.empty((len(wanted), self.dim), dtype=np.float32)
        missing = np.ones(len(wanted), dtype=bool)
        for segment, rows in zip(snapshot.segments, snapshot.locate(wanted), strict=True):
            here = rows >= 0
            if here.any():
                vectors[here] = self._reconstruct(segment, rows[here])
                missing &= ~here
        if missing.any():
            raise ValueError(f"id {wanted[np.argmax(missing)]} is not in the index")
        return vectors

    def save(self, path: Path | str, *, built_from: Mapping[str, Any] | None = None) -> None:
        """Write the index to the folder `path`, whole or not at all: see `core.indexes.store`."""
        from core.indexes import store

        with self._writing:
            store.save(self, Path(path), self.built_from if built_from is None else dict(built_from))

    def _publish(self, segments: tuple[Segment, ...], next_id: int) -> None:
        """Let the next search see these segments, tidied."""
        self._snapshot = Snapshot(upkeep.tidied(self, segments), next_id)

    def _adopt(self, ids: Ids, structure: Any, vectors: Vectors | None = None) -> None:
        """Take over a structure that was made elsewhere, as the only segment of an index without vectors so far."""
        with self._writing:
            self._trained = True
            segments = (Segment.of(ids, vectors, structure),) if len(ids) else ()
            self._publish(segments, int(ids.max(initial=-1)) + 1)
