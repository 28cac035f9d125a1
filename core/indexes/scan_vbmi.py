"""The scan with byte permutes: AVX-512 VBMI looks up 64 codes at once in a table of 256 bytes.

The table of one column of codes lies in four registers of 64 bytes. `vpermi2b` looks up 64 seven-bit indices in two of
them; the eighth bit of the code chooses between the two halves. The instruction is reached through LLVM's name for it,
so this is Python source that Numba compiles. Fast scans by shuffles are due to F. Andre, A.-M. Kermarrec,
N. Le Scouarnec, "Cache locality is not enough", VLDB 2015 (4-bit codes); a byte permute takes codes as they are.
"""

import os
from typing import Any

from llvmlite import ir
from numba import types

from core.indexes.jit import processor_has
from core.indexes.llvm import INT, cgutils, intrinsic, pointer, spread

AVAILABLE = processor_has("avx512vbmi") and processor_has("avx512bw")

_BYTE, _WORD = ir.IntType(8), ir.IntType(16)
_BYTES, _WORDS = ir.VectorType(_BYTE, 64), ir.VectorType(_WORD, 32)


def make_scan(n_blocks: int) -> Any:
    """Return the intrinsic that scans `n_blocks` blocks of 64 codes with one load of each table."""

    @intrinsic
    def scan(  # type: ignore[no-untyped-def]
        typing_context, codes, n_columns, tables, terms, term_factor, threshold, masks
    ):
        """Set bit v of masks[block] where the bound of code v is at most the threshold; return the OR of all masks.

        The bound is the sum of the table entries of a code's bytes, and (term * term_factor) >> 16.

        Args (addresses, but for n_columns, term_factor and threshold):
            codes: (n_blocks, n_columns, 64) bytes, in the order that `lists.py` describes.
            tables: (n_columns, 256) bytes.
            terms: (n_blocks, 64) 16-bit.
            masks: (n_blocks,) 64-bit, written.
        """
        signature = types.uint64(
            types.uintp, types.int64, types.uintp, types.uintp, types.uint16, types.uint16, types.uintp
        )

        def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            codes, n_columns, tables, terms, term_factor, threshold, masks = arguments

            def number(value: int) -> ir.Constant:
                return ir.Constant(INT, value)

            def load(address: Any, offset: int, kind: Any) -> Any:
                return builder.load(pointer(builder, builder.add(address, number(offset)), kind), align=1)

            def declared(name: str, kind: Any, count: int) -> Any:
                return builder.module.declare_intrinsic(name, (), ir.FunctionType(kind, [kind] * count))

            permute = declared("llvm.x86.avx512.vpermi2var.qi.512", _BYTES, 3)
            multiply_high = declared("llvm.x86.avx512.pmulhu.w.512", _WORDS, 2)
            eight, no_bytes = ir.Constant(_WORDS, [8] * 32), ir.Constant(_BYTES, None)
            none = ir.Constant(_WORDS, None)
            # Bytes are added as 16-bit words: one sum of whole words, and one of their upper bytes.
            words = [cgutils.alloca_once_value(builder, none) for _ in range(n_blocks)]
            uppers = [cgutils.alloca_once_value(builder, none) for _ in range(n_blocks)]
            block_bytes = builder.mul(n_columns, number(64))
            with cgutils.for_range(builder, n_columns) as loop:
                table = builder.add(tables, builder.mul(loop.index, number(256)))
                quarters = [load(table, 64 * i, _BYTES) for i in range(4)]
                column = builder.add(codes, builder.mul(loop.index, number(64)))
                for block in range(n_blocks):
                    code = load(builder.add(column, builder.mul(block_bytes, number(block))), 0, _BYTES)
                    low = builder.call(permute, [quarters[0], code, quarters[1]])
                    high = builder.call(permute, [quarters[2], code, quarters[3]])
                    is_high = builder.icmp_signed("<", code, no_bytes)
                    entries = builder.bitcast(builder.select(is_high, high, low), _WORDS)
                    builder.store(builder.add(builder.load(words[block]), entries), words[block])
                    builder.store(builder.add(builder.load(uppers[block]), builder.lshr(entries, eight)), uppers[block])
            factors, thresholds = spread(builder, term_factor, _WORDS), spread(builder, threshold, _WORDS)
            union = number(0)
            for block in range(n_blocks):
                upper = builder.load(uppers[block])
                lower = builder.sub(builder.load(words[block]), builder.shl(upper, eight))
                halves = []
                for half, bound in enumerate((lower, upper)):
                    term = load(terms, 128 * block + 64 * half, _WORDS)
                    bound = builder.add(bound, builder.call(multiply_high, [term, factors]))
                    passed = builder.icmp_unsigned("<=", bound, thresholds)
                    halves.append(builder.zext(builder.bitcast(passed, ir.IntType(32)), INT))
                mask = builder.or_(halves[0], builder.shl(halves[1], number(32)))
                builder.store(mask, pointer(builder, builder.add(masks, number(8 * block)), INT), align=8)
                union = builder.or_(union, mask)
            return union

        return signature, generate

    return scan


def permutes_bytes() -> bool:
    """Return whether new indexes scan with byte permutes: where the processor can, unless PENTIMENTO_SCAN=portable."""
    return AVAILABLE and os.environ.get("PENTIMENTO_SCAN", "") != "portable"
