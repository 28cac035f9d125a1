"""The smallest of many numbers: one of them (argmin in registers), or the n smallest (quick-select, heaps)."""

import numpy as np
from llvmlite import ir
from numba import types

from core.indexes.jit import part
from core.indexes.llvm import FLOATS, INDICES, INT, LANES, cgutils, intrinsic, reduce_vector, spread, vector_at


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


@part
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


@part
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
def replace_largest(heap, value):  # type: ignore[no-untyped-def]
    """Replace the largest value of a max-heap, which is heap[0], by a smaller one."""
    count = heap.shape[0]
    hole = 0
    while True:
        child = 2 * hole + 1
        if child >= count:
            break
        if child + 1 < count and heap[child + 1] > heap[child]:
            child += 1
        if heap[child] <= value:
            break
        heap[hole] = heap[child]
        hole = child
    heap[hole] = value


@part
def smallest_sorted(candidates, n, values, positions):  # type: ignore[no-untyped-def]
    """Fill values[:n] and positions[:n] with the `n` smallest candidates, ascending, and where they are.

    The candidates, a multiple of 16, have contiguous memory.
    """
    count = candidates.shape[0]
    address = np.uintp(candidates.ctypes.data)
    if n <= 4:  # as many passes in registers
        for i in range(n):
            at = argmin_at(address, count // LANES)
            values[i], positions[i] = candidates[at], at
            candidates[at] = np.inf
        for i in range(n):
            candidates[positions[i]] = values[i]
        return
    for i in range(n):
        values[i], positions[i] = candidates[i], i
    for hole in range(n // 2 - 1, -1, -1):
        _sink(values, positions, n, hole, values[hole], positions[hole])
    for i in range(n, count):
        if candidates[i] < values[0]:
            _sink(values, positions, n, 0, candidates[i], i)
    sort_pairs(values, positions, n)
