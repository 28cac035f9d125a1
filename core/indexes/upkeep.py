"""Keeps the segments of an index few and free of dead rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.indexes.snapshot import Rows, Segment, Snapshot
from core.types import Vectors

if TYPE_CHECKING:
    from core.indexes.base import Index

_DEAD_SHARE = 0.25  # of a segment's rows, from which it is rewritten


def tidied(index: Index, segments: Sequence[Segment]) -> tuple[Segment, ...]:
    """Return the segments without the dead rows where those are many, and with crowded segments merged."""
    tidy = [_merged(index, [s]) if s.n_alive < len(s) * (1 - _DEAD_SHARE) else s for s in segments if s.n_alive]
    if (count := _crowded(tidy)) > 1:
        tidy[-count:] = [_merged(index, tidy[-count:])]
    return tuple(tidy)


def compact(index: Index) -> Segment | None:
    """Make one segment without tombstones of all there are, publish and return it; None if there is nothing."""
    with index._writing:
        segments = index._snapshot.segments
        if len(segments) > 1 or any(segment.alive is not None for segment in segments):
            segments = (_merged(index, segments),)
            index._snapshot = Snapshot(segments, index._snapshot.next_id)
        return segments[0] if segments else None


def own(checked: Vectors, given: Any) -> Vectors:
    """Return `checked` if the caller cannot change it (a copy was made, or it is mapped read-only), else a copy."""
    may_change = not isinstance(given, list | tuple) and np.may_share_memory(checked, np.asarray(given))
    return checked.copy() if may_change and (mapped_file(checked) is None or checked.flags.writeable) else checked


def mapped_file(array: NDArray[Any]) -> np.memmap[Any, Any] | None:
    """Return the mapped file of which `array` is the whole or a part, or None if it is in memory."""
    root: Any = array
    while isinstance(root, np.ndarray):
        if isinstance(root, np.memmap) and not isinstance(root.base, np.memmap):
            return root
        root = root.base
    return None


def gathered(segments: Sequence[Segment], kept: Sequence[Rows]) -> Vectors:
    """Return the kept rows of several segments that hold their vectors, one after the other."""
    parts = []
    for segment, rows in zip(segments, kept, strict=True):
        if segment.vectors is None:
            raise NotImplementedError("an index that keeps no vectors must implement _merge")
        parts.append(segment.vectors if len(rows) == len(segment) else segment.vectors[rows])
    return np.concatenate(parts)


def _merged(index: Index, segments: Sequence[Segment]) -> Segment:
    """Return one segment with the live rows of all of these."""
    kept = [segment.live_rows for segment in segments]
    ids = np.concatenate([segment.live_ids for segment in segments])
    vectors = gathered(segments, kept) if index.keeps_vectors else None
    return Segment.of(ids, vectors, index._merge(segments, kept))


def _crowded(segments: Sequence[Segment]) -> int:
    """Return how many of the last segments should become one, so that sizes at least halve from each to the next.

    Merging on that rule, every row is merged O(log N) times however small the pieces in which rows arrive, and a
    search visits O(log N) segments. (As in log-structured merge trees: O'Neil et al., Acta Informatica 1996.)
    """
    count, size = 1, segments[-1].n_alive if segments else 0
    for segment in reversed(segments[:-1]):
        if size * 2 < len(segment):
            break
        size += segment.n_alive
        count += 1
    return count
