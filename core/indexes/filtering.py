"""Search under a mask: a scan of what is left, the structure's own filter, or asking for more and dropping.

Where to change from one to the other was measured with single queries on one thread, 10 neighbours, default knobs, on
200,000 SIFT vectors (D 128) and 10,000 clustered ones (D 1280). Milliseconds of the scan and of the native filter, and
the native filter's recall (the scan's is 1):

    share of rows left        0.003           0.01            0.03            0.1             0.3
    200k  faiss-flat          0.1  0.6  1.00  0.3  1.2  1.00  1.5  2.6  1.00  4.7  5.1  1.00  12.4 5.3  1.00
          faiss-ivfflat       0.8  0.05 0.42  2.3  0.06 0.55  3.6  0.06 0.70  6.2  0.2  0.80  10.5 0.2  0.85
          faiss-ivfpqfs       0.1  0.05 0.42  0.5  0.1  0.55  1.7  0.1  0.70  4.8  0.1  0.80  10.6 0.05 0.85
          lsh                 0.1  0.8  1.00  0.2  0.6  1.00  0.8  0.8  1.00  3.3  0.8  0.99  8.5  0.7  0.97
          minhash-lsh         0.1  68   0.90  0.2  6.7  0.58  0.7  1.8  0.44  2.9  1.0  0.30  8.1  0.4  0.25
    10k   faiss-hnsw          0.1  0.1  0.15  0.1  0.1  0.30  0.2  0.1  0.73  1.0  0.1  1.00  3.0  0.1  1.00
          faiss-ivfflat       0.1  0.05 0.19  0.1  0.05 0.41  0.1  0.04 0.79  0.2  0.05 1.00  1.3  0.05 1.00

A filter that leaves little thins out the lists and the graph, and the fixed effort of a search no longer finds what is
left: there the scan is worth its milliseconds. Up to `scan_rows` rows it takes less than one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from core.indexes.snapshot import Mask, Rows, Segment
from core.types import Distances, Vectors

if TYPE_CHECKING:
    from core.indexes.base import Index


def search_segment(
    index: Index, segment: Segment, queries: Vectors, k: int, mask: Mask | None, count: int, knobs: Mapping[str, Any]
) -> tuple[Rows, Distances]:
    """Search one segment in the way that suits the share of rows that the mask leaves.

    Args:
        index: whose hooks are called.
        k: at most `count`.
        mask: (n,) rows that may be returned, or None for all.
        count: how many they are, at least 1.
    """
    if mask is None:
        return index._search(segment, queries, k, None, knobs)
    if is_scanned(index, segment, count):
        return index._scan(segment, queries, k, np.flatnonzero(mask))
    if index.filters:
        return index._search(segment, queries, k, mask, knobs)
    return _search_and_drop(index, segment, queries, k, mask, knobs)


def is_scanned(index: Index, segment: Segment, count: int) -> bool:
    """Return whether a mask leaves so few rows of a segment that all of them are scanned, whatever the knobs say."""
    if count < index.scan_below * len(segment) or count <= index.scan_rows:
        return True
    return not index.filters and segment.vectors is not None and 2 * count < len(segment)


def _search_and_drop(
    index: Index, segment: Segment, queries: Vectors, k: int, mask: Mask, knobs: Mapping[str, Any]
) -> tuple[Rows, Distances]:
    """Ask for more and more rows until k of them pass the mask, for a structure that cannot filter."""
    asked = 2 * k + 8
    while True:
        asked = min(asked, len(segment))
        rows, distances = index._search(segment, queries, asked, None, knobs)
        passed = mask[rows] & (rows >= 0)
        if asked == len(segment) or int(passed.sum(axis=1).min()) >= k:
            break
        asked *= 2
    order = np.argsort(~passed, axis=1, kind="stable")[:, :k]  # those that pass, nearest first
    passed = np.take_along_axis(passed, order, axis=1)
    return (
        np.where(passed, np.take_along_axis(rows, order, axis=1), -1),
        np.where(passed, np.take_along_axis(distances, order, axis=1), np.float32(np.inf)),
    )
