"""From the ids that an index returned to hits that may be counted: the query and its duplicates are taken out."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.evaluation.metrics import Hits
from core.types import Ids

Relevance = NDArray[np.bool_] | Ids  # (N, L) one column per label, or (N,) label numbers


@dataclass(frozen=True)
class Ranking:
    """Ranked results of which every one counts.

    Attributes:
        rows: (Q, K) database rows, -1 for an empty slot; empty slots come last.
        hits: (Q, K) whether the result is relevant.
        n_relevant: (Q,) relevant rows in the database, the ignored ones left out.
    """

    rows: Ids
    hits: Hits
    n_relevant: Ids


def rank(
    found: Ids,
    labels: NDArray[np.generic],
    groups: Ids,
    queries: Ids,
    database: Ids,
    *,
    depth: int,
    count_the_query: bool = False,
) -> Ranking:
    """Judge results by labels.

    Args:
        found: (Q, K') rows returned for each query, best first, -1 for an empty slot.
        labels: (N,) class numbers, or (N, L) booleans where a picture may have several; two pictures are relevant to
            each other when they share a label.
        groups: (N,) numbers that exact duplicates share.
        queries: (Q,) rows that were asked with.
        database: (B,) rows that were searched.
        depth: K, results kept per query.
        count_the_query: keep the query and its duplicates, as a protocol that is not ours does.

    Raises:
        ValueError: `found` has not one row for each query.
    """
    if found.ndim != 2 or len(found) != len(queries):
        raise ValueError(f"found must have one row for each of {len(queries)} queries, got {found.shape}")
    counted = found >= 0
    if not count_the_query:
        counted &= groups[found] != groups[queries][:, None]
    rows = np.full((len(found), depth), -1, dtype=np.int64)
    slot = np.cumsum(counted, axis=1) - 1  # the rank that each counted result moves up to
    kept = counted & (slot < depth)
    query, column = np.nonzero(kept)
    rows[query, slot[query, column]] = found[query, column]
    hits = _share_label(labels, queries, rows) & (rows >= 0)
    return Ranking(rows, hits, _count_relevant(labels, groups, queries, database, count_the_query))


def n_ignored(groups: Ids, queries: Ids, database: Ids) -> int:
    """Return how many results beyond K an index must be asked for, so that K remain once duplicates are out."""
    numbers, counts = np.unique(groups[database], return_counts=True)
    at = np.searchsorted(numbers, groups[queries])
    at[at == len(numbers)] = 0
    found = numbers[at] == groups[queries] if len(numbers) else np.zeros(len(queries), bool)
    return int(np.where(found, counts[at], 0).max(initial=0)) if len(numbers) else 0


def _share_label(labels: NDArray[np.generic], queries: Ids, rows: Ids) -> Hits:
    if labels.ndim == 1:
        shared: Hits = labels[rows] == labels[queries][:, None]
        return shared
    return np.stack([(labels[row] & labels[query]).any(axis=1) for query, row in zip(queries, rows, strict=True)])


def _count_relevant(
    labels: NDArray[np.generic], groups: Ids, queries: Ids, database: Ids, count_the_query: bool
) -> Ids:
    counts = np.empty(len(queries), dtype=np.int64)
    for i, query in enumerate(queries):
        same = labels[database] == labels[query] if labels.ndim == 1 else (labels[database] & labels[query]).any(axis=1)
        if not count_the_query:
            same &= groups[database] != groups[query]
        counts[i] = int(same.sum())
    return counts
