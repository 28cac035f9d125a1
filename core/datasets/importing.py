"""One run over a person's folder: which files are new, changed, moved or gone, and what the catalog is told."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from core.datasets.base import ImageRecord, inside, thumbnail_path
from core.datasets.builder import BATCH, add_thumbnail, drop_orphans, size_of
from core.datasets.catalog import Catalog, FileFact, Row
from core.datasets.parallel import in_order
from core.datasets.scan import Found, Scan
from core.datasets.table import Table, Words
from core.errors import ImageError
from core.settings import Settings
from core.types import Progress

_MOST_BYTES = 1_000_000_000  # a file is read whole, once, to be summed and decoded


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
        redescribed: known pictures whose title, label, part or fields are others now.
    """

    name: str
    count: int
    added: int = 0
    changed: int = 0
    removed: int = 0
    moved: int = 0
    skipped: list[tuple[str, str]] = field(default_factory=list)
    ignored: int = 0
    redescribed: int = 0


class Import:
    """One run over a folder: decides file by file in threads, and writes in batches.

    Args:
        root: the person's folder.
        target: datasets/<name>.
        known: by path, what the catalog says of its files.
        found: what the folder holds.
        described: what a table says of the pictures; None: the label is the folder.
    """

    def __init__(
        self,
        root: Path,
        target: Path,
        catalog: Catalog,
        known: Mapping[str, FileFact],
        found: Scan,
        settings: Settings,
        described: Table | None = None,
    ) -> None:
        self.root, self.target, self.catalog, self.known, self.settings = root, target, catalog, known, settings
        self.described = described
        self.words = {record.path: _words_of(record) for record in catalog.records()} if described else {}
        self.gone: dict[str, list[FileFact]] = {}  # by sum: rows whose file is not at its place any more
        present = {picture.path for picture in found.pictures}
        closed = {PurePosixPath(path) for path in found.closed}  # of what cannot be seen, nothing is forgotten
        for fact in known.values():
            path = PurePosixPath(fact.path)
            if fact.path not in present and not closed & {path, *path.parents}:
                self.gone.setdefault(fact.sha256, []).append(fact)
        self.added = self.changed = self.removed = self.moved = self.redescribed = 0
        self.skipped = list(found.skipped)

    def run(self, pictures: list[Found], progress: Progress) -> None:
        """Examine the pictures and bring the catalog up to date."""
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
        words = self._words(found.path)
        if fact and has_thumbnail and (fact.size, fact.mtime_ns) == (found.size, found.mtime_ns):
            if not self.described or self.words.get(found.path) == words:
                return None
            return Row(
                found.path, fact.sha256, fact.width, fact.height, *words, size=fact.size, mtime_ns=fact.mtime_ns
            )  # fmt: skip
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
        return Row(found.path, sha256, width, height, *words, size=len(data), mtime_ns=found.mtime_ns)

    def _words(self, path: str) -> Words:
        """Return a picture's title, label, part and fields."""
        if self.described:
            return self.described.rows[path]
        pure = PurePosixPath(path)
        return Words(pure.stem, "" if pure.parent == PurePosixPath(".") else str(pure.parent), "", {})

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
        elif self.described and self.words.get(row.path) != self._words(row.path):
            self.redescribed += 1
        rows.append(row)

    def _write(self, rows: list[Row], moves: dict[int, Row]) -> None:
        if rows or moves:
            self.catalog.write(rows, moved=moves)
            rows.clear()
            moves.clear()


def _words_of(record: ImageRecord) -> Words:
    return Words(record.title, record.label, record.split, dict(record.fields))
