"""Vectors of 16 floats in LLVM's intermediate language: what the kernels' innermost loops are written in.

LLVM turns them into registers of any width, on every processor that Numba knows.
"""

from typing import Any

import numba.core.cgutils
import numba.extending
import numba.np.arrayobj
from llvmlite import ir
from numba import types

# Decorated functions are typed by Numba when they are compiled, not by annotations.
intrinsic: Any = numba.extending.intrinsic
cgutils: Any = numba.core.cgutils
arrayobj: Any = numba.np.arrayobj

LANES = 16
FLOAT = ir.FloatType()
FLOATS = ir.VectorType(FLOAT, LANES)
INT = ir.IntType(64)
INDEX = ir.IntType(32)
INDICES = ir.VectorType(INDEX, LANES)


def pointer(builder: Any, address: Any, kind: Any) -> Any:
    """Turn an address (an integer) into a pointer to `kind`."""
    return builder.inttoptr(address, kind.as_pointer())


def vector_at(builder: Any, address: Any, number: Any) -> Any:
    """Load the vector of floats of that number from an address."""
    place = builder.add(address, builder.mul(number, ir.Constant(INT, 4 * LANES)))
    return builder.load(pointer(builder, place, FLOATS), align=4)


def spread(builder: Any, value: Any, vector: Any) -> Any:
    """Return a vector all of whose lanes are `value`."""
    undefined = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(undefined, value, ir.Constant(INDEX, 0))
    lanes = ir.Constant(ir.VectorType(INDEX, vector.count), [0] * vector.count)
    return builder.shuffle_vector(first, undefined, lanes)


def reduce_vector(builder: Any, operation: str, vector: Any) -> Any:
    """Return the "fmin" or "fmax" of 16 floats, or the "umin" or sum ("add") of 16 indices."""
    kind, code = (FLOATS, "f32") if operation.startswith("f") else (INDICES, "i32")
    function = ir.FunctionType(kind.element, [kind])
    name = f"llvm.vector.reduce.{operation}.v{LANES}{code}"
    return builder.call(builder.module.declare_intrinsic(name, (), function), [vector])


@intrinsic
def prefetch(typing_context, address):  # type: ignore[no-untyped-def]
    """Begin to load the 64 bytes around an address into the caches; any address will do, also a wrong one."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        byte = ir.IntType(8).as_pointer()
        flag = ir.IntType(32)
        function = ir.FunctionType(ir.VoidType(), [byte, flag, flag, flag])
        fetch = builder.module.declare_intrinsic("llvm.prefetch", (byte,), function)
        read, keep, data = (ir.Constant(flag, value) for value in (0, 3, 1))
        builder.call(fetch, [builder.inttoptr(arguments[0], byte), read, keep, data])
        return context.get_dummy_value()

    return types.void(types.uintp), generate


@intrinsic
def copy_floats(typing_context, source, count, target):  # type: ignore[no-untyped-def]
    """Copy `count` floats from one address to another, by fours: few, in a place where a call would take longer."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        source, count, target = arguments
        four = ir.VectorType(FLOAT, 4)

        def copy(first: Any, kind: Any) -> None:
            offset = builder.mul(first, ir.Constant(INT, 4))
            value = builder.load(pointer(builder, builder.add(source, offset), kind), align=4)
            builder.store(value, pointer(builder, builder.add(target, offset), kind), align=4)

        whole = builder.and_(count, ir.Constant(INT, -4))
        with cgutils.for_range(builder, builder.lshr(count, ir.Constant(INT, 2))) as loop:
            copy(builder.shl(loop.index, ir.Constant(INT, 2)), four)
        with cgutils.for_range(builder, builder.sub(count, whole)) as loop:
            copy(builder.add(whole, loop.index), FLOAT)
        return context.get_dummy_value()

    return types.void(types.uintp, types.int64, types.uintp), generate
