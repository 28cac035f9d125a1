"""How much of an index one search looks at, counted beside the search, so that searching itself costs nothing more."""

from typing import Any, NamedTuple

import numpy as np

from core.arrays import as_count
from core.indexes.base import Index
from core.indexes.contract import as_points, check_knobs


class Effort(NamedTuple):
    """What was compared with the query.

    Attributes:
        codes: stored codes whose distance was estimated.
        vectors: stored vectors whose distance was computed.
        centroids: of lists.
    """

    codes: int = 0
    vectors: int = 0
    centroids: int = 0


def effort(index: Index, query: Any, k: int, **knobs: Any) -> Effort | None:
    """Return what a search without a filter compares, or None where the index does not tell.

    An index tells by a method `_effort(segment, query, k, knobs) -> Effort`, with the arguments of `Index._search` for
    one query (1, D).

    Args:
        query: (D,).
        k: neighbours asked for.
        knobs: see `index.knobs`.

    Raises:
        TypeError, ValueError: as `Index.search`.
    """
    checked = as_points(np.reshape(query, (1, -1)), index.dim, what="query")
    values = check_knobs(index.knobs, knobs, index.name)
    count = getattr(index, "_effort", None)
    if count is None:
        return None
    k = as_count(k, what="k")
    parts = [count(part, checked, min(k, len(part)), values) for part in index._snapshot.segments]
    return Effort(*(sum(one) for one in zip(*parts, strict=True))) if parts else Effort()
