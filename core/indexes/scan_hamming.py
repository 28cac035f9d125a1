"""Compiled scan of binary codes: the rows of smallest Hamming distance."""

from core.indexes.jit import kernel
from core.indexes.selection import count_bits


@kernel
def nearest_codes(codes, query, mask, distances, histogram, rows):  # type: ignore[no-untyped-def]
    """Fill `rows` with the rows of smallest Hamming distance, ascending; of those equally far, the first.

    Args:
        codes: (n, words) uint64.
        query: (words,) uint64.
        mask: (n,) bool, rows that may be returned, or empty for all.
        distances: (n,) uint16, overwritten with the distances.
        histogram: (64 * words + 2,) int64 zeros, overwritten.
        rows: (C,) int64, C at most the number of rows that may be returned.
    """
    n, words = codes.shape
    for row in range(n):
        distance = 0
        for word in range(words):
            distance += count_bits(codes[row, word] ^ query[word])
        distances[row] = distance
    if mask.shape[0] > 0:
        for row in range(n):
            if not mask[row]:
                distances[row] = 64 * words + 1  # farther than any code
    for row in range(n):
        histogram[distances[row]] += 1
    limit, below = 0, 0  # rows nearer than `limit` all fit; of those at `limit` as many as there is room for
    while below + histogram[limit] < rows.shape[0]:
        below += histogram[limit]
        limit += 1
    room, filled = rows.shape[0] - below, 0
    for row in range(n):
        if distances[row] < limit:
            rows[filled] = row
            filled += 1
        elif distances[row] == limit and room > 0:
            rows[filled] = row
            filled += 1
            room -= 1
