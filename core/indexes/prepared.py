"""One segment of an IVFPQ, made ready for the kernels: what a plain search needs without looking anything up."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.indexes.contract import SearchResult
from core.indexes.ivfpq_model import Model
from core.indexes.lists import Lists
from core.indexes.plan import Plan, plan_of, with_mask, without_ids
from core.indexes.refine import Stored, VectorStore
from core.indexes.scan import search
from core.indexes.snapshot import Rows
from core.indexes.threads import run_chunks
from core.types import Distances, Ids, Vectors

LARGEST_SQUARE = 1e32  # of an unchecked query; whatever `as_points` refuses is beyond it


class Options(NamedTuple):
    """How to search.

    Attributes:
        n_probe: lists to scan.
        n_rerank: candidates to compare again with stored vectors; 0 for none.
        permute: scan with byte permutes.
        threads: how many may be used.
    """

    n_probe: int
    n_rerank: int
    permute: bool
    threads: int


class Prepared(NamedTuple):
    """What stays the same from one search of a segment to the next.

    Attributes:
        model: the quantizers.
        store, stored: how vectors are stored for re-ranking, and the (n, D) stored vectors; or None.
        ids: (n,) of the rows.
        by_row, by_id: what the kernel reads, to return rows or ids.
    """

    model: Model
    store: VectorStore | None
    stored: Stored | None
    ids: Ids | NDArray[np.int32]
    by_row: Plan
    by_id: Plan

    @classmethod
    def of(
        cls, model: Model, lists: Lists, ids: Ids | NDArray[np.int32], store: VectorStore | None, stored: Stored | None
    ) -> "Prepared":
        """Gather what is known of a segment."""
        # A frame with a matrix turns queries outside of the kernel.
        offset = model.frame.offset if model.frame.matrix is None else np.zeros_like(model.frame.offset)
        by_id = plan_of(model.quantizers, lists, offset, lists.filled, np.empty(0, dtype=bool), ids)
        return cls(model, store, stored, ids, without_ids(by_id), by_id)

    def search(self, queries: Vectors, k: int, options: Options) -> SearchResult | None:
        """Return the k nearest of queries (Q, D) that nobody checked, or None if they are not finite or too large."""
        if options.n_rerank and self.store is not None:
            ranked = self._run(queries, k, options, self.by_row, LARGEST_SQUARE)
            return None if ranked is None else SearchResult(np.where(ranked[0] < 0, -1, self.ids[ranked[0]]), ranked[1])
        if (options.threads == 1 or len(queries) == 1) and self.model.frame.matrix is None:  # without detours
            ids, distances = np.empty((len(queries), k), np.int64), np.empty((len(queries), k), np.float32)
            is_fine = search(
                queries, self.by_id.numbers, self.model.n_bits, min(options.n_probe, len(self.model.centroids)), k,
                options.permute, True, LARGEST_SQUARE, ids, distances,
            )  # fmt: skip
            return SearchResult(ids, distances) if is_fine else None
        found = self._run(queries, k, options, self.by_id, LARGEST_SQUARE)
        return None if found is None else SearchResult(*found)

    def find(
        self, queries: Vectors, k: int, options: Options, eligible: NDArray[np.uint64], usable: NDArray[np.bool_]
    ) -> tuple[Rows, Distances]:
        """Return the rows (Q, k) nearest to finite queries (Q, D), and their distances.

        Args:
            eligible, usable: see `InvertedLists.eligible`.
        """
        own = np.require(queries, np.float32, ["C", "A", "W"])  # the kind that kernels are compiled for
        found = self._run(own, k, options, with_mask(self.by_row, eligible, usable), np.inf)
        if found is None:
            raise ValueError("queries must be finite")
        return found

    def _run(
        self, queries: Vectors, k: int, options: Options, plan: Plan, largest: float
    ) -> tuple[NDArray[np.int64], Distances] | None:
        """Call the kernels for pieces of the queries; None if a query is not finite or its square beyond `largest`."""
        count, n_probe = len(queries), min(options.n_probe, len(self.model.centroids))
        store = self.store if options.n_rerank else None
        wanted = k if store is None else min(max(k, options.n_rerank), len(self.ids))
        views = queries if self.model.frame.matrix is None else self.model.frame.view(queries)
        ids, distances = np.empty((count, k), np.int64), np.empty((count, k), np.float32)
        refused = []

        def work(start: int, stop: int) -> None:
            piece = slice(start, stop)
            if store is None or self.stored is None:
                found = ids[piece], distances[piece]
            else:
                found = np.empty((stop - start, wanted), np.int64), np.empty((stop - start, wanted), np.float32)
            if not search(
                views[piece], plan.numbers, self.model.n_bits, n_probe, wanted, options.permute, store is None, largest,
                *found,
            ):  # fmt: skip
                refused.append(piece)
            elif store is not None and self.stored is not None:
                store.rank(queries[piece], self.stored, found[0], (ids[piece], distances[piece]))

        run_chunks(work, count, options.threads)
        return None if refused else (ids, distances)
