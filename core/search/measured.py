"""One query beside everything that an IVFPQ holds: what is true of it however many lists a search probes.

Looking into a search is cheap once this is known, so that settings can be moved and looked into again.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.arrays import as_vectors
from core.errors import UnavailableError
from core.indexes import Index, filtering
from core.types import Codes, Ids, Vectors

if TYPE_CHECKING:
    from core.indexes.ivfpq import IVFPQ

_ROWS = 8192  # vectors that are decoded together


@dataclass(frozen=True, eq=False)
class Measured:
    """Distances of one query to all lists, codes and vectors; all are squared L2.

    Attributes:
        query: (1, D).
        view: (1, D') in the coordinates of the index's quantizers.
        ids: (N,) of the vectors that may be found: all, or those that a filter lets pass.
        labels: (N,) the list of each.
        codes: (N, M) the code of each.
        to_lists: (n_lists,) to the centroids.
        order: (n,) lists that n_probe counts, nearest first: all, or with a filter those that hold one of `ids`.
        list_rank: (n_lists,) place of each list in that order, from 1; n_lists + 1 for lists that do not count.
        reach: (N,) how many lists must be probed until the list of each is; 0 where a filter leaves so little that
            everything is scanned.
        approximate: (N,) by the codes.
        exact: (N,) by the vectors.
        whole: the same query beside everything, where a filter holds; else None.
    """

    index: "IVFPQ"
    query: Vectors
    view: Vectors
    ids: Ids
    labels: NDArray[np.int64]
    codes: Codes
    to_lists: NDArray[np.float32]
    order: NDArray[np.int64]
    list_rank: NDArray[np.int64]
    reach: NDArray[np.int64]
    approximate: NDArray[np.float32]
    exact: NDArray[np.float32]
    whole: "Measured | None" = None

    @property
    def n_lists(self) -> int:
        """Lists of the index."""
        return len(self.to_lists)

    @property
    def is_scanned(self) -> bool:
        """Whether a filter leaves so little that all of it is scanned, whatever n_probe says."""
        return not self.reach.any()

    @property
    def allowed(self) -> Ids | None:
        """The ids that a search may return, or None for all."""
        return None if self.whole is None else self.ids

    def among(self, allowed: Ids) -> "Measured":
        """Return the same beside what a filter lets pass.

        Args:
            allowed: (n,) ids that may be found; unknown ones are passed over.

        Raises:
            UnavailableError: none of them is in the index.
        """
        rows = np.flatnonzero(np.isin(self.ids, allowed))
        if not len(rows):
            raise UnavailableError("no picture passes the filter, so that there is no search to look into")
        ids, labels = self.ids[rows], self.labels[rows]
        order, list_rank = _ranked(self.to_lists, np.unique(labels))
        return replace(
            self, ids=ids, labels=labels, codes=self.codes[rows], order=order, list_rank=list_rank,
            reach=_reach(self.index, ids, labels, self.to_lists, ids), approximate=self.approximate[rows],
            exact=self.exact[rows], whole=self.whole or self,
        )  # fmt: skip

    def turned(self, list_number: int) -> Vectors:
        """Return (D'',) the query's residual to a list's centroid, turned by the rotation of that list."""
        model = self.index.model
        residual: Vectors = self.view[0] - model.centroids[list_number]
        return model.rotations[int(model.groups[list_number])] @ residual if len(model.rotations) else residual

    def tables(self, list_number: int) -> NDArray[np.float32]:
        """Return (M, Ks) squared distances of the parts of that residual to the codewords.

        The distance to a code of this list is the sum of one entry of each row, and of `left_out`.
        """
        model = self.index.model
        codewords = model.codewords[int(model.groups[list_number]) if len(model.codewords) > 1 else 0]  # (M, Ks, Ds)
        parts = self.turned(list_number).reshape(codewords.shape[0], 1, codewords.shape[2])
        tables: NDArray[np.float32] = ((parts - codewords) ** 2).sum(axis=2)
        return tables

    def left_out(self, list_number: int) -> float:
        """Return what the residual has in the directions that the list's rotation leaves out; 0 mostly."""
        inside = float((self.turned(list_number) ** 2).sum())
        return max(0.0, float(self.to_lists[list_number]) - inside) if len(self.index.model.rotations) else 0.0


def measure(index: Index, query: Vectors, vectors: Vectors, ids: Ids) -> Measured:
    """Compare a query with everything in an index.

    Args:
        index: an IVFPQ, of any rotation.
        query: (D,).
        vectors: (N, D) the vectors that are in the index.
        ids: (N,) their ids.

    Raises:
        UnavailableError: the index has no lists and codes of ours.
        ValueError: an argument of a wrong shape, or ids that are not those in the index.
    """
    from core.indexes.ivfpq import IVFPQ

    if not isinstance(index, IVFPQ):
        raise UnavailableError(f"{index.name} cannot be looked into; choose ivfpq, opq-ivfpq or lopq")
    queries = as_vectors(np.reshape(query, (1, -1)), index.dim, what="query")
    labels, codes = _codes_of(index, ids)
    model = index.model
    view = model.frame.view(queries)
    to_lists = ((view - model.centroids) ** 2).sum(axis=1)
    order, list_rank = _ranked(to_lists, np.arange(len(to_lists)))
    approximate, exact = np.empty(len(ids), np.float32), np.empty(len(ids), np.float32)
    for start in range(0, len(ids), _ROWS):
        some = slice(start, start + _ROWS)
        approximate[some] = ((view - model.decode(labels[some], codes[some])) ** 2).sum(axis=1)
        exact[some] = ((queries - vectors[some]) ** 2).sum(axis=1)
    reach = _reach(index, ids, labels, to_lists, None)
    return Measured(index, queries, view, ids, labels, codes, to_lists, order, list_rank, reach, approximate, exact)


def _ranked(to_lists: NDArray[np.float32], counting: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the lists (n,) that count, nearest first, and the place (n_lists,) of each list among them, from 1.

    Args:
        to_lists: (n_lists,) distances.
        counting: (n,) ascending numbers of the lists that count; the others get the place n_lists + 1.
    """
    order = counting[np.argsort(to_lists[counting], kind="stable")]
    ranks = np.full(len(to_lists), len(to_lists) + 1, np.int64)
    ranks[order] = np.arange(1, len(order) + 1)
    return order, ranks


def _reach(
    index: Index, ids: Ids, labels: NDArray[np.int64], to_lists: NDArray[np.float32], allowed: Ids | None
) -> NDArray[np.int64]:
    """Return (N,) how many lists a search must probe to scan each of `ids`, which are all that it may return.

    Each segment is searched by itself: without a filter it counts all lists, else those that hold something allowed,
    or it scans all that is allowed, where that is little.
    """
    reach = np.zeros(len(ids), np.int64)
    for segment in index._snapshot.segments:
        here = segment.rows_of(ids) >= 0
        mask, count = segment.searchable(allowed)
        if not here.any() or (mask is not None and filtering.is_scanned(index, segment, count)):
            continue
        counting = np.arange(len(to_lists)) if mask is None else np.unique(labels[here])
        reach[here] = _ranked(to_lists, counting)[1][labels[here]]
    return reach


def _codes_of(index: Index, ids: Ids) -> tuple[NDArray[np.int64], Codes]:
    """Return the list (N,) and the code (N, M) of each id.

    Raises:
        ValueError: an id is not in the index.
    """
    snapshot = index._snapshot
    labels = np.full(len(ids), -1, np.int64)
    codes: Codes | None = None
    for segment, rows in zip(snapshot.segments, snapshot.locate(ids), strict=True):
        here = rows >= 0
        part_labels, part_codes, _ = segment.structure.content(rows[here])
        if codes is None:
            codes = np.zeros((len(ids), part_codes.shape[1]), np.uint8)
        labels[here], codes[here] = part_labels, part_codes
    if codes is None or (labels < 0).any():
        raise ValueError("the ids must be those that are in the index")
    return labels, codes
