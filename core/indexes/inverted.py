"""The structure of a segment of an IVFPQ: codes sorted into lists, and the stored vectors, if there are any."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.indexes.ivfpq_model import Model
from core.indexes.lists import BLOCK, Lists, arrange, codes_at, mask_bits, pack, unpack
from core.indexes.prepared import Prepared
from core.indexes.snapshot import Mask, Rows
from core.types import Codes

Bits = NDArray[np.uint64]


class InvertedLists:
    """Immutable, but for what searches keep here: the eligibility of the last tombstones, and `prepared`.

    Attributes:
        lists: what the search kernel reads.
        stored: (n, D) stored vectors in the order of rows, or None.
        everything: (0,) says to the search kernel that every list counts.
        prepared: what an index needs to search it, which is gathered at the first search.
    """

    def __init__(self, lists: Lists, M: int, n_bits: int, stored: NDArray[Any] | None) -> None:
        """Take arrays that were built or opened."""
        self.lists = lists
        self.stored = stored
        self._M, self._n_bits = M, n_bits
        self.everything: NDArray[np.bool_] = np.empty(0, dtype=bool)
        self.prepared: Prepared | None = None
        self._of_alive: tuple[Mask, Bits, NDArray[np.bool_]] | None = None

    @classmethod
    def of(cls, model: Model, labels: NDArray[np.int64], codes: Codes, stored: NDArray[Any] | None) -> "InvertedLists":
        """Sort codes (N, M) with their lists (N,) into lists."""
        M, n_bits = codes.shape[1], model.n_bits
        lists = arrange(labels, pack(codes, n_bits), model.terms(labels, codes), len(model.centroids))
        if stored is not None:
            stored.flags.writeable = False
        return cls(lists, M, n_bits, stored)

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum(array.nbytes for array in self.lists) + (0 if self.stored is None else self.stored.nbytes)

    @property
    def sizes(self) -> NDArray[np.int64]:
        """(n_lists,) codes in each list."""
        filled = np.concatenate([[0], np.cumsum(np.bitwise_count(self.lists.filled), dtype=np.int64)])
        return np.diff(filled[self.lists.starts])

    def content(self, rows: Rows) -> tuple[NDArray[np.int64], Codes, NDArray[Any] | None]:
        """Return the lists (n,), codes (n, M) and stored vectors (n, D) of rows (n,)."""
        flat = self.lists.rows.reshape(-1)
        places = np.empty(int(flat.max(initial=-1)) + 1, dtype=np.int64)
        filled = np.flatnonzero(flat >= 0)
        places[flat[filled]] = filled
        blocks, lanes = np.divmod(places[rows], BLOCK)
        labels = np.searchsorted(self.lists.starts, blocks, side="right") - 1
        codes = unpack(codes_at(self.lists, blocks, lanes), self._M, self._n_bits)
        return labels, np.ascontiguousarray(codes), None if self.stored is None else self.stored[rows]

    def eligible(self, mask: Mask | None, alive: Mask | None) -> tuple[Bits, NDArray[np.bool_]]:
        """Return the bits (n_blocks,) of codes that a mask (n,) leaves, and which lists (n_lists,) have any.

        Args:
            mask: None leaves all; then the second array is empty, and every list counts.
            alive: the segment's tombstones; where they are the mask, the answer is kept.
        """
        if mask is None:
            return self.lists.filled, self.everything
        kept = self._of_alive
        if kept is not None and kept[0] is mask:
            return kept[1], kept[2]
        bits = np.empty_like(self.lists.filled)
        usable = np.empty(len(self.lists.floors), dtype=bool)
        mask_bits(mask, self.lists, bits, usable)
        bits.flags.writeable = False
        if mask is alive:
            self._of_alive = mask, bits, usable
        return bits, usable
