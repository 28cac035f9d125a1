"""Look-up tables of one query: -2 q.r for every codeword r, as floats and, rounded down, as bytes."""

import numpy as np
from llvmlite import ir
from numba import types

from core.indexes.jit import part
from core.indexes.llvm import FLOAT, FLOATS, INT, LANES, cgutils, intrinsic, pointer, reduce_vector, spread, vector_at
from core.indexes.products import PANEL, multiply_at

_MOST = np.float32(0.99999)  # keeps rounding from lifting a quotient over a whole number


@part
def fill_products(queries, first, count, quantizers, book, products):  # type: ignore[no-untyped-def]
    """Fill products (count, M, 64 * n_panels) with -2 q.r of queries[first : first + count]."""
    panels = quantizers.codeword_panels[book]
    dim = panels.shape[2] - 1
    for m in range(panels.shape[0]):
        multiply_at(
            np.uintp(queries.ctypes.data) + np.uintp(first * queries.strides[0] + 4 * m * dim), queries.strides[0],
            count, dim, np.uintp(panels.ctypes.data) + np.uintp(m * panels.strides[0]), panels.shape[1],
            np.uintp(products.ctypes.data) + np.uintp(4 * m * panels.shape[1] * PANEL), products.strides[0],
        )  # fmt: skip


@part
def pair_columns(products, table):  # type: ignore[no-untyped-def]
    """Turn products (M, width) of 4-bit codes into the table (n_columns, 256) of the bytes that hold two of them."""
    for column in range(table.shape[0]):
        has_second = 2 * column + 1 < products.shape[0]
        for second in range(16):
            added = products[2 * column + 1, second] if has_second else np.float32(0)
            for first in range(16):
                table[column, second * 16 + first] = products[2 * column, first] + added


@intrinsic
def _range_at(typing_context, values, n_vectors, low_and_high):  # type: ignore[no-untyped-def]
    """Write the smallest and the largest of 16 * n_vectors floats at an address to low_and_high."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        values, n_vectors, low_and_high = arguments
        lows, highs = (
            cgutils.alloca_once_value(builder, ir.Constant(FLOATS, [float(limit)] * LANES)) for limit in ("inf", "-inf")
        )
        with cgutils.for_range(builder, n_vectors) as loop:
            vector = vector_at(builder, values, loop.index)
            for best, sign in ((lows, "<"), (highs, ">")):
                is_better = builder.fcmp_ordered(sign, vector, builder.load(best))
                builder.store(builder.select(is_better, vector, builder.load(best)), best)
        for place, (best, operation) in enumerate(((lows, "fmin"), (highs, "fmax"))):
            found = reduce_vector(builder, operation, builder.load(best))
            address = builder.add(low_and_high, ir.Constant(INT, 4 * place))
            builder.store(found, pointer(builder, address, FLOAT), align=4)
        return context.get_dummy_value()

    return types.void(types.uintp, types.int64, types.uintp), generate


@intrinsic
def _quantize_at(typing_context, values, n_vectors, low, scale, rounded):  # type: ignore[no-untyped-def]
    """Subtract `low` from 16 * n_vectors floats at an address, and write them times `scale` as bytes to `rounded`."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        values, n_vectors, low, scale, rounded = arguments
        lows, scales = spread(builder, low, FLOATS), spread(builder, scale, FLOATS)
        bytes_of = ir.VectorType(ir.IntType(8), LANES)
        with cgutils.for_range(builder, n_vectors) as loop:
            above = builder.fsub(vector_at(builder, values, loop.index), lows)
            place = builder.add(values, builder.mul(loop.index, ir.Constant(INT, 4 * LANES)))
            builder.store(above, pointer(builder, place, FLOATS), align=4)
            whole = builder.fptosi(builder.fmul(above, scales), ir.VectorType(ir.IntType(32), LANES))
            place = builder.add(rounded, builder.mul(loop.index, ir.Constant(INT, LANES)))
            builder.store(builder.trunc(whole, bytes_of), pointer(builder, place, bytes_of), align=1)
        return context.get_dummy_value()

    return types.void(types.uintp, types.int64, types.float32, types.float32, types.uintp), generate


@part
def quantize_table(table, bytes_table, most_step):  # type: ignore[no-untyped-def]
    """Subtract each column's minimum from the table (n_columns, 256), and round it down to bytes.

    Args:
        most_step: the largest step of the terms that will be added; where it is large, the bytes are made coarser so
            that the sums of the scan fit 16 bits.

    Returns:
        The sum of the minima, and the scale: byte <= entry * scale.
    """
    n_columns = table.shape[0]
    ranges = np.empty((n_columns, 2), np.float32)
    total, width = np.float32(0), np.float32(0)
    for column in range(n_columns):
        _range_at(
            np.uintp(table.ctypes.data) + np.uintp(1024 * column), 16,
            np.uintp(ranges.ctypes.data) + np.uintp(8 * column),
        )  # fmt: skip
        total += ranges[column, 0]
        width = max(width, ranges[column, 1] - ranges[column, 0])
    # A bound is a sum of n_columns bytes and of (term * factor >> 16), where factor = step of terms * 65536 * scale.
    widest_factor = np.float32(65535 - 255 * n_columns - 8)
    step = max(width / np.float32(255), most_step * np.float32(65536) / widest_factor, np.float32(1e-30))
    scale = _MOST / step
    for column in range(n_columns):
        _quantize_at(
            np.uintp(table.ctypes.data) + np.uintp(1024 * column), 16, ranges[column, 0], scale,
            np.uintp(bytes_table.ctypes.data) + np.uintp(256 * column),
        )  # fmt: skip
    return total, scale
