"""The smallest of many numbers: one of them (argmin in registers), or the n smallest (quick-select, knock-out)."""

import numpy as np
from llvmlite import ir
from numba import types

from core.indexes.jit import part
from core.indexes.llvm import FLOATS, INDICES, INT, LANES, cgutils, intrinsic, pointer, reduce_vector, spread, vector_at


@intrinsic
def argmin_at(typing_context, values, n_vectors):  # type: ignore[no-untyped-def]
    """Return the position of the smallest of 16 * n_vectors floats at an address; of equal ones the first."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        values, n_vectors = arguments
        smallest = cgutils.alloca_once_value(builder, ir.Constant(FLOATS, [float("inf")] * LANES))
        found = cgutils.alloca_once_value(builder, ir.Constant(INDICES, [0] * LANES))
        lanes = cgutils.alloca_once_value(builder, ir.Constant(INDICES, list(range(LANES))))
        with cgutils.for_range(builder, n_vectors) as loop:
            candidate, index = vector_at(builder, values, loop.index), builder.load(lanes)
            is_smaller = builder.fcmp_ordered("<", candidate, builder.load(smallest))
            builder.store(builder.select(is_smaller, candidate, builder.load(smallest)), smallest)
            builder.store(builder.select(is_smaller, index, builder.load(found)), found)
            builder.store(builder.add(index, ir.Constant(INDICES, [LANES] * LANES)), lanes)
        least = reduce_vector(builder, "fmin", builder.load(smallest))
        is_least = builder.fcmp_ordered("==", builder.load(smallest), spread(builder, least, FLOATS))
        never = ir.Constant(INDICES, [2**31 - 1] * LANES)
        first = reduce_vector(builder, "umin", builder.select(is_least, builder.load(found), never))
        return builder.zext(first, INT)

    return types.int64(types.uintp, types.int64), generate


@intrinsic
def minimum_at(typing_context, values):  # type: ignore[no-untyped-def]
    """Return the smallest of 16 floats at an address."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return reduce_vector(builder, "fmin", builder.load(pointer(builder, arguments[0], FLOATS), align=4))

    return types.float32(types.uintp), generate


@intrinsic
def lowest_bit(typing_context, mask):  # type: ignore[no-untyped-def]
    """Return the number of the lowest bit that is set in a 64-bit mask, which must not be 0."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), generate


@intrinsic
def count_bits(typing_context, mask):  # type: ignore[no-untyped-def]
    """Return how many bits of a 64-bit mask are set."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.ctpop(arguments[0])

    return types.int64(types.uint64), generate


_GAPS = (701, 301, 132, 57, 23, 10, 4, 1)  # M. Ciura, "Best increments for the average case of Shellsort", 2001


@part
def sort_pairs(values, companions, count):  # type: ignore[no-untyped-def]
    """Sort values[:count] ascending, of equal ones the least companion first, in place (Shellsort)."""
    for gap in _GAPS:
        for i in range(gap, count):
            value, companion, j = values[i], companions[i], i
            while j >= gap and (
                values[j - gap] > value or (values[j - gap] == value and companions[j - gap] > companion)
            ):
                values[j], companions[j] = values[j - gap], companions[j - gap]
                j -= gap
            values[j], companions[j] = value, companion


@part
def select_smallest(values, companions, count, n):  # type: ignore[no-untyped-def]
    """Move the `n` smallest of values[:count], 0 < n <= count, to the front; return the largest of them."""
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


@part
def smallest_sorted(candidates, minima, n, values, positions):  # type: ignore[no-untyped-def]
    """Fill values[:n] and positions[:n] with the `n` smallest candidates, ascending, and where they are.

    As in a knock-out tournament: the least of all is the least of the minima of groups of 16, and once it is taken only
    its own group has another minimum.

    Args:
        candidates: a multiple of 16 floats of contiguous memory; those that are found are overwritten by inf.
        minima: (n_groups,) work space, a multiple of 16 floats of contiguous memory, for all groups of 16 candidates.
    """
    address, minima_at = np.uintp(candidates.ctypes.data), np.uintp(minima.ctypes.data)
    n_groups = minima.shape[0]
    if n <= 4:  # as many passes in registers
        for i in range(n):
            place = argmin_at(address, candidates.shape[0] // LANES)
            values[i], positions[i] = candidates[place], place
            candidates[place] = np.inf
        return
    for group in range(n_groups):
        is_there = group < candidates.shape[0] // LANES
        minima[group] = minimum_at(address + np.uintp(4 * LANES * group)) if is_there else np.inf
    for i in range(n):
        group = argmin_at(minima_at, n_groups // LANES)
        group_at = address + np.uintp(4 * LANES * group)
        place = LANES * group + argmin_at(group_at, 1)
        values[i], positions[i] = candidates[place], place
        candidates[place] = np.inf
        minima[group] = minimum_at(group_at)
