"""Matrix products in registers: many short rows against columns that are laid out in panels.

Distances to centroids, k-means and look-up tables are all of the form `rows @ columns + bias`. A panel holds 64 columns
as (D + 1, 64): D rows of coordinates and one row of biases. The tile of 4 rows x 64 columns stays in vector registers;
its code is written as LLVM vectors, which every processor that Numba knows can run. On AVX-512 it is twice as fast as
the OpenBLAS that NumPy carries, and it needs no care about that library's own threads.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numpy.typing import NDArray

from core.indexes.jit import kernel, part, processor_has
from core.indexes.llvm import FLOAT, FLOATS, INT, LANES, cgutils, intrinsic, pointer, spread

PANEL = 64
TILE_ROWS = 4
Panels = NDArray[np.float32]  # (n_panels, D + 1, 64)

# A tile of 4 x 64 floats fills 16 of the 32 registers of AVX-512; 4 x 16 suits 16 registers of 32 bytes or 32 of 16.
TILE_COLUMNS = 64 if processor_has("avx512f") else 16


def make_panels(columns: NDArray[np.float32], bias: NDArray[np.float32] | None = None) -> Panels:
    """Lay out columns for `multiply`.

    Args:
        columns: (C, D), one column of the product per row.
        bias: (C,) added to each column, or None for 0. The columns that fill the last panel have bias inf.
    """
    count, dim = columns.shape
    n_panels = -(-count // PANEL)
    filled = np.zeros((n_panels * PANEL, dim + 1), dtype=np.float32)
    filled[count:, dim] = np.inf
    filled[:count, :dim] = columns
    if bias is not None:
        filled[:count, dim] = bias
    return np.ascontiguousarray(filled.reshape(n_panels, PANEL, dim + 1).transpose(0, 2, 1))


def distance_panels(centroids: NDArray[np.float32]) -> Panels:
    """Lay out (C, D) centroids so that `multiply` gives |c|^2 - 2 x.c, which is |x - c|^2 less |x|^2."""
    return make_panels(-2 * centroids, np.einsum("cd,cd->c", centroids, centroids))


def _make_tile(n_rows: int) -> Any:
    """Return the intrinsic that multiplies `n_rows` rows by TILE_COLUMNS columns of a panel."""

    @intrinsic
    def tile(typing_context, rows, row_stride, dim, panel, out, out_stride):  # type: ignore[no-untyped-def]
        """Rows (n_rows, dim), panel (dim + 1, 64) -> out (n_rows, TILE_COLUMNS): addresses, and strides in bytes."""
        signature = types.void(types.uintp, types.int64, types.int64, types.uintp, types.uintp, types.int64)

        def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            rows, row_stride, dim, panel, out, out_stride = arguments

            def shifted(address: Any, stride: Any, steps: Any) -> Any:
                return builder.add(address, builder.mul(stride, steps))

            def number(value: int) -> ir.Constant:
                return ir.Constant(INT, value)

            def columns_of(row_of_panel: Any) -> list[Any]:
                start = shifted(panel, number(4 * PANEL), row_of_panel)
                places = [builder.add(start, number(4 * column)) for column in range(0, TILE_COLUMNS, LANES)]
                return [builder.load(pointer(builder, place, FLOATS), align=4) for place in places]

            name = f"llvm.fmuladd.v{LANES}f32"
            multiply_add = builder.module.declare_intrinsic(name, (), ir.FunctionType(FLOATS, [FLOATS] * 3))
            bias = columns_of(dim)
            sums = [[cgutils.alloca_once_value(builder, value) for value in bias] for _ in range(n_rows)]
            row_starts = [shifted(rows, row_stride, number(row)) for row in range(n_rows)]
            with cgutils.for_range(builder, dim) as loop:
                columns = columns_of(loop.index)
                for start, row_sums in zip(row_starts, sums, strict=True):
                    value = builder.load(pointer(builder, shifted(start, number(4), loop.index), FLOAT), align=4)
                    factor = spread(builder, value, FLOATS)
                    for total, column in zip(row_sums, columns, strict=True):
                        builder.store(builder.call(multiply_add, [factor, column, builder.load(total)]), total)
            for row, row_sums in enumerate(sums):
                start = shifted(out, out_stride, number(row))
                for i, total in enumerate(row_sums):
                    place = pointer(builder, builder.add(start, number(4 * LANES * i)), FLOATS)
                    builder.store(builder.load(total), place, align=4)
            return context.get_dummy_value()

        return signature, generate

    return tile


_tile = _make_tile(TILE_ROWS)
_tile_of_one_row = _make_tile(1)


@part
def multiply_at(rows, row_stride, n_rows, dim, panels, n_panels, out, out_stride):  # type: ignore[no-untyped-def]
    """Fill out (n_rows, 64 * n_panels) with rows (n_rows, dim) @ columns + bias: addresses, and strides in bytes."""
    tiled = n_rows - n_rows % TILE_ROWS
    for panel in range(n_panels):
        for column in range(0, PANEL, TILE_COLUMNS):
            columns = panels + np.uintp(4 * (panel * (dim + 1) * PANEL + column))
            target = out + np.uintp(4 * (panel * PANEL + column))
            for row in range(0, tiled, TILE_ROWS):
                start, place = rows + np.uintp(row * row_stride), target + np.uintp(row * out_stride)
                _tile(start, row_stride, dim, columns, place, out_stride)
            for row in range(tiled, n_rows):
                start, place = rows + np.uintp(row * row_stride), target + np.uintp(row * out_stride)
                _tile_of_one_row(start, row_stride, dim, columns, place, out_stride)


@kernel
def multiply(rows, panels, out):  # type: ignore[no-untyped-def]
    """Fill out (R, 64 * n_panels) with rows (R, D) @ columns + bias; the rows of both arrays are contiguous."""
    multiply_at(
        np.uintp(rows.ctypes.data), rows.strides[0], rows.shape[0], rows.shape[1],
        np.uintp(panels.ctypes.data), panels.shape[0], np.uintp(out.ctypes.data), out.strides[0],
    )  # fmt: skip
