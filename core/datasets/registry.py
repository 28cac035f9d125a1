"""The galleries that are prepared, and the sets that can be."""

import shutil
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from core.datasets.base import Dataset
from core.datasets.builder import PrepareReport, building
from core.datasets.catalog import CATALOG, Catalog
from core.datasets.published import PublishedSet
from core.errors import NotPreparedError, RetrievalError, UnknownNameError
from core.settings import Settings, check_name
from core.types import Progress, no_progress

# name: module whose DATASET it is. The one list of published sets.
SETS = {
    "paintings": "core.datasets.paintings",
    "satellite": "core.datasets.satellite",
    "eurosat": "core.datasets.eurosat",
    "ucmerced": "core.datasets.ucmerced",
    "resisc45": "core.datasets.resisc45",
    "caltech101": "core.datasets.caltech101",
    "cifar10": "core.datasets.cifar10",
    "voc2012": "core.datasets.voc2012",
    "worldstrat": "core.datasets.worldstrat",
    "wga": "core.datasets.wga",
    "met": "core.datasets.met",
    "compcars": "core.datasets.compcars",
    "compcars-sv": "core.datasets.compcars_sv",
}
EMBEDDED = ("paintings", "satellite")  # in installed packages: no download, no source


def names(settings: Settings) -> list[str]:
    """Return the prepared galleries: the embedded ones first, then by name."""
    if not settings.datasets.is_dir():
        return []
    found = [path.parent.name for path in settings.datasets.glob(f"*/{CATALOG}") if _is_ready(path)]
    return sorted(found, key=lambda name: (name not in EMBEDDED, name))


def known() -> list[str]:
    """Return the names of all sets that `prepare` can make."""
    return list(SETS)


def describe(name: str) -> PublishedSet:
    """Return the facts of a published set.

    Raises:
        UnknownNameError: there is none of that name.
    """
    if name not in SETS:
        raise UnknownNameError(f"there is no data set {name!r}; there are: {', '.join(SETS)}")
    published: PublishedSet = import_module(SETS[name]).DATASET
    return published


def prepare(
    name: str,
    settings: Settings,
    progress: Progress = no_progress,
    source: Path | None = None,
    options: Mapping[str, str] | None = None,
) -> PrepareReport:
    """Make or complete the gallery of a published set; see `PublishedSet.prepare`.

    Args:
        options: for sets of which a part can be chosen, see their `configured`.

    Raises:
        ValueError: the set has no options, or none of that name.
    """
    published: Any = describe(name)
    if options and not hasattr(published, "configured"):
        raise ValueError(f"{name} has no options, got {', '.join(options)}")
    chosen: PublishedSet = published.configured(options) if options else published
    return chosen.prepare(settings, None if source is None else Path(source), progress)


def open(name: str, settings: Settings) -> Dataset:  # noqa: A001  # read as datasets.open
    """Return a prepared gallery.

    Raises:
        UnknownNameError: it does not exist.
        NotPreparedError: it has not been prepared, or that was interrupted.
        DamagedFileError: its catalog is damaged.
    """
    folder = gallery_folder(name, settings)
    catalog = Catalog(folder / CATALOG)
    meta = catalog.meta()
    if meta.get("ready") != "1":
        source = meta.get("source_folder") or meta.get("source_url") or meta.get("archive_file")
        how = f"import {source} --name {name}" if source else f"get {name}"
        raise NotPreparedError(f"{name} was not prepared to the end; run: python -m core data {how}")
    return Dataset(name, folder, catalog)


def rename(old: str, new: str, settings: Settings) -> None:
    """Rename an imported gallery with its features and indexes; interrupted, it can be run again.

    Raises:
        UnknownNameError: it does not exist.
        ValueError: the new name is taken or not allowed, or the gallery is a published set, whose name is its own.
    """
    check_name(new)
    if new in SETS:
        raise ValueError(f"{new} is the name of a published set; choose another")
    folder = gallery_folder(old, settings)
    if old in SETS and not Dataset(old, folder, Catalog(folder / CATALOG)).is_imported:
        raise ValueError(f"{old} is a published set and keeps its name")
    if (settings.datasets / new).exists():
        raise ValueError(f"there is a gallery {new!r} already; choose another name")
    with building(old, settings), building(new, settings):
        for parent in (settings.features, settings.indexes):
            if (parent / old).is_dir():
                shutil.rmtree(parent / new, ignore_errors=True)  # of a gallery that is gone
                (parent / old).rename(parent / new)
        folder.rename(settings.datasets / new)


def remove(name: str, settings: Settings) -> None:
    """Remove a gallery with its thumbnails, features and indexes; a person's own pictures are never touched.

    Raises:
        UnknownNameError: it does not exist.
    """
    folder = gallery_folder(name, settings)
    with building(name, settings):
        for parent in (settings.indexes, settings.features):
            shutil.rmtree(parent / name, ignore_errors=True)
        (folder / CATALOG).unlink(missing_ok=True)  # first: what is half removed is no gallery
        shutil.rmtree(folder)


def gallery_folder(name: str, settings: Settings) -> Path:
    """Return `datasets/<name>`.

    Raises:
        NotPreparedError: it is a published set that has not been prepared.
        UnknownNameError: there is no such gallery.
    """
    folder = settings.datasets / name
    try:
        exists = (folder / CATALOG).is_file() and check_name(name) == name
    except ValueError:
        exists = False
    if exists:
        return folder
    if name in SETS:
        raise NotPreparedError(f"{name} has not been prepared; run: python -m core data get {name}")
    prepared = ", ".join(names(settings)) or "none yet"
    raise UnknownNameError(f"there is no gallery {name!r}; there are: {prepared}")


def _is_ready(path: Path) -> bool:
    """Tell whether a catalog's gallery is prepared; a damaged one counts, so that opening it says what is wrong."""
    catalog = Catalog(path)
    try:
        return catalog.meta().get("ready") == "1"
    except RetrievalError:
        return True
    finally:
        catalog.close()
