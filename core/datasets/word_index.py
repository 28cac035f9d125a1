"""The word index of a catalog: full-text search in the catalog's own file, by SQLite's FTS5.

Two tables: `words` holds the folded text of each picture, `word_terms` every word that occurs, for those that are
mistyped. They belong to one state of the rows. A catalog without them, or whose rows an older version has changed,
gets them when it is first searched; from then on every write keeps them up to date in its own transaction.

Nothing that a person types becomes syntax: what goes into an FTS expression are folded words of letters and digits
in quotation marks, made by `words.question`.

Ranking is BM25 (S. Robertson, H. Zaragoza, "The Probabilistic Relevance Framework", 2009) with weights of the columns;
a word as it was typed counts beside words that only begin with it. It costs some 2 microseconds a match: where more
than _RANKED pictures match, ranked are those that have the words in title or artist, at most _RANKED of them; others
follow in the order of the catalog. A word that so many have as it is stands for itself, not for those that begin with
it.
"""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from core.datasets.spelling import Vocabulary
from core.datasets.words import COLUMNS, Asked, columns, folded, question
from core.errors import UnavailableError
from core.types import Ids

_VERSION = 1  # changes when the same row would get other text
_WEIGHTS = (8.0, 8.0, 4.0, 4.0, 1.0)  # of COLUMNS
_RANKED = 2000
_BATCH = 5000
_TABLES = ("words", "word_terms", "word_state")
_SCHEMA = f"""
CREATE VIRTUAL TABLE words USING fts5({", ".join(COLUMNS)}, tokenize = 'unicode61 remove_diacritics 0', prefix = '3 4');
CREATE TABLE word_terms (term TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE word_state (version INTEGER NOT NULL, state TEXT NOT NULL)
"""
_ROWS = "SELECT image_id, title, label, path, fields FROM images"


@dataclass(frozen=True)
class Read:
    """How a word of a question was understood.

    Attributes:
        typed: as it was typed.
        terms: folded words that are looked for; a run of signs is one with spaces.
        how: "word" (it occurs, or words that begin with it do), "mistyped" (`terms` are near it), or "absent".
        begins: whether words that begin with one of `terms` count, too.
    """

    typed: str
    terms: tuple[str, ...]
    how: Literal["word", "mistyped", "absent"]
    begins: bool


@dataclass(frozen=True)
class WordsFound:
    """Pictures whose text has the words.

    Attributes:
        ids: best first, at most as many as were asked for.
        total: how many there are.
        read: how each word was understood.
        every: whether each picture has all the words; otherwise no picture has, and these have some.
        left_out: words beyond the number that is used.
    """

    ids: Ids
    total: int
    read: tuple[Read, ...]
    every: bool
    left_out: int


class WordIndex:
    """Searches the words of one catalog through connections that the catalog lends. Safe for concurrent readers."""

    def __init__(self) -> None:
        self._vocabulary: tuple[str, Vocabulary] | None = None  # and the state of the rows that it belongs to

    def search(
        self, connection: sqlite3.Connection, state: str, text: str, clause: str, parameters: Sequence[Any], most: int
    ) -> WordsFound:
        """Return the best `most` pictures that fulfil an SQL condition and whose text has the words.

        Args:
            connection: reads; the index is current, see `is_current`.
            state: of the rows.
            text: what a person asks for; words in any order.
            clause, parameters: of `filters.condition`.
            most: 0 for all of them, by ascending id.
        """
        asked, left_out = question(text)
        read = tuple(self._read(connection, state, word) for word in asked)
        present = [word for word in read if word.how != "absent"]
        narrowed = "" if clause == "1" else f"AND +rowid IN (SELECT image_id FROM images WHERE {clause})"

        def matches(expression: str, what: str, rest: str = "") -> list[Any]:
            sql = f"SELECT {what} FROM words WHERE words MATCH ? {narrowed} {rest}"
            return connection.execute(sql, [expression, *parameters]).fetchall()

        total, every = 0, len(present) == len(read)
        if present and every:
            total = matches(_expression(present, "AND"), "COUNT(*)")[0][0]
        if present and not total:
            every = len(present) == 1 and len(read) == 1
            total = matches(_expression(present, "OR"), "COUNT(*)")[0][0]
        ids: list[int] = []
        joined = "AND" if every else "OR"
        if total and not most:
            ids = [row[0] for row in matches(_expression(present, joined), "rowid", "ORDER BY rowid")]
        elif total:
            ids = _ranked(matches, present, joined, total, most)
        return WordsFound(np.array(ids, np.int64), total, read, every, left_out)

    def _read(self, connection: sqlite3.Connection, state: str, word: Asked) -> Read:
        itself = Read(word.typed, (" ".join(word.tokens),), "word", False)
        beginning = replace(itself, begins=word.begins)
        count = _count(connection, itself)
        if count >= _RANKED or (count and not word.begins):
            return itself
        if count or _count(connection, beginning, most=1):
            return beginning
        near = self._words(connection, state).near(word.tokens[0]) if len(word.tokens) == 1 else []
        mistyped = [term for term in near if _count(connection, Read(word.typed, (term,), "mistyped", False), most=1)]
        if mistyped:
            return Read(word.typed, tuple(mistyped), "mistyped", False)
        return Read(word.typed, (), "absent", False)

    def _words(self, connection: sqlite3.Connection, state: str) -> Vocabulary:
        known = self._vocabulary
        if known is None or known[0] != state:
            terms = [row[0] for row in connection.execute("SELECT term FROM word_terms")]
            self._vocabulary = known = (state, Vocabulary(terms))
        return known[1]


def is_current(connection: sqlite3.Connection, state: str) -> bool:
    """Say whether the index is there and belongs to this state of the rows."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'word_state'").fetchone():
        return False
    return connection.execute("SELECT version, state FROM word_state").fetchall() == [(_VERSION, state)]


def build(connection: sqlite3.Connection, state: str) -> None:
    """Make the index of all rows anew, in the transaction of `connection`.

    Raises:
        UnavailableError: this Python's SQLite has no full-text search.
    """
    try:
        for table in _TABLES:
            connection.execute(f"DROP TABLE IF EXISTS {table}")
        for statement in _SCHEMA.split(";"):
            connection.execute(statement)
    except sqlite3.OperationalError as error:
        if "no such module" not in str(error):
            raise
        raise UnavailableError(
            "words cannot be searched here: the SQLite of this Python was built without FTS5; install a Python from "
            "python.org or your system's packages, and make .venv anew: make setup"
        ) from error
    rows = connection.execute(_ROWS)
    while batch := rows.fetchmany(_BATCH):
        _insert(connection, batch)
    connection.execute("INSERT INTO word_state VALUES (?, ?)", [_VERSION, state])


def follow(connection: sqlite3.Connection, before: str, state: str, changed: Iterable[int]) -> None:
    """Bring an index that was current at `before` to `state`, in the transaction that changed the rows.

    Args:
        changed: ids of rows that were written or deleted.
    """
    if not is_current(connection, before):
        return  # none, or an old one: it is built when it is needed
    ids = json.dumps(sorted(set(changed)))
    connection.execute("DELETE FROM words WHERE rowid IN (SELECT value FROM json_each(?))", [ids])
    _insert(connection, connection.execute(f"{_ROWS} WHERE image_id IN (SELECT value FROM json_each(?))", [ids]))
    connection.execute("UPDATE word_state SET state = ?", [state])


def _insert(connection: sqlite3.Connection, rows: Iterable[tuple[Any, ...]]) -> None:
    texts = [
        (image_id, *columns(title, label, path, json.loads(fields))) for image_id, title, label, path, fields in rows
    ]
    places = ", ".join("?" * (1 + len(COLUMNS)))
    connection.executemany(f"INSERT INTO words (rowid, {', '.join(COLUMNS)}) VALUES ({places})", texts)
    terms = {term for _, *parts in texts for part in parts for term in part.split()}
    connection.executemany("INSERT OR IGNORE INTO word_terms VALUES (?)", [(term,) for term in sorted(terms)])


def _count(connection: sqlite3.Connection, word: Read, most: int = 0) -> int:
    """Return how many pictures have a word, counted up to `most` (_RANKED unless told)."""
    sql = "SELECT COUNT(*) FROM (SELECT 1 FROM words WHERE words MATCH ? LIMIT ?)"
    return int(connection.execute(sql, [_expression([word], "AND"), most or _RANKED]).fetchone()[0])


def _ranked(matches: Any, words: Sequence[Read], joined: str, total: int, most: int) -> list[int]:
    """Return the ids of the best `most`; `matches(expression, what, rest)` asks the index."""
    rank = f"rowid, bm25(words, {', '.join(map(str, _WEIGHTS))})"
    every = _expression(words, joined, exact=True)
    found = matches(every if total <= _RANKED else f"{{title artist}} : ({every})", rank, f"LIMIT {_RANKED}")
    ids = dict.fromkeys(row[0] for row in sorted(found, key=lambda row: (row[1], row[0])))
    if len(ids) < min(most, total):
        plain = _expression(words, joined)
        ids.update(dict.fromkeys(row[0] for row in matches(plain, "rowid", f"ORDER BY rowid LIMIT {most + len(ids)}")))
    return list(ids)[:most]


def _expression(words: Sequence[Read], joined: str, exact: bool = False) -> str:
    """Return an FTS5 expression; terms have only letters and digits, and stand in quotation marks.

    With `exact` a whole word is named beside the beginning of words that it is: more counts for rank, and costs more.
    """
    parts = []
    for word in words:
        either = [f'"{folded(term)}"' for term in word.terms]
        if word.begins:
            either = (either if exact else []) + [f"{term} *" for term in either]
        parts.append(f"({' OR '.join(either)})")
    return f" {joined} ".join(parts)
