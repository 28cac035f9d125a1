"""Nearest-neighbour indexes under one contract: see `core.indexes.base` for how they work."""

from typing import TYPE_CHECKING, Any

from core.indexes.base import Index, Knob, SearchResult
from core.indexes.registry import IndexInfo, create, describe, every_name, is_served, load, names

if TYPE_CHECKING:
    from core.indexes.ivfpq import IVFPQ

__all__ = [
    "IVFPQ",
    "Index",
    "IndexInfo",
    "Knob",
    "SearchResult",
    "create",
    "describe",
    "every_name",
    "is_served",
    "load",
    "names",
]


def __getattr__(name: str) -> Any:
    """Import IVFPQ, and with it Numba, when it is first asked for."""
    if name == "IVFPQ":
        from core.indexes.ivfpq import IVFPQ

        return IVFPQ
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
