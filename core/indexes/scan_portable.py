"""The scan that runs on any processor: one look-up after the other, in a table that stays in the first-level cache."""

import numpy as np

from core.indexes.jit import scalar_part


@scalar_part
def scan_block(codes, terms, block, n_columns, table, base, step, threshold):  # type: ignore[no-untyped-def]
    """Return the mask of one block of 64 codes: bit v is set where the value of code v is at most the threshold.

    Args:
        codes: (n_blocks, n_columns, 64) bytes, in the order that `lists.py` describes.
        terms: (n_blocks, 64) 16-bit.
        block: number of the block.
        table: (n_columns, 256) floats.
        base, step: the value is base + step * term + the table entries of the code's bytes.
    """
    mask = np.uint64(0)
    for lane in range(64):
        byte = 2 * (lane & 31) + (lane >> 5)
        even = base + step * np.float32(terms[block, lane])
        odd = np.float32(0)
        for column in range(0, n_columns - 1, 2):
            even += table[column, codes[block, column, byte]]
            odd += table[column + 1, codes[block, column + 1, byte]]
        if n_columns & 1:
            even += table[n_columns - 1, codes[block, n_columns - 1, byte]]
        if even + odd <= threshold:
            mask |= np.uint64(1) << np.uint64(lane)
    return mask
