"""Moving a query to the origin of the quantizers, and refusing it if it is not finite or too large."""

import numpy as np

from core.indexes.jit import part_with_nan


@part_with_nan
def shift(query, offset, largest, view):  # type: ignore[no-untyped-def]
    """Fill view (D,) with query + offset; return whether the query is finite and its square at most `largest`."""
    square = np.float32(0)
    for d in range(query.shape[0]):
        view[d] = query[d] + offset[d]
        square += query[d] * query[d]
    return square <= largest
