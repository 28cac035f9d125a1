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
from numba.core import caching
from numba.core.registry import cpu_target

# nogil: kernels run side by side on our own threads. numpy: division by zero gives inf, as in NumPy, without a branch.
# fastmath: sums may be reordered into vectors; no NaN occurs (checked at the boundary), but infinity does.
OPTIONS = {"nogil": True, "fastmath": {"contract", "reassoc", "nsz", "arcp", "nnan"}, "error_model": "numpy"}
KERNEL_FILES = ("jit.py", "products.py", "selection.py", "clustering_kernels.py", "lookup.py", "scan*.py")


def kernel(function: Callable[..., Any]) -> Any:
    """Compile `function` at its first call, or load it from the cache; it must be at module level.

    Where no folder can be written at all, it is compiled anew in every process.
    """
    dispatcher = numba.njit(**OPTIONS)(function)
    try:
        dispatcher._cache = _KernelCache(function)
    except RuntimeError as error:
        warnings.warn(f"compiled kernels cannot be kept, each start will take seconds longer: {error}", stacklevel=2)
    return dispatcher


def processor_has(feature: str) -> bool:
    """Return whether kernels are compiled for a processor with `feature`, named as LLVM does ("avx512vbmi")."""
    return f"+{feature}" in cpu_target.target_context.codegen()._tm_features.split(",")


@functools.cache
def sources_digest() -> bytes:
    """Return the SHA-256 of all kernel sources."""
    folder = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted({path for pattern in KERNEL_FILES for path in folder.glob(pattern)}):
        digest.update(path.read_bytes())
    return digest.digest()


class _ByAllSources:
    """Replaces a locator's stamp of one source file by that of all of them."""

    def get_source_stamp(self) -> bytes:
        return sources_digest()


class _GivenFolder(_ByAllSources, caching.UserProvidedCacheLocator):  # type: ignore[misc]
    """NUMBA_CACHE_DIR."""


class _SourceFolder(_ByAllSources, caching.InTreeCacheLocator):  # type: ignore[misc]
    """__pycache__ beside the source."""


class _UserFolder(_ByAllSources, caching.UserWideCacheLocator):  # type: ignore[misc]
    """The user's cache folder."""


class _KernelCacheImpl(caching.CompileResultCacheImpl):  # type: ignore[misc]
    _locator_classes = (_GivenFolder, _SourceFolder, _UserFolder)


class _KernelCache(caching.FunctionCache):  # type: ignore[misc]
    _impl_class = _KernelCacheImpl
