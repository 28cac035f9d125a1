"""The catalog of a data set: one row per picture in an SQLite file that survives crashes and edits."""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from core.datasets.base import Facet, FieldSpec, ImageRecord, Value
from core.datasets.catalog_file import CatalogFile
from core.datasets.catalog_sums import COLUMNS, NOTHING, Sums, digest_of, written
from core.datasets.filters import condition, facets
from core.datasets.word_index import WordIndex, WordsFound, build, is_current
from core.errors import UnknownNameError
from core.types import Ids

CATALOG = "catalog.sqlite"
WORDS = "words"  # in conditions: a text whose words a picture's text must have


@dataclass(frozen=True)
class Row:
    """What is written for one picture: an `ImageRecord` without its id, and the file's size and time."""

    path: str
    sha256: str
    width: int
    height: int
    title: str = ""
    label: str = ""
    split: str = ""
    fields: Mapping[str, Value] = field(default_factory=dict)
    size: int = 0
    mtime_ns: int = 0


@dataclass(frozen=True)
class FileFact:
    """What is known of a picture's file, to tell whether it has changed."""

    image_id: int
    path: str
    sha256: str
    width: int
    height: int
    size: int
    mtime_ns: int


class Catalog:
    """Rows of one data set; any number of threads may read while one process writes.

    An id stands for one content for ever: it is never reused, and a path whose file has changed gets a new id, so
    that what was computed for an id (a vector, a place on the map) stays true.

    Raises (every method):
        NotPreparedError: the file does not exist.
        DamagedFileError: it is no catalog, or a damaged one.
        VersionError: it was written by a newer version.
        StorageError: the disk is full, or another process is writing.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self._file = CatalogFile(self.path)
        self._facets: tuple[tuple[str, list[FieldSpec]], list[Facet]] | None = None
        self._words = WordIndex()

    @classmethod
    def create(cls, path: Path, meta: Mapping[str, str], fields: Sequence[FieldSpec] = ()) -> "Catalog":
        """Open the catalog, making it if there is none, and set its facts and the fields of its records."""
        catalog = cls(path)
        catalog._file.create()
        with catalog._file.writing() as connection:
            connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", meta.items())
            connection.execute("DELETE FROM fields")
            connection.executemany(
                "INSERT INTO fields (name, title, kind) VALUES (?, ?, ?)",
                [(spec.name, spec.title, spec.kind) for spec in fields],
            )
        return catalog

    def __len__(self) -> int:
        with self._file.reading() as connection:
            return int(connection.execute("SELECT COUNT(*) FROM images").fetchone()[0])

    def records(self, ids: Iterable[int] | None = None) -> list[ImageRecord]:
        """Return the records of the ids, in their order; all records by ascending id when ids is None.

        Raises:
            UnknownNameError: an id is not in the catalog.
        """
        with self._file.reading() as connection:
            if ids is None:
                return [_record(row) for row in connection.execute(f"SELECT {COLUMNS} FROM images ORDER BY image_id")]
            wanted = [int(image_id) for image_id in ids]
            found = {
                row[0]: _record(row)
                for row in connection.execute(
                    f"SELECT {COLUMNS} FROM images WHERE image_id IN (SELECT value FROM json_each(?))",
                    [json.dumps(wanted)],
                )
            }
        missing = [image_id for image_id in wanted if image_id not in found]
        if missing:
            raise UnknownNameError(f"{self.path.parent.name} has no picture {missing[0]}")
        return [found[image_id] for image_id in wanted]

    def get(self, image_id: int) -> ImageRecord:
        """Return one record.

        Raises:
            UnknownNameError: there is none of that id.
        """
        return self.records([image_id])[0]

    def ids(self) -> Ids:
        """Return all ids, ascending."""
        return self.select({})

    def fields(self) -> list[FieldSpec]:
        """Return the set's own fields, in the order to show them."""
        with self._file.reading() as connection:
            return _fields(connection)

    def facets(self) -> list[Facet]:
        """Return what the pictures can be filtered by."""
        with self._file.reading() as connection:
            specs = _fields(connection)
            key = (_meta(connection).get("state", ""), specs)
            known = self._facets
            if known is None or known[0] != key:
                self._facets = known = (key, facets(connection, specs))
            return known[1]

    def select(self, where: Mapping[str, Any]) -> Ids:
        """Return the ids, ascending, of the pictures that fulfil every condition; see `filters.condition`.

        The condition WORDS is a text: see `search_words`.

        Raises:
            ValueError: an unknown field, or a value that its kind does not allow.
        """
        if isinstance(text := where.get(WORDS), str):
            return self.search_words(text, {name: value for name, value in where.items() if name != WORDS}).ids
        with self._file.reading() as connection:
            clause, parameters = condition(where, _fields(connection))
            rows = connection.execute(f"SELECT image_id FROM images WHERE {clause} ORDER BY image_id", parameters)
            return np.fromiter((row[0] for row in rows), dtype=np.int64)

    def search_words(self, text: str, where: Mapping[str, Any], most: int = 0) -> WordsFound:
        """Return the pictures that fulfil every condition and whose text has the words; see `WordIndex.search`.

        Raises:
            ValueError: an unknown field, or a value that its kind does not allow.
            UnavailableError: this Python's SQLite has no full-text search.
        """
        while True:
            with self._file.reading() as connection:
                state = _meta(connection).get("state", NOTHING)
                if is_current(connection, state):
                    clause, parameters = condition(where, _fields(connection))
                    return self._words.search(connection, state, text, clause, parameters, most)
            self.index_words()

    def index_words(self) -> None:
        """Make the index of words, if there is none that is current."""
        with self._file.writing() as connection:
            state = _meta(connection).get("state", NOTHING)
            if not is_current(connection, state):
                build(connection, state)

    def meta(self) -> dict[str, str]:
        """Return the facts about the whole set: title, kind, note, licence, ..."""
        with self._file.reading() as connection:
            return _meta(connection)

    def set_meta(self, **facts: str) -> None:
        """Set facts about the whole set."""
        with self._file.writing() as connection:
            connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", facts.items())

    def state(self) -> str:
        """Return a digest of all rows, kept up to date by every write: equal exactly when the rows are."""
        return self.meta().get("state", NOTHING)

    def content_state(self) -> str:
        """Return a digest of the ids and the files' sums alone, which a new title or a moved file leaves as it is."""
        return self.meta().get("content_state", NOTHING)

    def files(self) -> list[FileFact]:
        """Return what is known of every file, by ascending id."""
        with self._file.reading() as connection:
            return [
                FileFact(*row)
                for row in connection.execute(
                    "SELECT image_id, path, sha256, width, height, size, mtime_ns FROM images ORDER BY image_id"
                )
            ]

    def write(
        self, rows: Iterable[Row] = (), *, moved: Mapping[int, Row] | None = None, removed: Iterable[int] = ()
    ) -> list[int]:
        """Do it all in one transaction, and return the ids of `rows`.

        Args:
            rows: new ones, or ones whose path is there already: the id stays if the content is the same.
            moved: id -> its new row, of the same content, under a path that is free or being removed.
            removed: ids to delete; unknown ones are ignored.

        Raises:
            ValueError: a moved row has other content, or its path is taken.
        """
        with self._file.writing() as connection:
            sums = Sums(connection)
            for image_id in map(int, removed):  # SQLite would store a NumPy integer as bytes
                sums.drop(image_id)
            for image_id, row in ((int(key), row) for key, row in (moved or {}).items()):
                before = connection.execute("SELECT sha256 FROM images WHERE image_id = ?", [image_id]).fetchone()
                if before is None or before[0] != row.sha256:
                    raise ValueError(f"picture {image_id} cannot be moved to {row.path}: it has other content")
                sums.drop(image_id)
                try:
                    sums.put(row, image_id)
                except sqlite3.IntegrityError:
                    raise ValueError(f"picture {image_id} cannot be moved: {row.path} is taken") from None
            ids = []
            for row in rows:
                before = connection.execute("SELECT image_id, sha256 FROM images WHERE path = ?", [row.path]).fetchone()
                if before:
                    sums.drop(before[0])
                ids.append(sums.put(row, before[0] if before and before[1] == row.sha256 else None))
            sums.store()
        return ids

    def faults(self) -> list[str]:
        """Return what is wrong with the file or its digests (none: all is well)."""
        faults = self._file.faults()
        with self._file.reading() as connection:
            meta = _meta(connection)
            state = content = 0
            for row in connection.execute(f"SELECT {COLUMNS} FROM images"):
                state += digest_of(row)
                content += digest_of((row[0], row[2]))
            if written(state) != meta.get("state", NOTHING):
                faults.append(f"{self.path}: the rows are not those that were written")
            if written(content) != meta.get("content_state", NOTHING):
                faults.append(f"{self.path}: the digest of the contents is wrong")
        return faults

    def close(self) -> None:
        """Close the file; the object can be used again."""
        self._file.close()


def _record(row: tuple[Any, ...]) -> ImageRecord:
    image_id, path, sha256, width, height, title, label, split, fields = row
    return ImageRecord(image_id, path, sha256, width, height, title, label, split, json.loads(fields))


def _meta(connection: sqlite3.Connection) -> dict[str, str]:
    return dict(connection.execute("SELECT key, value FROM meta"))


def _fields(connection: sqlite3.Connection) -> list[FieldSpec]:
    return [FieldSpec(*row) for row in connection.execute("SELECT name, title, kind FROM fields ORDER BY position")]
