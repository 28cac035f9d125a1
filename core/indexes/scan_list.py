"""The scan of one list: bound its codes from below, and collect those that may be among the k nearest.

Candidates are pairs (value, place). A value is the distance in float32, but for the stored term, which is rounded down:
it is below the distance by no more than the slack. Whenever twice as many candidates as needed have come together, the
k-th smallest value is looked up, and what is more than the slack above it is dropped and no longer collected. (A heap
would give a tighter threshold, but keeping it takes longer than the look-ups that it saves.)
"""

import numpy as np

from core.indexes import scan_vbmi
from core.indexes.jit import part
from core.indexes.lists import BLOCK
from core.indexes.llvm import copy_floats, prefetch
from core.indexes.scan_portable import byte_of, scan_block, sum_entries
from core.indexes.selection import count_bits, keep_at_most, limit_of_smallest, lowest_bit

PLACE_BITS = 40  # of a candidate's place: (probe << 40) | (block * 64 + lane)
_AT_ONCE = 4  # blocks that share one load of each table
_FEW = 6  # a block with that few eligible codes is not worth a scan

if scan_vbmi.AVAILABLE:
    _scan = scan_vbmi.make_scan(_AT_ONCE)
else:  # never called, but compiled

    @part
    def _scan(codes, n_columns, tables, terms, term_factor, threshold, masks):  # type: ignore[no-untyped-def]
        return np.uint64(0)


@part
def n_gathered(k):  # type: ignore[no-untyped-def]
    """Return how many candidates come together before the threshold is looked up."""
    return k + max(k, 24)


@part
def n_places(k):  # type: ignore[no-untyped-def]
    """Return for how many candidates there must be room."""
    return (n_gathered(k) // BLOCK + 4) * BLOCK


@part
def scan_blocks(  # type: ignore[no-untyped-def]
    codes, terms, eligible, block, end, first_place, base, step, table, bytes_table, scale, permute, k, slack,
    values, places, masks, n_found, threshold,
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
        slack: see above.
        values, places: of the candidates, (n_places(k),).
        masks: (4,) 64-bit, work space.
        n_found: candidates so far.
        threshold: the largest value of a candidate that may still count.

    Returns:
        How many candidates there are then, the first block that was not scanned, and the threshold.
    """
    n_columns = codes.shape[1]
    factor = np.uint16(step * np.float32(65536) * scale)
    tables_at, masks_at = np.uintp(bytes_table.ctypes.data), np.uintp(masks.ctypes.data)
    table_at, all_codes_at = np.uintp(table.ctypes.data), np.uintp(codes.ctypes.data)
    full, room = n_gathered(k), values.shape[0] - BLOCK
    most = k + (full - k) // 8
    while block < end:
        gap = (threshold - base) * scale
        if gap < 0:
            return n_found, end, threshold
        limit = np.uint16(65535) if gap >= 65534 else np.uint16(np.int32(gap) + 1)
        codes_at = all_codes_at + np.uintp(block * n_columns * BLOCK)
        n_blocks = 1
        if gap >= 65534 or count_bits(eligible[block]) <= _FEW:
            masks[0] = eligible[block]
        elif permute and codes.shape[0] - block >= _AT_ONCE:
            n_blocks = min(_AT_ONCE, end - block)  # what is found beyond the end of the list is not looked at
            terms_at = np.uintp(terms.ctypes.data) + np.uintp(block * BLOCK * 2)
            if _scan(codes_at, n_columns, tables_at, terms_at, factor, limit, masks_at) == 0:
                block += n_blocks
                continue
        else:
            masks[0] = scan_block(codes_at, n_columns, terms[block], table_at, base, step, threshold)
        for number in range(block, block + n_blocks):
            mask = masks[number - block] & eligible[number]
            while mask != 0:
                lane = lowest_bit(mask)
                mask &= mask - np.uint64(1)
                code_at = all_codes_at + np.uintp(number * n_columns * BLOCK) + byte_of(lane)
                value = base + step * np.float32(terms[number, lane]) + sum_entries(code_at, n_columns, table_at)
                values[n_found] = value  # stays if it counts, without a branch that processors would guess wrong
                places[n_found] = first_place | (number * BLOCK + lane)
                n_found += value <= threshold
            if n_found >= full:
                n_found, limited = keep_smallest(values, places, n_found, k, most, slack)
                threshold = min(threshold, limited)
                if n_found > room:
                    return n_found, number + 1, threshold
        block += n_blocks
    return n_found, end, threshold


@part
def prefetch_list(codes, terms, block, end):  # type: ignore[no-untyped-def]
    """Begin to load the first blocks of a list, which is scanned later."""
    n_columns = codes.shape[1]
    count = min(_AT_ONCE, end - block)
    codes_at = np.uintp(codes.ctypes.data) + np.uintp(block * n_columns * BLOCK)
    for line in range(count * n_columns):
        prefetch(codes_at + np.uintp(BLOCK * line))
    terms_at = np.uintp(terms.ctypes.data) + np.uintp(block * BLOCK * 2)
    for line in range(2 * count):
        prefetch(terms_at + np.uintp(BLOCK * line))


@part
def keep_smallest(values, places, n_found, k, most, slack):  # type: ignore[no-untyped-def]
    """Drop candidates that are more than the slack above the k-th smallest, n_found >= k, or nearly so.

    Args:
        most: how many may be left beyond which there is only slack.

    Returns:
        How many are left; and the largest value that may still count.
    """
    limit = limit_of_smallest(values, n_found, k, most) + slack
    return keep_at_most(values, places, n_found, limit), limit


@part
def replace_by_distances(values, places, count, lists, context):  # type: ignore[no-untyped-def]
    """Replace the values of candidates by the squared distances between the query and their codes.

    Args:
        context: the quantizers, the query (D,), the query as turned by each rotation that was used (n, D'), the list of
            each probe, the row of the turned queries that each probe uses, and the bits of a code.
    """
    quantizers, query, turned, probes, slots, n_bits = context
    _, M, Ks, Ds = quantizers.codewords.shape
    is_turned = quantizers.rotations.shape[0] > 0
    is_cut = is_turned and M * Ds < query.shape[0]  # rotations keep a part of the dimensions
    decoded = np.empty(M * Ds, np.float32)
    decoded_at, codewords_at = np.uintp(decoded.ctypes.data), np.uintp(quantizers.codewords.ctypes.data)
    for i in range(count):
        probe, place = places[i] >> PLACE_BITS, places[i] & ((1 << PLACE_BITS) - 1)
        block, lane = place // BLOCK, place % BLOCK
        byte = 2 * (lane & 31) + (lane >> 5)
        label = probes[probe]
        book = quantizers.groups[label] if quantizers.codewords.shape[0] > 1 else 0
        for m in range(M):
            code = np.int64(lists.codes[block, m if n_bits == 8 else m // 2, byte])
            if n_bits == 4:
                code = code >> 4 if m & 1 else code & 15
            codeword_at = codewords_at + np.uintp(4 * Ds * ((book * M + m) * Ks + code))
            copy_floats(codeword_at, Ds, decoded_at + np.uintp(4 * Ds * m))
        view = turned[slots[probe]] if is_turned else query
        distance, inside = np.float32(0), np.float32(0)
        for d in range(M * Ds):
            part = view[d] - quantizers.turned[label, d]
            rest = part - decoded[d]
            distance += rest * rest
            inside += part * part
        if is_cut:
            whole = np.float32(0)
            for d in range(query.shape[0]):
                difference = query[d] - quantizers.centroids[label, d]
                whole += difference * difference
            distance += max(whole - inside, np.float32(0))
        values[i] = distance
