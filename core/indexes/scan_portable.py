"""The scan that runs on any processor: one look-up after the other, in a table that stays in the first-level cache."""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types

from core.indexes.jit import part
from core.indexes.llvm import FLOAT, INT, cgutils, intrinsic, pointer

_BLOCK = 64
_CHAINS = 4  # sums that do not wait for one another


@intrinsic
def sum_entries(typing_context, code, n_columns, table):  # type: ignore[no-untyped-def]
    """Return the sum of the table entries of one code.

    Written in LLVM, because its optimizer would make gathers of the plain loop, which are slower than single loads.

    Args (addresses, but for n_columns):
        code: bytes, 64 apart.
        table: (n_columns, 256) floats.
    """

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        code, n_columns, table = arguments

        def number(value: int) -> ir.Constant:
            return ir.Constant(INT, value)

        sums = [cgutils.alloca_once_value(builder, ir.Constant(FLOAT, 0.0)) for _ in range(_CHAINS)]

        def add_entry(column: Any, total: Any) -> None:
            place = builder.add(code, builder.mul(column, number(64)))
            byte = builder.zext(builder.load(pointer(builder, place, ir.IntType(8))), INT)
            index = builder.add(builder.mul(column, number(256)), byte)
            entry = builder.load(pointer(builder, builder.add(table, builder.mul(index, number(4))), FLOAT))
            builder.store(builder.fadd(builder.load(total), entry), total)

        rounds = builder.udiv(n_columns, number(_CHAINS))
        with cgutils.for_range(builder, rounds) as loop:
            for chain, total in enumerate(sums):
                add_entry(builder.add(builder.mul(loop.index, number(_CHAINS)), number(chain)), total)
        done = builder.mul(rounds, number(_CHAINS))
        with cgutils.for_range(builder, builder.sub(n_columns, done)) as loop:
            add_entry(builder.add(done, loop.index), sums[0])
        halves = [builder.fadd(builder.load(sums[i]), builder.load(sums[i + 1])) for i in (0, 2)]
        return builder.fadd(*halves)

    return types.float32(types.uintp, types.int64, types.uintp), generate


@part
def scan_block(codes_at, n_columns, terms, table_at, base, step, threshold):  # type: ignore[no-untyped-def]
    """Return the mask of one block of 64 codes: bit v is set where the value of code v is at most the threshold.

    Args:
        codes_at: address of the block's codes, in the order that `lists.py` describes.
        terms: (64,) 16-bit.
        table_at: address of (n_columns, 256) floats.
        base, step: the value is base + step * term + the table entries of the code's bytes.
    """
    mask = np.uint64(0)
    for lane in range(_BLOCK):
        value = base + step * np.float32(terms[lane]) + sum_entries(codes_at + byte_of(lane), n_columns, table_at)
        mask |= np.uint64(value <= threshold) << np.uint64(lane)
    return mask


@part
def byte_of(lane):  # type: ignore[no-untyped-def]
    """Return which byte of a column of a block belongs to a code."""
    return np.uintp(2 * (lane & 31) + (lane >> 5))
