"""A person's own table of pictures: one row per picture, its path and whatever is known about it.

One column names the file (path, file, filename, image ...), relative to a folder. Columns called title, label (class,
category) and split mean what they say; every other column becomes a field of the gallery: a range that can be filtered
by where all its values are numbers, a choice where there are few different ones, else a text.
"""

import csv
import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple

from core.datasets.base import FieldSpec, Value
from core.datasets.folds import SPLITS
from core.datasets.scan import Scan
from core.errors import DamagedFileError, UnavailableError
from core.storage import storage_errors

SUFFIXES = (".csv", ".tsv", ".parquet")
_MEANINGS = {
    "path": ("path", "file", "filename", "file_name", "filepath", "file_path", "image", "image_path", "picture"),
    "title": ("title",),
    "label": ("label", "class", "category"),
    "split": ("split", "subset"),
}
_CHOICES = 60  # more different values are a text
_SAMPLE = 64_000  # characters from which the delimiter is told


class Words(NamedTuple):
    """What a table says of one picture; see `ImageRecord`."""

    title: str
    label: str
    split: str
    fields: Mapping[str, Value]


@dataclass
class Table:
    """What was read.

    Attributes:
        rows: path relative to the folder, with `/`, -> its words.
        fields: of the other columns, in their order.
        skipped: (path, reason) of rows that cannot be used.
    """

    rows: dict[str, Words]
    fields: list[FieldSpec]
    skipped: list[tuple[str, str]] = field(default_factory=list)

    def narrow(self, found: Scan) -> None:
        """Leave the pictures that have a row in `found`, and list the others, and the rows without a picture."""
        present = {picture.path for picture in found.pictures}
        found.skipped += self.skipped
        found.skipped += [
            (path, "is named in the table, but there is no such file") for path in self.rows.keys() - present
        ]
        found.skipped += [(path, "has no row in the table") for path in present - self.rows.keys()]
        found.pictures = [picture for picture in found.pictures if picture.path in self.rows]


def read_table(path: Path, folder: Path) -> Table:
    """Read a table of pictures.

    Args:
        path: .csv or .tsv (UTF-8, the delimiter is found out), or .parquet.
        folder: the pictures' folder, resolved; absolute paths in the table must lie in it.

    Raises:
        DamagedFileError: it cannot be read, has no column of paths, or no row, or a split that nobody knows.
        UnavailableError: it is a Parquet file, and pyarrow is not installed.
    """
    columns = _parquet(path) if path.suffix.lower() == ".parquet" else _separated(path)
    roles = _roles(list(columns), path)
    others = {name: _identifier(name) for name in columns if name not in roles.values()}
    if len({*others.values()}) < len(others):
        raise DamagedFileError(f"{path} has columns whose names differ in signs only; rename one: {', '.join(others)}")
    splits = {text for text in columns.get(roles.get("split", ""), []) if text}
    if unknown := sorted(text for text in splits if text.lower() not in SPLITS):
        raise DamagedFileError(
            f"{path} has the split {unknown[0]!r} in its column {roles['split']!r}; a split is one of "
            f"{', '.join(SPLITS)}, or empty; rename the column if it means something else"
        )
    typed = {identifier: _typed(columns[name]) for name, identifier in others.items()}
    specs = [FieldSpec(identifier, name.strip(), _kind(typed[identifier])) for name, identifier in others.items()]
    table = Table({}, specs)
    for number, text in enumerate(columns[roles["path"]]):
        relative = _relative(text, folder)
        if relative is None:
            table.skipped.append((text or f"row {number + 1}", f"lies outside {folder}" if text else "has no path"))
        elif relative in table.rows:
            table.skipped.append((relative, f"has a second row in the table (row {number + 1}); the first counts"))
        else:
            title, label, split = (columns[roles[r]][number] if r in roles else "" for r in ("title", "label", "split"))
            fields = {name: values[number] for name, values in typed.items() if values[number] is not None}
            table.rows[relative] = Words(title or PurePosixPath(relative).stem, label, split, fields)
    if not table.rows:
        raise DamagedFileError(f"{path} names no picture in {folder}")
    return table


def _separated(path: Path) -> dict[str, list[str]]:
    """Return the columns of a CSV file as texts."""
    with storage_errors(path):
        data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DamagedFileError(f"{path} is not UTF-8 (byte {error.start}); save it as 'CSV UTF-8'") from error
    try:
        dialect: type[csv.Dialect] | csv.Dialect = csv.Sniffer().sniff(text[:_SAMPLE].split("\n", 1)[0], ",;\t|")
    except csv.Error:
        dialect = csv.excel
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), dialect, strict=True) if any(row)]
    except csv.Error as error:
        raise DamagedFileError(f"{path} is no well-formed CSV file: {error}") from error
    if len(rows) < 2:
        raise DamagedFileError(f"{path} needs a line of column names and at least one row")
    names = [name.strip() for name in rows[0]]
    if len(set(names)) < len(names) or "" in names:
        raise DamagedFileError(f"every column of {path} needs a name of its own, got {', '.join(names)}")
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(names):
            raise DamagedFileError(f"row {number} of {path} has {len(row)} cells, but there are {len(names)} columns")
    return {name: [row[i].strip() for row in rows[1:]] for i, name in enumerate(names)}


def _parquet(path: Path) -> dict[str, list[str]]:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError:
        raise UnavailableError(
            "reading Parquet needs pyarrow; run: .venv/bin/pip install pyarrow, or save the table as CSV"
        ) from None
    with storage_errors(path):
        try:
            table = parquet.read_table(path)
        except ArrowException as error:
            raise DamagedFileError(f"{path} is no readable Parquet file: {error}") from error
    return {
        name: ["" if value is None else str(value) for value in table.column(name).to_pylist()]
        for name in table.column_names
    }


def _roles(names: Sequence[str], path: Path) -> dict[str, str]:
    """Return meaning -> the column that has it; the first of the names for a meaning counts."""
    lower = {name.lower(): name for name in reversed(names)}
    roles = {
        meaning: lower[next(alias for alias in aliases if alias in lower)]
        for meaning, aliases in _MEANINGS.items()
        if any(alias in lower for alias in aliases)
    }
    if "path" not in roles:
        raise DamagedFileError(
            f"{path} has no column that names the files; looked for {', '.join(_MEANINGS['path'])}, "
            f"found {', '.join(names)}"
        )
    return roles


def _identifier(name: str) -> str:
    text = re.sub(r"\W+", "_", name.strip().lower()).strip("_") or "column"
    return text if text.isidentifier() else f"_{text}"


def _typed(texts: Sequence[str]) -> list[Value]:
    """Return the values as int, else as float, where all that are not empty are; empty ones as None."""
    for kind in (int, float):
        try:
            values: list[Value] = [kind(text) if text else None for text in texts]
        except ValueError:
            continue
        if all(value is None or math.isfinite(float(value)) for value in values) and any(v is not None for v in values):
            return values
    return [text or None for text in texts]


def _kind(values: Sequence[Value]) -> Literal["choice", "range", "text"]:
    there = [value for value in values if value is not None]
    if there and not isinstance(there[0], str):
        return "range"
    different = len(set(there))
    return "choice" if different <= _CHOICES and different <= max(2, len(there) / 2) else "text"


def _relative(text: str, folder: Path) -> str | None:
    """Return the path relative to the folder, with `/`; None if it is empty or leaves it."""
    path = PurePosixPath(text.replace("\\", "/"))
    if path.is_absolute():
        if not path.is_relative_to(folder.as_posix()):
            return None
        path = path.relative_to(folder.as_posix())
    parts = [part for part in path.parts if part != "."]
    return "/".join(parts) if parts and ".." not in parts else None
