"""Building a gallery whose pictures are copied under `datasets/<name>/images`: resumable, whole or absent per file."""

import contextlib
import hashlib
import os
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core import imaging, storage
from core.datasets.base import FieldSpec, Value, images_root, inside, thumbnail_path
from core.datasets.catalog import CATALOG, Catalog, Row
from core.datasets.parallel import in_order
from core.errors import ImageError, StorageError
from core.settings import Settings, check_name
from core.types import Progress, no_progress

BATCH = 64  # rows of one transaction: what an interruption costs at most


@dataclass(frozen=True)
class Entry:
    """One picture to be put into a gallery.

    Attributes:
        path: where it goes, relative to the gallery's images folder, with `/`.
        data: returns the file's bytes; called at most once, in a thread.
        title, label, split, fields: as in `ImageRecord`.
    """

    path: str
    data: Callable[[], bytes]
    title: str = ""
    label: str = ""
    split: str = ""
    fields: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class PrepareReport:
    """What preparing a gallery did.

    Attributes:
        name: of the gallery.
        count: pictures that it holds now.
        added: of these, new.
        removed: pictures of an earlier version that are gone.
        skipped: (path, reason) of those that could not be read.
    """

    name: str
    count: int
    added: int = 0
    removed: int = 0
    skipped: list[tuple[str, str]] = field(default_factory=list)


def build(
    name: str,
    settings: Settings,
    entries: Iterable[Entry],
    *,
    meta: Mapping[str, str],
    fields: Sequence[FieldSpec] = (),
    total: int | None = None,
    progress: Progress = no_progress,
) -> PrepareReport:
    """Copy every entry, make its thumbnail, and write its row; what an earlier run has finished is kept.

    Args:
        entries: in the order of their ids; paths are distinct.
        meta: title, kind, note, licence, credit, homepage, citation, version of the layout, ...
        fields: what the entries' fields are.
        total: number of entries, for the progress.

    Raises:
        StorageError: the disk is full, or another process is building this gallery.
        ValueError: the name is that of a gallery that was imported from a folder.
    """
    folder = settings.datasets / check_name(name)
    if (folder / CATALOG).is_file() and (own := Catalog(folder / CATALOG).meta().get("source_folder")):
        raise ValueError(f"{name} is a gallery of {own}; rename it first: python -m core data rename {name} NEW")
    with building(name, settings), storage.storage_errors(folder):
        catalog = Catalog.create(folder / CATALOG, {**meta, "ready": ""}, fields)
        known = {fact.path: fact for fact in catalog.files()}
        seen: set[str] = set()
        skipped: list[tuple[str, str]] = []
        rows: list[Row] = []
        added = done = 0

        def finish(entry: Entry) -> Row | tuple[str, str]:
            fact = known.get(entry.path)
            texts = (entry.title, entry.label, entry.split, entry.fields)
            target = inside(folder / "images", entry.path)
            if fact and size_of(target) == fact.size and thumbnail_path(folder, fact.sha256).is_file():
                return Row(entry.path, fact.sha256, fact.width, fact.height, *texts, fact.size, fact.mtime_ns)
            try:
                data = entry.data()
                sha256, width, height = add_thumbnail(folder, data, entry.path, settings.max_pixels)
            except ImageError as error:
                return entry.path, str(error)
            write_quickly(target, data)
            return Row(entry.path, sha256, width, height, *texts, len(data), 0)

        with contextlib.closing(in_order(finish, entries, settings.threads)) as outcomes:
            for outcome in outcomes:
                done += 1
                if isinstance(outcome, Row):
                    seen.add(outcome.path)
                    added += outcome.path not in known
                    rows.append(outcome)
                else:
                    skipped.append(outcome)
                if len(rows) >= BATCH:
                    catalog.write(rows)
                    rows.clear()
                    progress(done, total, f"preparing {name}")
        gone = [fact.image_id for path, fact in known.items() if path not in seen]
        catalog.write(rows, removed=gone)
        drop_orphans(folder, catalog)
        catalog.set_meta(ready="1")
        progress(done, total, f"preparing {name}")
        count = len(catalog)
        catalog.close()
    return PrepareReport(name, count, added, len(gone), skipped)


def is_complete(name: str, settings: Settings, layout: str) -> bool:
    """Tell whether the gallery is there with every file and thumbnail, in this layout (`meta["layout"]`)."""
    folder = settings.datasets / name
    if not (folder / CATALOG).is_file():
        return False
    catalog = Catalog(folder / CATALOG)
    meta = catalog.meta()
    facts = catalog.files()
    catalog.close()
    root = images_root(folder, meta)
    return (
        meta.get("ready") == "1"
        and meta.get("layout") == layout
        and all(size_of(root / fact.path) == fact.size for fact in facts)
        and all(thumbnail_path(folder, fact.sha256).is_file() for fact in facts)
    )


def unchanged(name: str, settings: Settings) -> PrepareReport:
    """Return the report on a gallery that is complete already."""
    catalog = Catalog(settings.datasets / name / CATALOG)
    count = len(catalog)
    catalog.close()
    return PrepareReport(name, count)


def building(name: str, settings: Settings) -> "_Lock":
    """Return a lock on changing the gallery's catalog; it is freed when its holder dies.

    Raises (on entering):
        StorageError: another process holds it.
    """
    return _Lock(name, settings.datasets / f".{name}.lock")


def add_thumbnail(folder: Path, data: bytes, name: str, max_pixels: int | None = None) -> tuple[str, int, int]:
    """Make the thumbnail of a picture file, decoding it once, and return its SHA-256 sum, width and height.

    Raises:
        ImageError: it cannot be read; the message names it by `name`.
    """
    sha256 = hashlib.sha256(data).hexdigest()
    try:
        picture = imaging.read(data, min_side=imaging.THUMBNAIL_HEIGHT, max_pixels=max_pixels)
    except ImageError as error:
        raise ImageError(str(error).replace("the picture", name, 1)) from error
    target = thumbnail_path(folder, sha256)
    if not size_of(target):
        write_quickly(target, imaging.thumbnail(picture.pixels))
    return sha256, picture.width, picture.height


def drop_orphans(folder: Path, catalog: Catalog) -> None:
    """Remove thumbnails, and copied pictures, that no row speaks of, and what an interruption left half-written."""
    facts = catalog.files()
    kept = {thumbnail_path(folder, fact.sha256) for fact in facts}
    if not catalog.meta().get("source_folder"):
        kept |= {folder / "images" / fact.path for fact in facts}
    for parent in (folder / "thumbnails", folder / "images"):
        for path in parent.rglob("*"):
            if path not in kept and path.is_file():
                path.unlink(missing_ok=True)


def write_quickly(path: Path, data: bytes) -> None:
    """Replace a file that can be made again, whole or not at all, without waiting for the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def size_of(path: Path) -> int | None:
    """Return the size of a file in bytes, or None where there is none."""
    try:
        return os.stat(path).st_size  # noqa: PTH116  # called for every file; Path.stat costs more
    except OSError:
        return None


class _Lock:
    """A lock between processes that refuses at once instead of waiting."""

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        with storage.storage_errors(path):
            self.lock = storage.lock(path, timeout_s=0)

    def __enter__(self) -> "_Lock":
        try:
            with storage.storage_errors(Path(self.lock.lock_file)):
                self.lock.acquire()
        except TimeoutError:
            raise StorageError(f"{self.name} is being prepared by another process; wait until it is done") from None
        return self

    def __exit__(self, *_: object) -> None:
        self.lock.release()
