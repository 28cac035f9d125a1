"""Nearest-neighbour indexes under one contract: see `core.indexes.base` for how they work."""

from core.indexes.base import Index, Knob, SearchResult
from core.indexes.registry import IndexInfo, create, describe, load, names

__all__ = ["Index", "IndexInfo", "Knob", "SearchResult", "create", "describe", "load", "names"]
