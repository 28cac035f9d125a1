"""Search under a mask: a scan of what is left, the structure's own filter, or asking for more and dropping."""

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
    share = count / len(segment)
    if share < index.scan_below:
        return index._scan(segment, queries, k, np.flatnonzero(mask))
    if index.filters:
        return index._search(segment, queries, k, mask, knobs)
    if segment.vectors is not None and share < 0.5:
        return index._scan(segment, queries, k, np.flatnonzero(mask))
    return _search_and_drop(index, segment, queries, k, mask, knobs)


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
