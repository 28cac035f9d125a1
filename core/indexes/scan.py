"""The search of a segment, compiled: probe lists, bound all their codes from below, and evaluate what can still count.

|q - c - r|^2 = |q - c|^2 + (|r|^2 + 2 c.r) - 2 q.r. The first term belongs to the list, the second is stored with each
code, the third is a sum of M look-ups in tables that depend on the query alone: one set of tables serves all lists
(those that share a rotation). Rounded down to bytes, tables and terms give a lower bound in whole numbers (`scan_vbmi`,
`scan_portable`); the few codes whose bound is not beyond the k-th best so far are summed in float32 (`scan_list`), and
those that may be among the k at last are compared with the query component by component.
"""

import numpy as np

from core.indexes.borrow import borrow
from core.indexes.jit import kernel, part
from core.indexes.lists import BLOCK
from core.indexes.llvm import LANES
from core.indexes.plan import open_lists, open_quantizers, open_rest
from core.indexes.products import PANEL, multiply_at
from core.indexes.scan_list import (
    PLACE_BITS,
    keep_smallest,
    n_places,
    prefetch_list,
    replace_by_distances,
    scan_blocks,
)
from core.indexes.selection import smallest_sorted, sort_pairs
from core.indexes.shift import shift
from core.indexes.tables import fill_products, pair_columns, quantize_table

_QUERIES = 8  # whose products are computed together


@kernel
def search(  # type: ignore[no-untyped-def]
    queries, plan, n_bits, n_probe, k, permute, exact, largest, ids, distances
):
    """Find the k nearest codes of each query in the n_probe lists nearest to it.

    Args:
        queries: (Q, D), at least one.
        plan: the numbers of a `Plan`, which hold everything that is searched.
        permute: scan with byte permutes rather than with single look-ups.
        exact: sort by distances that are computed component by component; else the k nearest come in any order, with
            distances whose terms are rounded, which is what re-ranking needs.
        largest: square of a query.
        ids: (Q, k) filled, -1 in empty slots, which come last.
        distances: (Q, k) filled, inf in empty slots.

    Returns:
        False, with nothing more searched, if a query is not finite or its square is beyond `largest`.
    """
    plan_at = np.uintp(plan.ctypes.data)
    quantizers, lists, rest = open_quantizers(plan_at), open_lists(plan_at), open_rest(plan_at)
    n_queries, dim = queries.shape
    n_at_once = min(_QUERIES, n_queries)
    M, width = quantizers.codewords.shape[1], quantizers.codeword_panels.shape[2] * PANEL
    n_columns = lists.codes.shape[1]
    n_turned = n_probe if quantizers.rotations.shape[0] else 0
    n_scores = quantizers.centroid_panels.shape[0] * PANEL
    owned = (
        np.empty((n_at_once, dim), np.float32),
        np.empty((n_at_once, n_scores), np.float32),
        np.empty(-(-n_scores // LANES**2) * LANES, np.float32),
        np.empty((n_at_once, M, width), np.float32),
        np.empty((n_columns, 256), np.float32),
        np.empty((n_turned, quantizers.rotations.shape[1] * PANEL), np.float32),
        np.empty(n_probe, np.float32),
        np.empty((2, n_probe), np.int64),
        np.empty(n_places(k), np.int64),
        np.empty(n_places(k), np.float32),
        np.empty((n_columns, 256), np.uint8),
        np.empty(4, np.uint64),
    )
    views, scores, minima, products, paired, turned, near, integers, places, values, bytes_table, masks = borrow(owned)
    probes, slots = integers[0], integers[1]
    for start in range(0, n_queries, n_at_once):
        count = min(n_at_once, n_queries - start)
        for number in range(count):
            if not shift(queries[start + number], rest.offset, largest, views[number]):
                return False
        multiply_at(
            np.uintp(views.ctypes.data), views.strides[0], count, dim,
            np.uintp(quantizers.centroid_panels.ctypes.data), quantizers.centroid_panels.shape[0],
            np.uintp(scores.ctypes.data), scores.strides[0],
        )  # fmt: skip
        if not n_turned:
            fill_products(views, np.int64(0), count, quantizers, np.int64(0), products)
        for number in range(count):
            query = views[number]
            n_near, slack = _probe(query, scores[number], minima, rest.usable, lists.steps, n_probe, near, probes)
            for first in range(n_near):
                slots[first] = -1
            n_found, n_slots, threshold = (
                np.int64(0),
                np.int64(0),
                np.float32(np.inf),
            )  # types, not literals: compiled once
            context = (quantizers, query, turned, probes, slots, n_bits)
            for first in range(n_near):
                if slots[first] >= 0:  # scanned already, with the tables of a nearer list
                    continue
                group = quantizers.groups[probes[first]]
                table = products[number]
                if n_turned:
                    _turn(query, quantizers.rotations[group], turned[n_slots])
                    book = np.int64(group if quantizers.codewords.shape[0] > 1 else 0)
                    fill_products(turned, n_slots, np.int64(1), quantizers, book, products)
                    table = products[0]
                if n_bits == 4:
                    pair_columns(table, paired)
                    table = paired
                base, scale = quantize_table(table, bytes_table, slack)
                for probe in range(first, n_near):  # all lists that share these tables
                    label = probes[probe]
                    if slots[probe] >= 0 or quantizers.groups[label] != group:
                        continue
                    slots[probe] = n_slots
                    if probe + 1 < n_near:
                        following = probes[probe + 1]
                        prefetch_list(lists.codes, lists.terms, lists.starts[following], lists.starts[following + 1])
                    block, end = lists.starts[label], lists.starts[label + 1]
                    while block < end:
                        n_found, block, threshold = scan_blocks(
                            lists.codes, lists.terms, rest.eligible, block, end, probe << PLACE_BITS,
                            near[probe] + base + lists.floors[label], lists.steps[label], table, bytes_table, scale,
                            permute, k, slack, values, places, masks, n_found, threshold,
                        )  # fmt: skip
                        if block < end:  # too many within the slack: only their distances can separate them
                            replace_by_distances(values, places, n_found, lists, context)
                            sort_pairs(values, places, n_found)
                            threshold = min(threshold, values[k - 1] + slack)
                            n_found = k
                n_slots += 1
            if n_found > k:
                n_found, _ = keep_smallest(values, places, n_found, k, k, slack if exact else np.float32(0))
            if exact:
                replace_by_distances(values, places, n_found, lists, context)
            if exact or n_found > k:  # the latter, if values are equal
                sort_pairs(values, places, n_found)
            for i in range(k):
                is_found = i < n_found
                place = places[i] & ((1 << PLACE_BITS) - 1) if is_found else 0
                row = np.int64(lists.rows[place // BLOCK, place % BLOCK]) if is_found else -1
                if row >= 0 and rest.short_ids.shape[0]:
                    row = np.int64(rest.short_ids[row])
                elif row >= 0 and rest.long_ids.shape[0]:
                    row = rest.long_ids[row]
                ids[start + number, i] = row
                distances[start + number, i] = values[i] if is_found else np.inf
    owned[0][0, 0] = 0  # what was lent lives until here
    return True


@part
def _probe(query, scores, minima, usable, steps, n_probe, near, probes):  # type: ignore[no-untyped-def]
    """Choose the lists to scan.

    Args:
        scores: |c|^2 - 2 q.c of all lists; overwritten.
        minima: work space, see `smallest_sorted`.
        near: filled with |q - c|^2 of the probes, ascending.
        probes: filled with their lists.

    Returns:
        How many there are, and by how much the value of a candidate can be below its distance: the rounding of a term,
        and of sums in float32.
    """
    for label in range(usable.shape[0]):
        if not usable[label]:
            scores[label] = np.inf
    smallest_sorted(scores, minima, n_probe, near, probes)
    square = np.float32(0)
    for d in range(query.shape[0]):
        square += query[d] * query[d]
    n_near, most_step = 0, np.float32(0)
    while n_near < n_probe and near[n_near] < np.inf:
        near[n_near] += square
        most_step = max(most_step, steps[probes[n_near]])
        n_near += 1
    magnitude = square + abs(near[max(n_near - 1, 0)])
    return n_near, np.float32(1.001) * most_step + np.float32(4e-6) * magnitude


@part
def _turn(query, panels, turned):  # type: ignore[no-untyped-def]
    """Fill turned (D',) with a rotation of the query."""
    multiply_at(
        np.uintp(query.ctypes.data), np.int64(0), np.int64(1), query.shape[0],
        np.uintp(panels.ctypes.data), panels.shape[0], np.uintp(turned.ctypes.data), np.int64(0),
    )  # fmt: skip
