"""Intervals for a mean by resampling queries, or whole groups of queries.

B. Efron, R. Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13 (percentile intervals); groups:
A. Davison, D. Hinkley, "Bootstrap Methods and their Application", 1997, section 3.8.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.types import Ids


def bootstrap_interval(
    values: NDArray[np.float64],
    rng: np.random.Generator,
    *,
    groups: Ids | None = None,
    level: float = 0.95,
    n_resamples: int = 2000,
) -> tuple[float, float]:
    """Return the interval of the mean of `values` at `level`; NaN values are left out.

    Args:
        values: (Q,) one value per query.
        groups: (Q,) numbers that queries share which are not independent (tiles of one picture, works of one artist);
            whole groups are drawn then.

    Raises:
        ValueError: there is no value, or `level` is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level}")
    kept = np.isfinite(values)
    if not kept.any():
        raise ValueError("an interval needs at least one value")
    sums, counts = _by_group(values[kept], None if groups is None else groups[kept])
    means = np.empty(n_resamples)
    for i in range(n_resamples):
        # How often each group is drawn; the same as drawing indices, with less memory.
        drawn = rng.multinomial(len(sums), np.full(len(sums), 1 / len(sums)))
        means[i] = drawn @ sums / (drawn @ counts)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _by_group(values: NDArray[np.float64], groups: Ids | None) -> tuple[NDArray[Any], NDArray[Any]]:
    if groups is None:
        return values, np.ones(len(values))
    _, code = np.unique(groups, return_inverse=True)
    return np.bincount(code, weights=values), np.bincount(code).astype(np.float64)
