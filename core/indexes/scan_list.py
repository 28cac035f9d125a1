"""The scan of one list: bound its codes from below, and collect those that may be among the k nearest.

Candidates are pairs (value, place). A value is the distance in float32, but for the stored term, which is rounded down:
it is below the distance by no more than the slack. The k smallest values so far are a heap; what is more than the slack
above the largest of them is out.
"""

import numpy as np

from core.indexes import scan_vbmi
from core.indexes.jit import part
from core.indexes.lists import BLOCK
from core.indexes.scan_portable import byte_of, scan_block, sum_entries
from core.indexes.selection import count_bits, lowest_bit, replace_largest, select_smallest

PLACE_BITS = 40  # of a candidate's place: (probe << 40) | (block * 64 + lane)
_FEW = 6  # a block with that few eligible codes is not worth a scan

if scan_vbmi.AVAILABLE:
    _scan_1, _scan_4 = scan_vbmi.make_scan(1), scan_vbmi.make_scan(4)
else:  # never called, but compiled

    @part
    def _scan_1(codes, n_columns, tables, terms, term_factor, threshold, masks):  # type: ignore[no-untyped-def]
        return np.uint64(0)

    _scan_4 = _scan_1


@part
def scan_blocks(  # type: ignore[no-untyped-def]
    codes, terms, eligible, block, end, first_place, base, step, table, bytes_table, scale, permute, heap, slack,
    values, places, masks, n_found,
):  # fmt: skip
    """Append the codes of one list that may be among the k nearest to the candidates, until there is no room for more.

    Args:
        codes, terms: see `lists.py`.
        eligible: (n_blocks,) 64-bit, codes that may be returned.
        block, end: what is to be scanned.
        first_place: number of the probe << PLACE_BITS.
        base: what is common to the values of all codes in this list.
        step: of its terms.
        table, bytes_table, scale: see `tables.py`; (n_columns, 256) floats and bytes.
        permute: scan with byte permutes.
        heap: (k,) the smallest values so far, the largest of them first.
        slack: see above.
        values, places: of the candidates.
        masks: (4,) 64-bit, work space.
        n_found: candidates so far.

    Returns:
        How many candidates there are then, and the first block that was not scanned.
    """
    n_columns = codes.shape[1]
    factor = np.uint16(step * np.float32(65536) * scale)
    tables_at, masks_at = np.uintp(bytes_table.ctypes.data), np.uintp(masks.ctypes.data)
    table_at, all_codes_at = np.uintp(table.ctypes.data), np.uintp(codes.ctypes.data)
    room = values.shape[0] - BLOCK
    calm = 2  # blocks since a candidate was found
    while block < end:
        threshold = heap[0] + slack
        gap = (threshold - base) * scale
        if gap < 0:
            return n_found, end
        limit = np.uint16(65535) if gap >= 65534 else np.uint16(np.int32(gap) + 1)
        codes_at = all_codes_at + np.uintp(block * n_columns * BLOCK)
        n_blocks = 1
        if gap >= 65534 or count_bits(eligible[block]) <= _FEW:
            masks[0] = eligible[block]
        elif permute:
            terms_at = np.uintp(terms.ctypes.data) + np.uintp(block * BLOCK * 2)
            if calm >= 2 and end - block >= 4:
                n_blocks = 4
                found = _scan_4(codes_at, n_columns, tables_at, terms_at, factor, limit, masks_at)
            else:
                found = _scan_1(codes_at, n_columns, tables_at, terms_at, factor, limit, masks_at)
            if found == 0:
                calm += n_blocks
                block += n_blocks
                continue
        else:
            masks[0] = scan_block(codes_at, n_columns, terms[block], table_at, base, step, threshold)
        for number in range(block, block + n_blocks):
            mask = masks[number - block] & eligible[number]
            calm += 1
            while mask != 0:
                lane = lowest_bit(mask)
                mask &= mask - np.uint64(1)
                code_at = all_codes_at + np.uintp(number * n_columns * BLOCK) + byte_of(lane)
                value = base + step * np.float32(terms[number, lane]) + sum_entries(code_at, n_columns, table_at)
                if value <= heap[0] + slack:
                    values[n_found] = value
                    places[n_found] = first_place | (number * BLOCK + lane)
                    n_found += 1
                    calm = 0
                    if value < heap[0]:
                        replace_largest(heap, value)
            if n_found > room:
                return n_found, number + 1
        block += n_blocks
    return n_found, end


@part
def keep_best(values, places, n_found, heap, slack, lists, context):  # type: ignore[no-untyped-def]
    """Drop candidates that cannot be among the k nearest, and return how many are left.

    Where too many are within the slack, only their exact distances can separate them.
    """
    n_kept = _drop_beyond(values, places, n_found, heap[0] + slack)
    k = heap.shape[0]
    if n_kept > values.shape[0] - BLOCK:
        replace_by_distances(values, places, n_kept, lists, context)
        heap[0] = min(heap[0], select_smallest(values, places, n_kept, k))
        n_kept = k
    return n_kept


@part
def _drop_beyond(values, places, count, limit):  # type: ignore[no-untyped-def]
    n_kept = 0
    for i in range(count):
        if values[i] <= limit:
            values[n_kept], places[n_kept] = values[i], places[i]
            n_kept += 1
    return n_kept


@part
def replace_by_distances(values, places, count, lists, context):  # type: ignore[no-untyped-def]
    """Replace the values of candidates by the squared distances between the query and their codes.

    Args:
        context: the quantizers, the query (D,), the query as turned by each rotation that was used (n, D'), the list of
            each probe, the row of the turned queries that each probe uses, and the bits of a code.
    """
    quantizers, query, turned, probes, slots, n_bits = context
    M, Ds = quantizers.codewords.shape[1], quantizers.codewords.shape[3]
    is_turned = quantizers.rotations.shape[0] > 0
    is_cut = is_turned and M * Ds < query.shape[0]  # rotations keep a part of the dimensions
    for i in range(count):
        probe, place = places[i] >> PLACE_BITS, places[i] & ((1 << PLACE_BITS) - 1)
        block, lane = place // BLOCK, place % BLOCK
        byte = 2 * (lane & 31) + (lane >> 5)
        label = probes[probe]
        book = quantizers.groups[label] if quantizers.codewords.shape[0] > 1 else 0
        view = turned[slots[probe]] if is_turned else query
        distance, inside = np.float32(0), np.float32(0)
        for m in range(M):
            code = np.int64(lists.codes[block, m if n_bits == 8 else m // 2, byte])
            if n_bits == 4:
                code = code >> 4 if m & 1 else code & 15
            for d in range(Ds):
                part = view[m * Ds + d] - quantizers.turned[label, m * Ds + d]
                rest = part - quantizers.codewords[book, m, code, d]
                distance += rest * rest
                if is_cut:
                    inside += part * part
        if is_cut:
            whole = np.float32(0)
            for d in range(query.shape[0]):
                difference = query[d] - quantizers.centroids[label, d]
                whole += difference * difference
            distance += max(whole - inside, np.float32(0))
        values[i] = distance
