"""Tables of symbol distributions: logistic shapes at stored scales and means, in integer counts."""

import numpy as np
from numpy.typing import NDArray

MEAN_PARTS = 8  # a mean is known to an eighth of a quantiser step
N_SCALES = 56
SCALE_LOW, SCALE_HIGH = 0.04, 32.0  # logistic scale in quantiser steps of the first and the last table
REACH = 47  # symbols farther than this from the mean are escaped
N_SYMBOLS = 2 * REACH + 2  # the last one is the escape
TOTAL = 1 << 22  # of the counts of one table; with fewer, the least count of 1 costs bytes in a short stream

Counts = NDArray[np.int32]  # (N_SCALES, MEAN_PARTS, N_SYMBOLS)


def scale_step() -> float:
    """Return the difference of the logarithms of neighbouring scales."""
    return float(np.log(SCALE_HIGH / SCALE_LOW) / (N_SCALES - 1))


def logistic_masses() -> NDArray[np.float64]:
    """Return (N_SCALES, MEAN_PARTS, N_SYMBOLS) probabilities; the escape's is what lies beyond the reach."""
    scales = SCALE_LOW * np.exp(scale_step() * np.arange(N_SCALES))
    rest = np.arange(MEAN_PARTS) / MEAN_PARTS - 0.5
    edges = np.arange(-REACH, REACH + 2) - 0.5
    exponent = (edges[None, None, :] - rest[None, :, None]) / scales[:, None, None]
    cumulative = 1 / (1 + np.exp(-np.clip(exponent, -60, 60)))
    inner = np.diff(cumulative, axis=2)
    return np.concatenate([inner, 1 - inner.sum(axis=2, keepdims=True)], axis=2)


def counts_from(masses: NDArray[np.float64]) -> Counts:
    """Return integer counts, at least 1 each and TOTAL in every table, in proportion to `masses`."""
    share = np.maximum(masses, 0) / masses.sum(axis=2, keepdims=True)
    counts = 1 + np.floor(share * (TOTAL - N_SYMBOLS)).astype(np.int64)
    most = counts.argmax(axis=2)
    np.put_along_axis(
        counts,
        most[:, :, None],
        np.take_along_axis(counts, most[:, :, None], 2) + (TOTAL - counts.sum(axis=2))[:, :, None],
        2,
    )
    result: Counts = counts.astype(np.int32)
    return result


def costs_of(counts: Counts) -> NDArray[np.float32]:
    """Return the bits that each symbol costs; an escape's own extra bits are not in it."""
    costs: NDArray[np.float32] = (np.log2(float(TOTAL)) - np.log2(counts.astype(np.float64))).astype(np.float32)
    return costs


def mixed_with_observed(observed: NDArray[np.int64], *, prior_weight: float = 200.0) -> Counts:
    """Return counts fitted to observed symbols, with the logistic shape as `prior_weight` further observations.

    Mirrored tables (mean rest r and -r) share what was seen.

    Args:
        observed: (N_SCALES, MEAN_PARTS, N_SYMBOLS) how often each symbol came with each table.
    """
    seen = observed.astype(np.float64)
    mirrored = seen.copy()
    for part in range(1, MEAN_PARTS):
        mirrored[:, part, :-1] += seen[:, MEAN_PARTS - part, -2::-1]
        mirrored[:, part, -1] += seen[:, MEAN_PARTS - part, -1]
    return counts_from(mirrored + prior_weight * logistic_masses())
