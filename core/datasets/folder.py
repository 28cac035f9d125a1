"""Galleries of a person's own folders: the pictures stay where they are, and only what has changed is read again."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from core import storage
from core.datasets.builder import building, size_of
from core.datasets.catalog import CATALOG, Catalog, FileFact
from core.datasets.importing import Import, ImportReport
from core.datasets.registry import SETS, gallery_folder
from core.datasets.scan import scan
from core.datasets.table import read_table
from core.errors import NotPreparedError
from core.settings import Settings, check_name
from core.types import Progress, no_progress

THUMBNAIL_BYTES = 14_000  # of one picture: mean of 2,064 (Caltech-101 and Kodak) was 13,700
_CATALOG_BYTES = 700
_INDEX_SHARE = 1.2  # exact and compressed indexes beside the vectors themselves


@dataclass(frozen=True)
class Estimate:
    """What an import will take.

    Attributes:
        pictures: that the folder holds.
        new: of these, not in the gallery yet.
        thumbnail_bytes: disk for thumbnails and catalog.
        vector_bytes: disk for features and indexes, made later.
        free_bytes: of the disk that they go to.
    """

    pictures: int
    new: int
    thumbnail_bytes: int
    vector_bytes: int
    free_bytes: int

    @property
    def total_bytes(self) -> int:
        return self.thumbnail_bytes + self.vector_bytes


@dataclass(frozen=True)
class RelocateReport:
    """What was found of a gallery's pictures in another folder: `found` of `count`."""

    name: str
    count: int
    found: int


def import_folder(
    folder: Path, name: str, settings: Settings, progress: Progress = no_progress, *, title: str = ""
) -> ImportReport:
    """Make a gallery of the pictures under `folder`, or bring it up to date; interrupted, run it again.

    The label of a picture is its folder, relative to `folder`. A file counts as unchanged when its size and time are;
    else its content decides (SHA-256): the same content elsewhere is a moved picture.

    Raises:
        ValueError: the name is not allowed, or taken by another gallery.
        NotPreparedError: there is no such folder, or no picture in it.
        StorageError: too little disk, or another process is importing.
    """
    return _import(folder, name, settings, progress, title, None)


def import_table(
    path: Path,
    name: str,
    settings: Settings,
    progress: Progress = no_progress,
    *,
    folder: Path | None = None,
    title: str = "",
) -> ImportReport:
    """Make a gallery of the pictures that a CSV or Parquet table names, with its metadata, or bring it up to date.

    See `core.datasets.table` for the columns. Rows without a picture, and pictures of the folder without a row, are
    left out and listed. A table that has changed gives its new words to pictures that are known already.

    Args:
        folder: that the table's paths are relative to; None: the one in which the table lies.

    Raises:
        DamagedFileError: the table cannot be read, or names no pictures.
        UnavailableError: it is a Parquet file, and pyarrow is not installed.
        ValueError, NotPreparedError, StorageError: as `import_folder`.
    """
    return _import(folder or Path(path).parent, name, settings, progress, title, Path(path))


def _import(
    folder: Path, name: str, settings: Settings, progress: Progress, title: str, table: Path | None
) -> ImportReport:
    root = _checked(folder, name, settings)
    described = read_table(table, root) if table else None
    target = settings.datasets / name
    with building(name, settings), storage.storage_errors(target):
        known = _known(target)
        found = scan(root, frozenset(known) | (frozenset(described.rows) if described else frozenset()))
        if described:
            described.narrow(found)
        if not found.pictures:
            what = f"none of the pictures that {table} names" if table else "no pictures"
            raise NotPreparedError(f"{root} holds {what} ({found.ignored} other files); nothing was imported")
        new = sum(picture.path not in known for picture in found.pictures)
        storage.require_space(target, new * (THUMBNAIL_BYTES + _CATALOG_BYTES), f"importing {new} pictures")
        first = not known and not (target / CATALOG).exists()
        facts = {"kind": "pictures", "source_folder": str(root), "source_table": str(table.resolve()) if table else ""}
        if first or title:
            facts["title"] = title or name
        catalog = Catalog.create(
            target / CATALOG, {**facts, "ready": ""} if first else facts, described.fields if described else ()
        )
        work = Import(root, target, catalog, known, found, settings, described)
        work.run(found.pictures, progress)
        catalog.set_meta(ready="1")
        count = len(catalog)
        catalog.close()
    return ImportReport(
        name, count, work.added, work.changed, work.removed, work.moved, sorted(work.skipped), found.ignored,
        work.redescribed,
    )  # fmt: skip


def estimate(
    folder: Path, settings: Settings, *, name: str | None = None, dim: int = 1280, table: Path | None = None
) -> Estimate:
    """Return what importing the folder will take, without reading the pictures.

    Args:
        name: of the gallery, if it is there already: what it holds is not counted again.
        dim: D of the encoder that will be used.
        table: only the pictures that it names, see `import_table`.

    Raises:
        NotPreparedError: there is no such folder.
        ValueError: the name is not allowed, or taken by another gallery.
    """
    root = _checked(folder, name, settings) if name else _folder(folder)
    known = _known(settings.datasets / name) if name else {}
    found = scan(root, frozenset(known))
    if table:
        read_table(table, root).narrow(found)
    pictures = found.pictures
    new = sum(picture.path not in known for picture in pictures)
    existing = next(path for path in (settings.datasets, *settings.datasets.parents) if path.exists())
    vectors = int(new * dim * 4 * (1 + _INDEX_SHARE))
    free = shutil.disk_usage(existing).free
    return Estimate(len(pictures), new, new * (THUMBNAIL_BYTES + _CATALOG_BYTES), vectors, free)


def relocate(name: str, folder: Path, settings: Settings) -> RelocateReport:
    """Tell a gallery that its folder lies elsewhere now; import it afterwards if pictures have changed too.

    Raises:
        UnknownNameError: there is no such gallery.
        ValueError: its pictures were not imported from a folder.
        NotPreparedError: there is no such folder, or none of the pictures is in it.
    """
    target = gallery_folder(name, settings)
    root = _folder(folder)
    _refuse_own(root, settings)
    with building(name, settings):
        catalog = Catalog(target / CATALOG)
        if not catalog.meta().get("source_folder"):
            raise ValueError(f"{name} was not imported from a folder; its pictures lie in {target / 'images'}")
        facts = catalog.files()
        found = sum(size_of(root / fact.path) == fact.size for fact in facts)
        if facts and not found:
            raise NotPreparedError(f"none of the {len(facts)} pictures of {name} is in {root}; nothing was changed")
        catalog.set_meta(source_folder=str(root))
        catalog.close()
    return RelocateReport(name, len(facts), found)


def _checked(folder: Path, name: str, settings: Settings) -> Path:
    """Return the folder, resolved, if it may become the gallery of that name."""
    check_name(name)
    root = _folder(folder)
    _refuse_own(root, settings)
    if name in SETS:
        raise ValueError(f"{name!r} is the name of a published set; choose another --name")
    path = settings.datasets / name / CATALOG
    if path.is_file():
        source = Catalog(path).meta().get("source_folder", "")
        if source != str(root):
            hint = f"choose another --name, or run: python -m core data relocate {name} {root}"
            raise ValueError(f"there is a gallery {name!r} of {source or 'other pictures'} already; {hint}")
    return root


def _folder(folder: Path) -> Path:
    root = Path(folder).expanduser().resolve()
    if not root.is_dir():
        raise NotPreparedError(f"{folder} is not a folder")
    return root


def _refuse_own(root: Path, settings: Settings) -> None:
    for own in (settings.datasets, settings.features, settings.indexes):
        if root.is_relative_to(own.resolve()) or own.resolve().is_relative_to(root):
            raise ValueError(f"{root} holds, or lies in, {own}, where Pentimento keeps its own data; choose another")


def _known(target: Path) -> dict[str, FileFact]:
    if not (target / CATALOG).is_file():
        return {}
    catalog = Catalog(target / CATALOG)
    facts = {fact.path: fact for fact in catalog.files()}
    catalog.close()
    return facts
