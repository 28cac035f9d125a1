"""The smallest of many numbers: one of them (argmin in vector registers), or the n smallest (quick-select, heap sort)."""

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from core.indexes.jit import kernel
from core.indexes.products import FLOAT, FLOATS, INT, LANES, pointer

_INDEX = ir.IntType(32)
_INDICES = ir.VectorType(_INDEX, LANES)


@intrinsic  # type: ignore[untyped-decorator]
def argmin_at(typing_context, values, n_vectors):  # type: ignore[no-untyped-def]
    """Return the position of the smallest of 16 * n_vectors floats at an address; of equal ones the first."""
    signature = types.int64(types.uintp, types.int64)

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        values, n_vectors = arguments
        smallest = cgutils.alloca_once_value(builder, ir.Constant(FLOATS, [float("inf")] * LANES))
        found = cgutils.alloca_once_value(builder, ir.Constant(_INDICES, [0] * LANES))
        lanes = cgutils.alloca_once_value(builder, ir.Constant(_INDICES, list(range(LANES))))
        with cgutils.for_range(builder, n_vectors) as loop:
            place = builder.add(values, builder.mul(loop.index, ir.Constant(INT, 4 * LANES)))
            candidate = builder.load(pointer(builder, place, FLOATS), align=4)
            index = builder.load(lanes)
            is_smaller = builder.fcmp_ordered("<", candidate, builder.load(smallest))
            builder.store(builder.select(is_smaller, candidate, builder.load(smallest)), smallest)
            builder.store(builder.select(is_smaller, index, builder.load(found)), found)
            builder.store(builder.add(index, ir.Constant(_INDICES, [LANES] * LANES)), lanes)

        def reduced(operation: str, vector, kind, element):  # type: ignore[no-untyped-def]
            code = ("f32", "i32")[element is _INDEX]
            function = ir.FunctionType(element, [kind])
            name = f"llvm.vector.reduce.{operation}.v{LANES}{code}"
            return builder.call(builder.module.declare_intrinsic(name, (), function), [vector])

        least = reduced("fmin", builder.load(smallest), FLOATS, FLOAT)
        all_least = builder.insert_element(ir.Constant(FLOATS, ir.Undefined), least, ir.Constant(_INDEX, 0))
        all_least = builder.shuffle_vector(
            all_least, ir.Constant(FLOATS, ir.Undefined), ir.Constant(_INDICES, [0] * LANES)
        )
        is_least = builder.fcmp_ordered("==", builder.load(smallest), all_least)
        never = ir.Constant(_INDICES, [2**31 - 1] * LANES)
        first = reduced("umin", builder.select(is_least, builder.load(found), never), _INDICES, _INDEX)
        return builder.zext(first, INT)

    return signature, generate


@kernel
def _sink(values, companions, count, hole, value, companion):  # type: ignore[no-untyped-def]
    """Put `value` into the max-heap values[:count] below `hole`, whose entry is free."""
    while True:
        child = 2 * hole + 1
        if child >= count:
            break
        if child + 1 < count and values[child + 1] > values[child]:
            child += 1
        if values[child] <= value:
            break
        values[hole], companions[hole] = values[child], companions[child]
        hole = child
    values[hole], companions[hole] = value, companion


@kernel
def sort_pairs(values, companions, count):  # type: ignore[no-untyped-def]
    """Sort values[:count] ascending, in place, and their companions with them (heap sort; insertion sort if few)."""
    if count <= 32:
        for i in range(1, count):
            value, companion, j = values[i], companions[i], i
            while j > 0 and values[j - 1] > value:
                values[j], companions[j] = values[j - 1], companions[j - 1]
                j -= 1
            values[j], companions[j] = value, companion
        return
    for hole in range(count // 2 - 1, -1, -1):
        _sink(values, companions, count, hole, values[hole], companions[hole])
    for end in range(count - 1, 0, -1):
        value, companion = values[end], companions[end]
        values[end], companions[end] = values[0], companions[0]
        _sink(values, companions, end, 0, value, companion)


@kernel
def select_smallest(values, companions, count, n):  # type: ignore[no-untyped-def]
    """Move the `n` smallest of values[:count], 0 < n <= count, to the front, in any order; return the largest of them."""
    low, high = 0, count - 1
    while low < high:
        pivot = values[(low + high) >> 1]
        i, j = low, high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                companions[i], companions[j] = companions[j], companions[i]
                i += 1
                j -= 1
        if n - 1 <= j:
            high = j
        elif n - 1 >= i:
            low = i
        else:
            break
    largest = values[0]
    for i in range(1, n):
        largest = max(largest, values[i])
    return largest


@kernel
def smallest_sorted(candidates, n, values, positions):  # type: ignore[no-untyped-def]
    """Fill values[:n] and positions[:n] with the `n` smallest candidates, ascending, and where they are."""
    if n == 1:
        best = np.float32(np.inf)
        at = 0
        for i in range(candidates.shape[0]):
            if candidates[i] < best:
                best, at = candidates[i], i
        values[0], positions[0] = best, at
        return
    for i in range(n):
        values[i], positions[i] = candidates[i], i
    for hole in range(n // 2 - 1, -1, -1):
        _sink(values, positions, n, hole, values[hole], positions[hole])
    for i in range(n, candidates.shape[0]):
        if candidates[i] < values[0]:
            _sink(values, positions, n, 0, candidates[i], i)
    sort_pairs(values, positions, n)
