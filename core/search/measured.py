"""One query beside everything that an IVFPQ holds: what is true of it however many lists a search probes.

Looking into a search is cheap once this is known, so that settings can be moved and looked into again.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.arrays import as_vectors
from core.errors import UnavailableError
from core.indexes import Index
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
        ids: (N,) of the vectors.
        labels: (N,) the list of each.
        codes: (N, M) the code of each.
        to_lists: (n_lists,) to the centroids.
        order: (n_lists,) lists, nearest first.
        list_rank: (n_lists,) place of each list in that order, from 1.
        approximate: (N,) by the codes.
        exact: (N,) by the vectors.
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
    approximate: NDArray[np.float32]
    exact: NDArray[np.float32]

    @property
    def n_lists(self) -> int:
        """Lists of the index."""
        return len(self.to_lists)

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
    order = np.argsort(to_lists, kind="stable")
    list_rank = np.empty(len(order), np.int64)
    list_rank[order] = np.arange(1, len(order) + 1)
    approximate, exact = np.empty(len(ids), np.float32), np.empty(len(ids), np.float32)
    for start in range(0, len(ids), _ROWS):
        some = slice(start, start + _ROWS)
        approximate[some] = ((view - model.decode(labels[some], codes[some])) ** 2).sum(axis=1)
        exact[some] = ((queries - vectors[some]) ** 2).sum(axis=1)
    return Measured(index, queries, view, ids, labels, codes, to_lists, order, list_rank, approximate, exact)


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
