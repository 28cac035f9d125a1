"""Compiled kernels: one decorator, and a cache of machine code that follows all kernel sources.

Numba compiles a function for this machine's processor at its first call, which takes seconds; the machine code is
kept on disk, beside the sources or, where that folder is read-only, in the user's cache folder (NUMBA_CACHE_DIR
overrides both). Numba alone would notice changes only in the file of the function that is called, not in those of
the functions compiled into it: here a change of any kernel file in this folder renews all.
"""

import functools
import hashlib
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numba.core.caching
from numba.core.registry import cpu_target

# nogil: kernels run side by side on our own threads. numpy: division by zero gives inf, as in NumPy, without a branch.
# fastmath: sums may be reordered into vectors; no NaN occurs (checked at the boundary), but infinity does.
_FAST = {"contract", "reassoc", "nsz", "arcp", "nnan"}
_njit: Any = numba.njit
_caching: Any = numba.core.caching
_OPTIONS = {"nogil": True, "error_model": "numpy"}
KERNEL_FILES = (
    *(
        "jit.py",
        "llvm.py",
        "borrow.py",
        "plan.py",
        "shift.py",
        "products.py",
        "selection.py",
        "clustering_kernels.py",
        "lists.py",
        "tables.py",
    ),
    *("scan.py", "scan_list.py", "scan_portable.py", "scan_vbmi.py", "refine.py"),
)


def kernel(function: Callable[..., Any]) -> Any:
    """Compile `function` at its first call, or load it from the cache; it must be at module level.

    Where no folder can be written at all, it is compiled anew in every process.
    """
    dispatcher = _njit(**_OPTIONS, fastmath=_FAST)(function)
    try:
        dispatcher._cache = _KernelCache(function)
    except RuntimeError as error:
        warnings.warn(f"compiled kernels cannot be kept, each start will take seconds longer: {error}", stacklevel=2)
    return dispatcher


def part(function: Callable[..., Any]) -> Any:
    """Compile `function` into the kernels that call it; that it cannot be called from Python saves work."""
    return _njit(**_OPTIONS, fastmath=_FAST, no_cpython_wrapper=True, no_cfunc_wrapper=True)(function)


def part_with_nan(function: Callable[..., Any]) -> Any:
    """Do what `part` does, for a function that may meet NaN, which all others take for granted not to."""
    fast = _FAST - {"nnan"}
    return _njit(**_OPTIONS, fastmath=fast, no_cpython_wrapper=True, no_cfunc_wrapper=True)(function)


def processor_has(feature: str) -> bool:
    """Return whether kernels are compiled for a processor with `feature`, named as LLVM does ("avx512vbmi")."""
    return f"+{feature}" in cpu_target.target_context.codegen()._tm_features.split(",")


@functools.cache
def sources_digest() -> bytes:
    """Return the SHA-256 of all kernel sources."""
    folder = Path(__file__).parent
    digest = hashlib.sha256()
    for name in KERNEL_FILES:
        digest.update((folder / name).read_bytes())
    return digest.digest()


class _ByAllSources:
    """Adds the stamp of all kernel sources to a locator's stamp of one file."""

    def get_source_stamp(self) -> bytes:
        stamp: bytes = super().get_source_stamp()  # type: ignore[misc]
        return stamp + sources_digest()


class _GivenFolder(_ByAllSources, _caching.UserProvidedCacheLocator):  # type: ignore[misc]
    """NUMBA_CACHE_DIR."""


class _SourceFolder(_ByAllSources, _caching.InTreeCacheLocator):  # type: ignore[misc]
    """__pycache__ beside the source."""


class _UserFolder(_ByAllSources, _caching.UserWideCacheLocator):  # type: ignore[misc]
    """The user's cache folder."""


class _KernelCacheImpl(_caching.CompileResultCacheImpl):  # type: ignore[misc]
    _locator_classes = (_GivenFolder, _SourceFolder, _UserFolder)


class _KernelCache(_caching.FunctionCache):  # type: ignore[misc]
    _impl_class = _KernelCacheImpl
