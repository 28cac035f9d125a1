"""The SQLite file under a catalog: schema, connections for many threads, and errors that say what to do."""

import contextlib
import os
import queue
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from core import storage
from core.errors import DamagedFileError, NotPreparedError, StorageError, VersionError

SCHEMA_VERSION = 1
_APPLICATION_ID = 0x50454E54  # "PENT": tells a catalog from any other SQLite file
_BUSY_TIMEOUT_S = 30.0

_SCHEMA = """
CREATE TABLE images (
    image_id INTEGER PRIMARY KEY AUTOINCREMENT,
    path TEXT NOT NULL UNIQUE,
    sha256 TEXT NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    title TEXT NOT NULL,
    label TEXT NOT NULL,
    split TEXT NOT NULL,
    fields TEXT NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL
);
CREATE INDEX images_by_sha256 ON images (sha256);
CREATE TABLE fields (position INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, title TEXT NOT NULL, kind TEXT NOT NULL);
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""


class CatalogFile:
    """Connections to one catalog file, lent to one thread at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._idle: queue.LifoQueue[tuple[int, sqlite3.Connection]] = queue.LifoQueue()

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection whose statements see one state of the file.

        Raises:
            NotPreparedError: the file does not exist.
            DamagedFileError: it is no catalog, or a damaged one.
            VersionError: it was written by a newer version.
        """
        with self._errors(), self._lent() as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("ROLLBACK")

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection for one transaction: all that is done in the block happens, or nothing.

        Raises:
            StorageError: the disk is full, or another process has been writing for half a minute.
        """
        with self._errors(), self._lent() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):  # a full disk has rolled back already
                    connection.execute("ROLLBACK")
                raise

    def create(self) -> None:
        """Make the file with its tables, if there is none, whole or not at all."""
        if self.path.exists():
            return
        with self._errors(), storage.atomic_path(self.path) as temporary:
            connection = sqlite3.connect(temporary, isolation_level=None)
            try:
                connection.execute("PRAGMA journal_mode=WAL")
                connection.executescript(
                    f"BEGIN; {_SCHEMA} PRAGMA application_id={_APPLICATION_ID};"
                    f"PRAGMA user_version={SCHEMA_VERSION}; COMMIT;"
                )
            finally:
                connection.close()  # and with it go the journal's files

    def faults(self) -> list[str]:
        """Return what SQLite finds wrong with the file's structure (none: all is well)."""
        with self.reading() as connection:
            rows = [row[0] for row in connection.execute("PRAGMA integrity_check(20)")]
        return [] if rows == ["ok"] else rows

    def close(self) -> None:
        """Close the idle connections; the object can be used again."""
        while True:
            try:
                self._idle.get_nowait()[1].close()
            except queue.Empty:
                return

    @contextlib.contextmanager
    def _lent(self) -> Iterator[sqlite3.Connection]:
        try:
            inode = os.stat(self.path).st_ino  # noqa: PTH116  # on every read; Path.stat costs more
        except FileNotFoundError:
            self.close()
            raise NotPreparedError(
                f"{self.path} does not exist; run: python -m core data get {self.path.parent.name}, "
                "or python -m core data import FOLDER --name NAME for pictures of your own"
            ) from None
        connection = self._idle_connection(inode) or self._connect()
        try:
            yield connection
        except sqlite3.DatabaseError:
            connection.close()
            raise
        except BaseException:
            self._idle.put((inode, connection))
            raise
        else:
            self._idle.put((inode, connection))

    def _idle_connection(self, inode: int) -> sqlite3.Connection | None:
        """Return an idle connection to this very file; those to one that was replaced are closed."""
        while True:
            try:
                opened, connection = self._idle.get_nowait()
            except queue.Empty:
                return None
            if opened == inode:
                return connection
            connection.close()

    def _connect(self) -> sqlite3.Connection:
        uri = f"{self.path.resolve().as_uri()}?mode=rw"  # never creates
        connection = sqlite3.connect(
            uri, uri=True, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        try:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            application = connection.execute("PRAGMA application_id").fetchone()[0]
            if application != _APPLICATION_ID or version < 1:
                raise DamagedFileError(self._damaged("it is not a catalog"))
            if version > SCHEMA_VERSION:
                raise VersionError(
                    f"{self.path} has schema version {version}, this program reads up to {SCHEMA_VERSION}; update it"
                )
            connection.execute("PRAGMA synchronous=NORMAL")  # with WAL: whole after a crash
        except BaseException:
            connection.close()
            raise
        return connection

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code == sqlite3.SQLITE_FULL:
                raise StorageError(
                    f"the disk that holds {self.path} is full; free some space and run the command again"
                ) from error
            if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise StorageError(f"{self.path} is being written by another process; try again later") from error
            if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_PERM):
                raise StorageError(f"cannot read or write {self.path}: {error}") from error
            if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) or "no such table" in str(error):
                raise DamagedFileError(self._damaged(str(error))) from error
            raise
        except sqlite3.IntegrityError:
            raise
        except sqlite3.DatabaseError as error:
            raise DamagedFileError(self._damaged(str(error))) from error

    def _damaged(self, reason: str) -> str:
        name = self.path.parent.name
        return (
            f"{self.path} is damaged ({reason}); run: python -m core data remove {name}, and then data get or "
            "data import again (pictures in your own folders are never touched)"
        )
