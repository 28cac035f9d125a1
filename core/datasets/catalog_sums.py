"""Writing a catalog's rows so that the digests of all rows, and the index of their words, stay true."""

import hashlib
import json
import sqlite3
from typing import TYPE_CHECKING, Any

from core.datasets.word_index import follow

if TYPE_CHECKING:
    from core.datasets.catalog import Row

COLUMNS = "image_id, path, sha256, width, height, title, label, split, fields"
_MODULUS = 1 << 128
NOTHING = "0" * 32  # the digest of no rows


class Sums:
    """Writes rows and keeps the digests: sums of the rows' hashes, so that a change costs no scan.

    M. Bellare, D. Micciancio, "A New Paradigm for Collision-Free Hashing: Incrementality at Reduced Cost", EUROCRYPT
    1997 (AdHash). Against accidents, not attackers.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        meta = dict(connection.execute("SELECT key, value FROM meta"))
        self.before = meta.get("state", NOTHING)
        self.state = int(self.before, 16)
        self.content = int(meta.get("content_state", NOTHING), 16)
        self.changed: list[int] = []

    def drop(self, image_id: int) -> None:
        """Delete a row, if there is one."""
        row = self.connection.execute(f"SELECT {COLUMNS} FROM images WHERE image_id = ?", [image_id]).fetchone()
        if row:
            self._count(row, -1)
            self.connection.execute("DELETE FROM images WHERE image_id = ?", [image_id])

    def put(self, row: "Row", image_id: int | None) -> int:
        """Insert a row under an id that is free, or a new one, and return the id."""
        fields = json.dumps(dict(row.fields), ensure_ascii=False, sort_keys=True, allow_nan=False)
        texts = (row.title, row.label, row.split)
        sizes = (int(row.width), int(row.height))
        values = (image_id, row.path, row.sha256, *sizes, *texts, fields, int(row.size), int(row.mtime_ns))
        cursor = self.connection.execute(
            f"INSERT INTO images ({COLUMNS}, size, mtime_ns) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values
        )
        chosen = image_id if image_id is not None else int(cursor.lastrowid or 0)
        self._count((chosen, *values[1:9]), 1)
        return chosen

    def store(self) -> None:
        """Write the digests, and what has changed into the index of words."""
        state, content = written(self.state), written(self.content)
        self.connection.executemany(
            "INSERT OR REPLACE INTO meta VALUES (?, ?)", [("state", state), ("content_state", content)]
        )
        follow(self.connection, self.before, state, self.changed)

    def _count(self, row: tuple[Any, ...], sign: int) -> None:
        self.changed.append(row[0])
        self.state += sign * digest_of(row)
        self.content += sign * digest_of((row[0], row[2]))


def written(total: int) -> str:
    """Return the digest of the rows whose hashes sum to `total`."""
    return f"{total % _MODULUS:032x}"


def digest_of(row: tuple[Any, ...]) -> int:
    """Return a row's hash."""
    text = json.dumps(row, ensure_ascii=False)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest(), "big")
