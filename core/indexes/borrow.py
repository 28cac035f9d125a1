"""Arrays without reference counts, for kernels whose arguments outlive them.

Numba counts references to the memory of arrays with atomic operations wherever one is taken from a tuple, cut or
passed on. In the scan of a short list that is half of the time. A borrowed array is the same array without an owner;
whoever lends it keeps the owner alive until the kernel returns.
"""

from typing import Any

from llvmlite import ir
from numba import types

from core.indexes.llvm import cgutils, intrinsic


@intrinsic
def borrow(typing_context, value):  # type: ignore[no-untyped-def]
    """Return an array, or a tuple of arrays, of the same type, contents and memory, but without reference counts."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return _without_owner(context, builder, signature.return_type, arguments[0])

    return value(value), generate


def _without_owner(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    if isinstance(kind, types.Array):
        array = cgutils.create_struct_proxy(kind)(context, builder, value=value)
        array.meminfo = ir.Constant(array.meminfo.type, None)
        array.parent = ir.Constant(array.parent.type, None)
        return array._getvalue()
    if isinstance(kind, types.BaseTuple):
        elements: Any = kind  # a heterogeneous tuple's types
        for i, element in enumerate(elements):
            part = _without_owner(context, builder, element, builder.extract_value(value, i))
            value = builder.insert_value(value, part, i)
    return value
