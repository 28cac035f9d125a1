"""The smallest of many numbers: one (argmin in registers), a limit of the n smallest (bisection), or all n of them."""

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
def _count_at_most(typing_context, values, n_vectors, limit):  # type: ignore[no-untyped-def]
    """Return how many of 16 * n_vectors floats at an address are at most the limit."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        values, n_vectors, limit = arguments
        limits = spread(builder, limit, FLOATS)
        less = cgutils.alloca_once_value(builder, ir.Constant(INDICES, [0] * LANES))  # -1 for each that is
        with cgutils.for_range(builder, n_vectors) as loop:
            is_less = builder.fcmp_ordered("<=", vector_at(builder, values, loop.index), limits)
            builder.store(builder.add(builder.load(less), builder.sext(is_less, INDICES)), less)
        return builder.neg(builder.sext(reduce_vector(builder, "add", builder.load(less)), INT))

    return types.int64(types.uintp, types.int64, types.float32), generate


@part
def limit_of_smallest(values, count, n, most):  # type: ignore[no-untyped-def]
    """Return a number that is not below the n-th smallest of values[:count], and below all but `most` of them.

    It is found by halving the range of the values: counting them in registers takes a tenth of the time of moving them
    about. Only of values that are equal may more than `most` be as small.

    Args:
        values: contiguous memory, with room for a multiple of 16 floats, of which those behind `count` are overwritten.
        count: of finite values, 0 < n <= most, n <= count.
    """
    n_vectors = (count + LANES - 1) // LANES
    low, high = values[0], values[0]
    for i in range(count):
        low, high = min(low, values[i]), max(high, values[i])
    for i in range(count, n_vectors * LANES):
        values[i] = np.inf
    address = np.uintp(values.ctypes.data)
    n_within = count
    while n_within > most and low < high:
        middle = low + np.float32(0.5) * (high - low)
        if not low < middle < high:  # neighbouring numbers
            break
        n_less = _count_at_most(address, n_vectors, middle)
        if n_less >= n:
            high, n_within = middle, n_less
        else:
            low = middle
    return high


@part
def keep_at_most(values, companions, count, limit):  # type: ignore[no-untyped-def]
    """Move those of values[:count] that are at most the limit to the front, in order; return how many they are."""
    n_kept = 0
    for i in range(count):
        value = values[i]
        values[n_kept], companions[n_kept] = value, companions[i]
        n_kept += value <= limit  # without a branch that processors would guess wrong
    return n_kept


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
