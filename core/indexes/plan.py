"""What a search reads, in one small array: handing a kernel twenty arrays takes longer than searching a short list.

A plan is an (n_arrays, 6) int64 array of address and shape. It owns nothing: whoever passes it keeps the arrays alive
until the kernel returns. A kernel opens it into arrays without reference counts, which are atomic operations wherever
an array is taken from a tuple, cut or passed on, and in the scan of a short list were half of the time.
"""

from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numpy.typing import NDArray

from core.indexes.lists import Lists, Quantizers
from core.indexes.llvm import INT, arrayobj, intrinsic, pointer
from core.types import Ids

_named_tuple: Any = types.NamedTuple
_WIDTH = 6  # an address, and up to five sizes


class Rest(NamedTuple):
    """What a search reads besides quantizers and lists.

    Attributes:
        offset: (D,) added to each query.
        eligible: (n_blocks,) 64-bit, codes that may be returned.
        usable: (n_lists,) bytes, whether a list may be probed; of size 0 if all may.
        short_ids, long_ids: (n,) what to return for each row, in 32 or in 64 bits: one of them is empty, or both, and
            rows are returned.
    """

    offset: NDArray[np.float32]
    eligible: NDArray[np.uint64]
    usable: NDArray[np.uint8]
    short_ids: NDArray[np.int32]
    long_ids: NDArray[np.int64]


_LISTS = len(Quantizers._fields)  # rows of a plan: quantizers, lists, rest
_REST = _LISTS + len(Lists._fields)
_ROW_OF = {name: _REST + row for row, name in enumerate(Rest._fields)}


class Plan(NamedTuple):
    """The numbers that a kernel gets, and the arrays to which they point."""

    numbers: NDArray[np.int64]
    arrays: tuple[NDArray[np.generic], ...]


def plan_of(
    quantizers: Quantizers,
    lists: Lists,
    offset: NDArray[np.float32],
    eligible: NDArray[np.uint64],
    usable: NDArray[np.bool_],
    ids: Ids | NDArray[np.int32],
) -> Plan:
    """Return the plan of a search.

    Args:
        quantizers, lists: see `lists.py`.
        offset: (D,) added to each query.
        eligible: (n_blocks,) codes that may be returned.
        usable: (n_lists,) whether a list may be probed; of size 0 if all may.
        ids: (n,) what to return for each row, int32 or int64.
    """
    is_short = ids.dtype == np.int32
    short: NDArray[np.int32] = np.asarray(ids if is_short else [], dtype=np.int32)
    long: Ids = np.asarray([] if is_short else ids, dtype=np.int64)
    rest = Rest(offset, eligible, usable.view(np.uint8), short, long)
    arrays = tuple(np.ascontiguousarray(array) for array in (*quantizers, *lists, *rest))
    numbers = np.zeros((len(arrays), _WIDTH), dtype=np.int64)
    for row, array in zip(numbers, arrays, strict=True):
        _point(row, array)
    return Plan(numbers, arrays)


def without_ids(plan: Plan) -> Plan:
    """Return the plan of the same search that returns rows."""
    numbers = plan.numbers.copy()
    numbers[_ROW_OF["short_ids"], 1] = numbers[_ROW_OF["long_ids"], 1] = 0
    return Plan(numbers, plan.arrays)


def with_mask(plan: Plan, eligible: NDArray[np.uint64], usable: NDArray[np.bool_]) -> Plan:
    """Return the plan of the same search among other codes and lists."""
    numbers = plan.numbers.copy()
    _point(numbers[_ROW_OF["eligible"]], eligible)
    _point(numbers[_ROW_OF["usable"]], usable)
    return Plan(numbers, (*plan.arrays, eligible, usable))


def _point(row: NDArray[np.int64], array: NDArray[Any]) -> None:
    row[0] = array.ctypes.data
    row[1 : 1 + array.ndim] = array.shape


def _opener(first: int, kind: type, *contents: tuple[Any, int]) -> Any:
    """Return the intrinsic that turns rows of a plan, from `first` on, into a named tuple of arrays.

    Args:
        kind: the named tuple.
        contents: type of the entries and number of dimensions of each array.
    """
    arrays: list[Any] = [types.Array(entry, ndim, "C") for entry, ndim in contents]
    result = _named_tuple(arrays, kind)

    @intrinsic
    def opened(typing_context, plan_at):  # type: ignore[no-untyped-def]
        def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            value = ir.Constant(context.get_value_type(result), ir.Undefined)
            for i, array_type in enumerate(arrays):

                def number(column: int, row: int = first + i) -> Any:
                    place = builder.add(arguments[0], ir.Constant(INT, 8 * (_WIDTH * row + column)))
                    return builder.load(pointer(builder, place, INT))

                item = context.get_abi_sizeof(context.get_data_type(array_type.dtype))
                shape = [number(1 + axis) for axis in range(array_type.ndim)]
                strides = [ir.Constant(INT, item)]
                for size in shape[:0:-1]:
                    strides.insert(0, builder.mul(strides[0], size))
                array = context.make_array(array_type)(context, builder)
                data = builder.inttoptr(number(0), array.data.type)
                arrayobj.populate_array(array, data, shape, strides, ir.Constant(INT, item), None)
                value = builder.insert_value(value, array._getvalue(), i)
            return value

        return result(types.uintp), generate

    return opened


_f32, _i32, _i64, _u8, _u16, _u64 = types.float32, types.int32, types.int64, types.uint8, types.uint16, types.uint64
open_quantizers = _opener(
    0, Quantizers, (_f32, 2), (_f32, 3), (_f32, 2), (_i32, 1), (_f32, 4), (_f32, 4), (_f32, 5)
)  # fmt: skip
open_lists = _opener(_LISTS, Lists, (_i64, 1), (_u8, 3), (_u16, 2), (_f32, 1), (_f32, 1), (_i32, 2), (_u64, 1))
open_rest = _opener(_REST, Rest, (_f32, 1), (_u64, 1), (_u8, 1), (_i32, 1), (_i64, 1))
