"""The course of an IVFPQ search: codes in the order in which they are scanned, what was put aside, and the heap.

A code is put aside when bytes alone show that it is beyond the worst of those kept (see `core.indexes.scan`); what is
left is summed, and enters the heap of the best if it is nearer than the worst of them. This replays, code by code and
in Python, what the kernels do by blocks of 64, so that it can be shown; the results are the same.
"""

import heapq
import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.search.measured import Measured
from core.types import Codes

_MOST = np.float32(0.99999)  # keeps rounding from lifting a quotient over a whole number


@dataclass(frozen=True, eq=False)
class Course:
    """The n codes of the probed lists in the order of the scan, and what became of each.

    Attributes:
        n_kept: size of the heap.
        rows: (n,) of `Measured`.
        probe: (n,) by which probe the code was reached, from 0.
        distances: (n,) by the codes, squared L2.
        is_summed: (n,) whether its table entries were added up; the others were put aside by bytes.
        is_entered: (n,) whether it entered the heap; it may have been pushed out later.
        cutoffs: (n,) the worst distance in the heap after this code; inf while there was room.
    """

    n_kept: int
    rows: NDArray[np.int64]
    probe: NDArray[np.int64]
    distances: NDArray[np.float32]
    is_summed: NDArray[np.bool_]
    is_entered: NDArray[np.bool_]
    cutoffs: NDArray[np.float32]

    @property
    def n_pruned(self) -> int:
        """Codes that were put aside by bytes."""
        return int((~self.is_summed).sum())


def replay(measured: Measured, n_probe: int, n_kept: int) -> Course:
    """Return the course of a scan of the n_probe nearest lists that keeps the n_kept best codes.

    Args:
        n_probe: 1 to n_lists.
        n_kept: at least 1.
    """
    ranks = measured.list_rank[measured.labels]
    rows = np.flatnonzero(measured.reach <= n_probe)
    rows = rows[np.argsort(ranks[rows], kind="stable")]
    probe = ranks[rows] - 1
    n_probe = max(n_probe, int(probe.max(initial=0)) + 1)  # segments with few lists under a filter get farther
    distances = measured.approximate[rows]
    is_summed, is_entered = np.ones(len(rows), bool), np.zeros(len(rows), bool)
    cutoffs = np.full(len(rows), np.inf, np.float32)
    heap: list[float] = []  # negative distances: the worst is first
    worst = np.inf
    starts = np.searchsorted(probe, np.arange(n_probe + 1))
    slack = _slack(measured, n_probe)
    for number, (start, stop) in enumerate(itertools.pairwise(starts.tolist())):
        if start == stop:
            continue
        bounds, base, scale = _bounds(measured, int(measured.order[number]), rows[start:stop], slack)
        for at, (bound, distance) in enumerate(
            zip(bounds.tolist(), distances[start:stop].tolist(), strict=True), start
        ):
            gap = (worst + slack - base) * scale
            if gap < 0 or (gap < 65534 and bound > int(gap) + 1):
                is_summed[at] = False
            elif distance < worst:
                is_entered[at] = True
                heapq.heappush(heap, -distance)
                if len(heap) > n_kept:
                    heapq.heappop(heap)
                worst = -heap[0] if len(heap) == n_kept else np.inf
            cutoffs[at] = worst
    return Course(n_kept, rows, probe, distances, is_summed, is_entered, cutoffs)


def _bounds(
    measured: Measured, list_number: int, rows: NDArray[np.int64], slack: float
) -> tuple[NDArray[np.int64], float, float]:
    """Return the whole-number bounds (n,) of the codes of one list, and the base and scale that they are relative to.

    The distance of a code is not below base + (bound - 1) / scale - slack.
    """
    from core.indexes.lists import pack

    index = measured.index
    table = _products(measured, list_number, index.n_bits)  # (n_columns, 256)
    low = table.min(axis=1)
    width = float((table.max(axis=1) - low).max())
    n_columns = len(table)
    widest_factor = 65535 - 255 * n_columns - 8
    scale = float(_MOST) / max(width / 255, slack * 65536 / widest_factor, 1e-30)
    bytes_table = ((table - low[:, None]) * np.float32(scale)).astype(np.int64)
    packed: Codes = pack(measured.codes[rows], index.n_bits)
    terms = index.model.terms(measured.labels[rows], measured.codes[rows])
    floor, step = _scale_of(measured, list_number)
    whole = ((terms - np.float32(floor)) / step).astype(np.int64) if step else np.zeros(len(rows), np.int64)
    bounds = bytes_table[np.arange(n_columns), packed].sum(axis=1) + (whole * int(step * 65536 * scale) >> 16)
    return bounds, float(measured.to_lists[list_number]) + float(low.sum()) + floor, scale


def _scale_of(measured: Measured, list_number: int) -> tuple[float, float]:
    """Return floor and step of the terms of a list, as they are stored in 16 bits; a filter does not change them."""
    stored = measured.whole or measured
    inside = stored.labels == list_number
    terms = stored.index.model.terms(stored.labels[inside], stored.codes[inside])
    low, high = float(terms.min()), float(terms.max())
    return low, (high - low) * 1.00001 / 65535


def _products(measured: Measured, list_number: int, n_bits: int) -> NDArray[np.float32]:
    """Return (n_columns, 256) -2 q.r for what each byte of a code stands for: one codeword r, or two of 4 bits."""
    model = measured.index.model
    group = int(model.groups[list_number])
    query = model.rotations[group] @ measured.view[0] if len(model.rotations) else measured.view[0]
    codewords = model.codewords[group if len(model.codewords) > 1 else 0]  # (M, Ks, Ds)
    products: NDArray[np.float32] = -2 * (codewords * query.reshape(len(codewords), 1, -1)).sum(axis=2)
    if n_bits == 8:
        return products
    even = np.zeros((-(-len(products) // 2) * 2, 16), np.float32)
    even[: len(products)] = products
    return (even[1::2, :, None] + even[0::2, None, :]).reshape(len(even) // 2, 256)


def _slack(measured: Measured, n_probe: int) -> float:
    """Return by how much the value of a code can be below its distance, as the scan reckons it."""
    filled = np.unique(measured.labels)
    steps = [_scale_of(measured, int(number))[1] for number in measured.order[:n_probe] if number in filled]
    square = float((measured.view**2).sum())
    furthest = float(measured.to_lists[measured.order[n_probe - 1]])
    return 1.001 * max(steps, default=0.0) + 4e-6 * (square + abs(furthest))
