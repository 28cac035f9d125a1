"""Galleries of a person's own folders: the pictures stay where they are, and only what has changed is read again."""

import shutil
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from core import storage
from core.datasets.base import inside, thumbnail_path
from core.datasets.builder import BATCH, add_thumbnail, building, drop_orphans, size_of
from core.datasets.catalog import CATALOG, Catalog, FileFact, Row
from core.datasets.parallel import in_order
from core.datasets.registry import SETS, gallery_folder
from core.datasets.scan import Found, Scan, scan
from core.errors import ImageError, NotPreparedError
from core.settings import Settings, check_name
from core.types import Progress, no_progress

THUMBNAIL_BYTES = 14_000  # of one picture: mean of 2,064 (Caltech-101 and Kodak) was 13,700
_CATALOG_BYTES = 700
_MOST_BYTES = 1_000_000_000  # a file is read whole, once, to be summed and decoded
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
class ImportReport:
    """What an import did.

    Attributes:
        name: of the gallery.
        count: pictures that it holds now.
        added: new pictures.
        changed: pictures whose file has other content now; each has a new id.
        removed: pictures whose file is gone.
        moved: pictures found under another path, which keep their id.
        skipped: (path, reason) of what could not be read.
        ignored: number of files that are no pictures.
    """

    name: str
    count: int
    added: int = 0
    changed: int = 0
    removed: int = 0
    moved: int = 0
    skipped: list[tuple[str, str]] = field(default_factory=list)
    ignored: int = 0


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
    root = _checked(folder, name, settings)
    target = settings.datasets / name
    with building(name, settings), storage.storage_errors(target):
        known = _known(target)
        found = scan(root, frozenset(known))
        if not found.pictures:
            raise NotPreparedError(f"{root} holds no pictures ({found.ignored} other files); nothing was imported")
        new = sum(picture.path not in known for picture in found.pictures)
        storage.require_space(target, new * (THUMBNAIL_BYTES + _CATALOG_BYTES), f"importing {new} pictures")
        first = not known and not (target / CATALOG).exists()
        facts = {"kind": "pictures", "source_folder": str(root)}
        if first or title:
            facts["title"] = title or name
        catalog = Catalog.create(target / CATALOG, {**facts, "ready": ""} if first else facts)
        work = _Import(root, target, catalog, known, found, settings)
        work.run(found.pictures, progress)
        catalog.set_meta(ready="1")
        count = len(catalog)
        catalog.close()
    return ImportReport(
        name, count, work.added, work.changed, work.removed, work.moved, sorted(work.skipped), found.ignored
    )


def estimate(folder: Path, settings: Settings, *, name: str | None = None, dim: int = 1280) -> Estimate:
    """Return what importing the folder will take, without reading the pictures.

    Args:
        name: of the gallery, if it is there already: what it holds is not counted again.
        dim: D of the encoder that will be used.

    Raises:
        NotPreparedError: there is no such folder.
        ValueError: the name is not allowed, or taken by another gallery.
    """
    root = _checked(folder, name, settings) if name else _folder(folder)
    known = _known(settings.datasets / name) if name else {}
    pictures = scan(root, frozenset(known)).pictures
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


class _Import:
    """One run over a folder: decides file by file in threads, and writes in batches."""

    def __init__(
        self,
        root: Path,
        target: Path,
        catalog: Catalog,
        known: Mapping[str, FileFact],
        found: Scan,
        settings: Settings,
    ) -> None:
        self.root, self.target, self.catalog, self.known, self.settings = root, target, catalog, known, settings
        self.gone: dict[str, list[FileFact]] = {}  # by sum: rows whose file is not at its place any more
        present = {picture.path for picture in found.pictures}
        closed = {PurePosixPath(path) for path in found.closed}  # of what cannot be seen, nothing is forgotten
        for fact in known.values():
            path = PurePosixPath(fact.path)
            if fact.path not in present and not closed & {path, *path.parents}:
                self.gone.setdefault(fact.sha256, []).append(fact)
        self.added = self.changed = self.removed = self.moved = 0
        self.skipped = list(found.skipped)

    def run(self, pictures: list[Found], progress: Progress) -> None:
        rows: list[Row] = []
        moves: dict[int, Row] = {}
        unreadable: list[int] = []
        try:
            with closing(in_order(self._examine, pictures, self.settings.threads)) as outcomes:
                for done, outcome in enumerate(outcomes, start=1):
                    if isinstance(outcome, Row):
                        self._place(outcome, rows, moves)
                    elif outcome is not None:
                        path, reason, is_content = outcome
                        self.skipped.append((path, reason))
                        if is_content and path in self.known:
                            unreadable.append(self.known[path].image_id)
                    if len(rows) + len(moves) >= BATCH:
                        self._write(rows, moves)
                    if done % BATCH == 0:
                        progress(done, len(pictures), "importing")
        finally:  # an interruption keeps what is finished
            self._write(rows, moves)
        removed = [fact.image_id for facts in self.gone.values() for fact in facts] + unreadable
        self.catalog.write(removed=removed)
        self.removed = len(removed)
        drop_orphans(self.target, self.catalog)
        progress(len(pictures), len(pictures), "importing")

    def _examine(self, found: Found) -> Row | tuple[str, str, bool] | None:
        """Return the file's new row, (path, reason, the content is at fault) if it cannot be read, None if unchanged.

        Runs in a thread.
        """
        fact = self.known.get(found.path)
        has_thumbnail = fact is not None and size_of(thumbnail_path(self.target, fact.sha256))
        if fact and has_thumbnail and (fact.size, fact.mtime_ns) == (found.size, found.mtime_ns):
            return None
        if found.size > _MOST_BYTES:
            return (
                found.path,
                f"has {found.size / 1e9:.1f} GB; files above {_MOST_BYTES / 1e9:.0f} GB are refused",
                True,
            )
        try:
            data = inside(self.root, found.path).read_bytes()
        except (OSError, ImageError) as error:  # gone or not allowed meanwhile: says nothing about the content
            return found.path, f"cannot be read: {getattr(error, 'strerror', None) or error}", False
        try:
            sha256, width, height = add_thumbnail(self.target, data, found.path, self.settings.max_pixels)
        except ImageError as error:
            return found.path, str(error), True
        path = PurePosixPath(found.path)
        label = "" if path.parent == PurePosixPath(".") else str(path.parent)
        return Row(found.path, sha256, width, height, path.stem, label, size=len(data), mtime_ns=found.mtime_ns)

    def _place(self, row: Row, rows: list[Row], moves: dict[int, Row]) -> None:
        """Decide whether a row is a moved, a changed or a new one."""
        before = self.known.get(row.path)
        candidates = self.gone.get(row.sha256)
        if before is None and candidates:
            moves[candidates.pop(0).image_id] = row
            self.moved += 1
            return
        if before is None:
            self.added += 1
        elif before.sha256 != row.sha256:
            self.changed += 1
        rows.append(row)

    def _write(self, rows: list[Row], moves: dict[int, Row]) -> None:
        if rows or moves:
            self.catalog.write(rows, moved=moves)
            rows.clear()
            moves.clear()


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
