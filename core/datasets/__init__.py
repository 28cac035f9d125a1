"""Sets of pictures: catalogs, embedded and published sets, and galleries of a person's own folders."""

from core.datasets.base import Dataset, Facet, FieldSpec, ImageRecord
from core.datasets.builder import PrepareReport
from core.datasets.catalog import Catalog
from core.datasets.published import PublishedSet
from core.datasets.registry import EMBEDDED, describe, known, names, open, prepare, remove, rename  # noqa: A004

__all__ = [
    "EMBEDDED",
    "Catalog",
    "Dataset",
    "Facet",
    "FieldSpec",
    "ImageRecord",
    "PrepareReport",
    "PublishedSet",
    "describe",
    "known",
    "names",
    "open",
    "prepare",
    "remove",
    "rename",
]
