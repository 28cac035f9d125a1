"""Same or different: the area under the curve and the equal error rate of pairs told apart by a score.

T. Fawcett, "An introduction to ROC analysis", Pattern Recognition Letters 2006.
"""

import numpy as np
from numpy.typing import NDArray

from core.types import Ids, Vectors

Scores = NDArray[np.float64]  # (P,) higher means more alike
Same = NDArray[np.bool_]  # (P,)


def area_under_curve(scores: Scores, same: Same) -> float:
    """Return the chance that a pair of the same class scores above one of different classes (a tie counts half).

    Raises:
        ValueError: one of the two kinds is missing.
    """
    n_same, n_other = _count(scores, same)
    ordered = np.sort(scores)
    # Ranks from 1; equal scores share the mean of theirs.
    ranks = (np.searchsorted(ordered, scores, "left") + np.searchsorted(ordered, scores, "right") + 1) / 2
    return float((ranks[same].sum() - n_same * (n_same + 1) / 2) / (n_same * n_other))


def equal_error_rate(scores: Scores, same: Same) -> float:
    """Return the error rate at the threshold where as many same pairs are refused as different ones are accepted.

    Raises:
        ValueError: one of the two kinds is missing.
    """
    n_same, n_other = _count(scores, same)
    order = np.argsort(-np.asarray(scores), kind="stable")
    ordered = np.asarray(scores)[order]
    last = np.r_[ordered[1:] != ordered[:-1], True]  # a threshold lies only between different scores
    accepted_other = np.r_[0, np.cumsum(~same[order])[last]] / n_other
    refused_same = 1 - np.r_[0, np.cumsum(same[order])[last]] / n_same
    # Both are monotone, so their difference changes sign once: the two lines are joined there.
    gap = accepted_other - refused_same
    after = int(np.argmax(gap >= 0))
    if gap[after] == 0:
        return float(accepted_other[after])
    share = -gap[after - 1] / (gap[after] - gap[after - 1])
    return float(accepted_other[after - 1] + share * (accepted_other[after] - accepted_other[after - 1]))


def sample_pairs(
    vectors: Vectors, labels: Ids, groups: Ids, rng: np.random.Generator, *, n_pairs: int = 200_000
) -> tuple[Scores, Same]:
    """Return the cosines of random pairs, half of them of the same class, and which those are.

    Args:
        vectors: (N, D) rows of L2 norm 1.
        labels: (N,) class numbers.
        groups: (N,) numbers that exact duplicates share; such pairs are left out.
        n_pairs: pairs drawn; duplicates and a picture with itself are dropped from them.
    """
    half = n_pairs // 2
    order = np.argsort(labels, kind="stable")
    _, starts, sizes = np.unique(labels[order], return_index=True, return_counts=True)
    code = np.searchsorted(starts, np.arange(len(labels)), side="right") - 1  # class of each place in `order`
    place = rng.integers(len(labels), size=half)
    mate = starts[code[place]] + (rng.random(half) * sizes[code[place]]).astype(np.int64)
    left = np.r_[order[place], rng.integers(len(labels), size=half)]
    right = np.r_[order[mate], rng.integers(len(labels), size=half)]
    different_kind = np.r_[np.zeros(half, bool), labels[left[half:]] == labels[right[half:]]]
    kept = (groups[left] != groups[right]) & ~different_kind
    left, right = left[kept], right[kept]
    scores = np.concatenate(
        [
            np.einsum("pd,pd->p", vectors[left[i : i + 8192]], vectors[right[i : i + 8192]])
            for i in range(0, len(left), 8192)
        ]
        or [np.empty(0)]
    )
    return scores.astype(np.float64), labels[left] == labels[right]


def _count(scores: Scores, same: Same) -> tuple[int, int]:
    if scores.shape != same.shape or scores.ndim != 1:
        raise ValueError(f"scores and same must have one shape (P,), got {scores.shape} and {same.shape}")
    n_same = int(same.sum())
    if not 0 < n_same < len(same):
        raise ValueError(f"pairs of both kinds are needed, got {n_same} same and {len(same) - n_same} different")
    return n_same, len(same) - n_same
