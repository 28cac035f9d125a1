"""The arrays that the search kernel reads: what was learned, and the codes of one segment sorted into lists.

Codes lie in blocks of 64 that belong to one list each. A block is stored by columns, (n_columns, 64) bytes, so that one
register loads the same column of 64 codes. Within a column, code v of a block is byte 2 v for v < 32 and byte
2 (v - 32) + 1 above: seen as 16-bit words, lower bytes are the first half and upper bytes the second. A column is the
code of one sub-quantizer of 8 bits, or of two of 4 bits.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.indexes.jit import kernel
from core.indexes.products import Panels
from core.types import Codes, Vectors

BLOCK = 64
_LANE_BYTES = np.array([2 * (lane & 31) + (lane >> 5) for lane in range(BLOCK)])


class Quantizers(NamedTuple):
    """What was learned. All vectors are relative to the same origin.

    Attributes:
        centroids: (n_lists, D).
        centroid_panels: `distance_panels` of them.
        turned: (n_lists, D') the centroids, each turned by the rotation of its list.
        groups: (n_lists,) int32, the rotation that each list uses.
        rotations: (n_rotations, n_panels, D + 1, 64) panels of the rotations' rows; none (0 of them) is the identity.
        codewords: (n_books, M, Ks, Ds): one book for all lists, or one for each rotation.
        codeword_panels: (n_books, M, n_panels, Ds + 1, 64) panels of -2 * codewords.
    """

    centroids: Vectors
    centroid_panels: Panels
    turned: Vectors
    groups: NDArray[np.int32]
    rotations: NDArray[np.float32]
    codewords: NDArray[np.float32]
    codeword_panels: NDArray[np.float32]


class Lists(NamedTuple):
    """The codes of one segment.

    Attributes:
        starts: (n_lists + 1,) int64, the first block of each list.
        codes: (n_blocks, n_columns, 64) bytes.
        terms: (n_blocks, 64) 16-bit: |r|^2 + 2 c.r of a code r in list c is floors[c] + steps[c] * term, to a step.
        floors: (n_lists,) float32.
        steps: (n_lists,) float32.
        rows: (n_blocks, 64) int32, the row of each code in its segment; -1 where a list's last block is not full.
        filled: (n_blocks,) 64-bit, bit v is set where code v exists.
    """

    starts: NDArray[np.int64]
    codes: NDArray[np.uint8]
    terms: NDArray[np.uint16]
    floors: NDArray[np.float32]
    steps: NDArray[np.float32]
    rows: NDArray[np.int32]
    filled: NDArray[np.uint64]


def n_columns(M: int, n_bits: int) -> int:
    """Return how many bytes a code takes."""
    return M if n_bits == 8 else -(-M // 2)


def pack(codes: Codes, n_bits: int) -> Codes:
    """Return codes (N, M) as bytes (N, n_columns): codes of 4 bits in pairs, the first one in the lower half."""
    if n_bits == 8:
        return codes
    even = np.zeros((len(codes), 2 * n_columns(codes.shape[1], n_bits)), dtype=np.uint8)
    even[:, : codes.shape[1]] = codes
    packed: Codes = np.bitwise_or(even[:, 0::2], even[:, 1::2] << np.uint8(4), dtype=np.uint8)
    return packed


def unpack(packed: Codes, M: int, n_bits: int) -> Codes:
    """Return bytes (N, n_columns) as codes (N, M): what `pack` was given."""
    if n_bits == 8:
        return packed
    return np.stack([packed & 15, packed >> 4], axis=2).reshape(len(packed), -1)[:, :M]


def arrange(labels: NDArray[np.int64], packed: Codes, terms: NDArray[np.float32], n_lists: int) -> Lists:
    """Sort codes into lists.

    Args:
        labels: (N,) the list of each row.
        packed: (N, n_columns) codes.
        terms: (N,) |r|^2 + 2 c.r.
    """
    counts = np.bincount(labels, minlength=n_lists)
    starts = np.concatenate([[0], np.cumsum(-(-counts // BLOCK))])
    n_blocks = int(starts[-1])
    lists = Lists(
        starts=starts.astype(np.int64),
        codes=np.zeros((n_blocks, packed.shape[1], BLOCK), dtype=np.uint8),
        terms=np.zeros((n_blocks, BLOCK), dtype=np.uint16),
        floors=np.full(n_lists, np.inf, dtype=np.float32),
        steps=np.zeros(n_lists, dtype=np.float32),
        rows=np.full((n_blocks, BLOCK), -1, dtype=np.int32),
        filled=np.zeros(n_blocks, dtype=np.uint64),
    )
    _fill(labels, np.ascontiguousarray(packed), terms, lists)
    return frozen(lists)


def frozen(lists: Lists) -> Lists:
    """Forbid writing to the arrays: a segment never changes (and kernels are compiled for read-only arrays once)."""
    for array in lists:
        array.flags.writeable = False
    return lists


@kernel
def _fill(labels, packed, terms, lists):  # type: ignore[no-untyped-def]
    """Put every row into the next free place of its list."""
    n_lists = lists.floors.shape[0]
    tops = np.full(n_lists, -np.inf, np.float32)
    for row in range(labels.shape[0]):
        label = labels[row]
        lists.floors[label] = min(lists.floors[label], terms[row])
        tops[label] = max(tops[label], terms[row])
    for label in range(n_lists):
        if (
            tops[label] > lists.floors[label]
        ):  # a little more than 1 / 65535 of the range, so that no term exceeds 16 bits
            lists.steps[label] = (tops[label] - lists.floors[label]) * np.float32(1.00001 / 65535)
        if tops[label] < lists.floors[label]:  # an empty list
            lists.floors[label] = np.float32(0)
    used = np.zeros(n_lists, np.int64)
    width = packed.shape[1]
    for row in range(labels.shape[0]):
        label = labels[row]
        block = lists.starts[label] + used[label] // BLOCK
        lane = used[label] % BLOCK
        used[label] += 1
        step = lists.steps[label]
        if step > 0:
            lists.terms[block, lane] = np.uint16((terms[row] - lists.floors[label]) / step)
        lists.rows[block, lane] = row
        lists.filled[block] |= np.uint64(1) << np.uint64(lane)
        byte = 2 * (lane & 31) + (lane >> 5)
        for column in range(width):
            lists.codes[block, column, byte] = packed[row, column]


def codes_at(lists: Lists, blocks: NDArray[np.int64], lanes: NDArray[np.int64]) -> Codes:
    """Return (n, n_columns) the packed codes at places of the lists."""
    return lists.codes[blocks, :, _LANE_BYTES[lanes]]


@kernel
def mask_bits(mask, lists, bits, usable):  # type: ignore[no-untyped-def]
    """Turn a mask (n,) of rows into bits (n_blocks,) like `filled`, and note which lists (n_lists,) have any."""
    for label in range(usable.shape[0]):
        usable[label] = False
        for block in range(lists.starts[label], lists.starts[label + 1]):
            word = np.uint64(0)
            for lane in range(BLOCK):
                row = lists.rows[block, lane]
                if row >= 0 and mask[row]:
                    word |= np.uint64(1) << np.uint64(lane)
            bits[block] = word
            if word:
                usable[label] = True


@kernel
def fill_terms(codes, labels, books, turned, codewords, terms):  # type: ignore[no-untyped-def]
    """Fill terms (N,) with |r|^2 + 2 c.r, where r is the decoded residual of codes (N, M), and c its list's centroid.

    Args:
        books: (n_lists,) the book of codewords that each list uses.
        turned: (n_lists, D') centroids, turned like the residuals.
        codewords: (n_books, M, Ks, Ds).
    """
    _, M, _, Ds = codewords.shape
    for row in range(codes.shape[0]):
        label = labels[row]
        book = books[label]
        term = np.float32(0)
        for m in range(M):
            code = codes[row, m]
            for d in range(Ds):
                value = codewords[book, m, code, d]
                term += value * (value + np.float32(2) * turned[label, m * Ds + d])
        terms[row] = term
