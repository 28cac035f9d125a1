"""Measures of ranked lists: precision, recall, average precision and the majority of the nearest.

Every function takes hits, a (Q, K) boolean array that says whether the i-th result of a query is relevant, best
result first, and returns one value in 0..1 per query, so that means, intervals and classes are made of the same
numbers. A list shorter than K is padded with False: an empty slot is a miss.

K. Musgrave, S. Belongie, S.-N. Lim, "A Metric Learning Reality Check", ECCV 2020 (R-precision and mAP@R);
F. Radenovic et al., "Revisiting Oxford and Paris", CVPR 2018 (average precision divided by the relevant count).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.types import Ids

Hits = NDArray[np.bool_]  # (Q, K)
PerQuery = NDArray[np.float64]  # (Q,) in 0..1


def precision_at_k(hits: Hits, k: int) -> PerQuery:
    """Return the share of the first `k` results that are relevant.

    Raises:
        ValueError: `k` is not within 1 and K.
    """
    _check_depth(hits, k)
    share: PerQuery = hits[:, :k].mean(axis=1, dtype=np.float64)
    return share


def recall_at_k(hits: Hits, k: int, n_relevant: Ids) -> PerQuery:
    """Return the share of the relevant pictures that are among the first `k` results.

    Args:
        n_relevant: (Q,) relevant pictures in the database; where there are none the value is NaN.
    """
    _check_depth(hits, k)
    return _ratio(hits[:, :k].sum(axis=1), n_relevant)


def average_precision_at_k(hits: Hits, k: int, n_relevant: Ids) -> PerQuery:
    """Return the precisions at the ranks of the hits among the first `k`, summed, over the relevant count.

    Dividing by the number of relevant pictures (and not by the hits that were found) makes a miss cost something.
    """
    _check_depth(hits, k)
    return _ratio(_precisions_at_hits(hits[:, :k]).sum(axis=1), n_relevant)


def average_precision_at_r(hits: Hits, n_relevant: Ids) -> PerQuery:
    """Return mAP@R's term: average precision among the first R results, R being the query's relevant count.

    Raises:
        ValueError: a query has more relevant pictures than there are results.
    """
    within = _within_r(hits, n_relevant)
    return _ratio((_precisions_at_hits(hits) * within).sum(axis=1), n_relevant)


def r_precision(hits: Hits, n_relevant: Ids) -> PerQuery:
    """Return the share of relevant ones among the first R results, R being the query's relevant count."""
    within = _within_r(hits, n_relevant)
    return _ratio((hits & within).sum(axis=1), n_relevant)


def majority_of_k(found_labels: Ids, k: int) -> Ids:
    """Return (Q,) the commonest label among the first `k` results; of equals, the one that appears first.

    Args:
        found_labels: (Q, K) label numbers from 0, -1 for an empty slot; a row of empty slots gives -1.
    """
    _check_depth(found_labels, k)
    first = found_labels[:, :k]
    # (Q, k) votes that the label in each slot has; argmax takes the first of equals.
    votes = (first[:, :, None] == first[:, None, :]).sum(axis=2)
    votes[first < 0] = 0
    chosen: Ids = np.take_along_axis(first, votes.argmax(axis=1)[:, None], axis=1)[:, 0]
    return chosen


def _check_depth(ranked: NDArray[Any], k: int) -> None:
    if ranked.ndim != 2:
        raise ValueError(f"ranked results must have shape (Q, K), got {ranked.shape}")
    if not 1 <= k <= ranked.shape[1]:
        raise ValueError(f"k must be between 1 and the {ranked.shape[1]} results there are, got {k}")


def _within_r(hits: Hits, n_relevant: Ids) -> Hits:
    depth = int(n_relevant.max(initial=0))
    if depth > hits.shape[1]:
        raise ValueError(f"R-precision needs {depth} results for each query, got {hits.shape[1]}")
    within: Hits = np.arange(hits.shape[1])[None, :] < n_relevant[:, None]
    return within


def _precisions_at_hits(hits: Hits) -> NDArray[np.float64]:
    """Return (Q, K) the precision at each rank that holds a hit, 0 elsewhere."""
    ranks = np.arange(1, hits.shape[1] + 1)
    precisions: NDArray[np.float64] = np.cumsum(hits, axis=1) / ranks * hits
    return precisions


def _ratio(counts: NDArray[Any], n_relevant: Ids) -> PerQuery:
    counts = np.asarray(counts, dtype=np.float64)
    ratio: PerQuery = np.divide(counts, n_relevant, out=np.full(len(counts), np.nan), where=n_relevant > 0)
    return ratio
