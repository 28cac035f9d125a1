"""Sets of pictures: catalogs, embedded and published sets, and galleries of a person's own folders."""

from core.datasets.base import Dataset, Facet, FieldSpec, ImageRecord
from core.datasets.builder import PrepareReport
from core.datasets.catalog import Catalog
from core.datasets.folder import Estimate, RelocateReport, estimate, import_folder, import_table, relocate
from core.datasets.importing import ImportReport
from core.datasets.published import PublishedSet
from core.datasets.registry import EMBEDDED, describe, known, names, open, prepare, remove, rename  # noqa: A004
from core.datasets.remote_import import import_remote, offload

__all__ = [
    "EMBEDDED",
    "Catalog",
    "Dataset",
    "Estimate",
    "Facet",
    "FieldSpec",
    "ImageRecord",
    "ImportReport",
    "PrepareReport",
    "PublishedSet",
    "RelocateReport",
    "describe",
    "estimate",
    "import_folder",
    "import_remote",
    "import_table",
    "known",
    "names",
    "offload",
    "open",
    "prepare",
    "relocate",
    "remove",
    "rename",
]
