"""Filters on a catalog's fields: from what a person chose to parametrised SQL, and the facets to choose from."""

import json
import math
import re
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from core.datasets.base import Facet, FieldSpec, Value

# Fields that every catalog has, beside the set's own.
COLUMNS = {
    "label": FieldSpec("label", "Label", "choice"),
    "split": FieldSpec("split", "Split", "choice"),
    "title": FieldSpec("title", "Title", "text"),
    "path": FieldSpec("path", "Path", "text"),
    "width": FieldSpec("width", "Width", "range"),
    "height": FieldSpec("height", "Height", "range"),
}
_MOST_VALUES = 500  # of a choice; a longer list is no choice any more


def condition(where: Mapping[str, Any], fields: Sequence[FieldSpec]) -> tuple[str, list[Any]]:
    """Return an SQL condition and its parameters; names and values never become part of the SQL's text.

    Args:
        where: field -> a value, a list of values (any of them), or {"min": low, "max": high} (both inclusive, either
            may be absent). None matches pictures that lack the field.
        fields: the set's own.

    Raises:
        ValueError: an unknown field, or a value that its kind does not allow.
    """
    own = {spec.name: spec for spec in fields}
    clauses: list[str] = ["1"]
    parameters: list[Any] = []
    for name, wanted in where.items():
        if name not in own and name not in COLUMNS:
            known = ", ".join([*own, *(column for column in COLUMNS if column not in own)])
            raise ValueError(f"unknown field {name!r}; there are: {known}")
        expression, key = _expression(name, own)
        kind = (own.get(name) or COLUMNS[name]).kind
        if isinstance(wanted, Mapping):
            clause, values = _range(name, kind, wanted, expression, key)
        else:
            clause, values = _any_of(name, kind, wanted, expression, key)
        clauses.append(clause)
        parameters += values
    return " AND ".join(clauses), parameters


def facets(connection: sqlite3.Connection, fields: Sequence[FieldSpec]) -> list[Facet]:
    """Return what the pictures can be filtered by: fields with at least two values that occur."""
    own = {spec.name: spec for spec in fields}
    found = []
    for spec in [*fields, *(COLUMNS[name] for name in ("label", "split") if name not in own)]:
        expression, key = _expression(spec.name, own)
        values = f"(SELECT {expression} AS value FROM images)"
        if spec.kind == "range":
            low, high = connection.execute(f"SELECT MIN(value), MAX(value) FROM {values}", key).fetchone()
            if low is not None and low < high:
                found.append(Facet(spec.name, spec.title, "range", low=float(low), high=float(high)))
        elif spec.kind == "choice":
            rows: list[tuple[Value, int]] = connection.execute(
                f"SELECT value, COUNT(*) FROM {values} WHERE value IS NOT NULL AND value <> '' "
                "GROUP BY value ORDER BY COUNT(*) DESC, value LIMIT ?",
                [*key, _MOST_VALUES],
            ).fetchall()
            if len(rows) > 1:
                found.append(Facet(spec.name, spec.title, "choice", values=_arranged(rows)))
    return found


def _expression(name: str, own: Mapping[str, FieldSpec]) -> tuple[str, list[str]]:
    """Return the SQL that reads a field, and its parameter where the field is one of the JSON column's."""
    if name in own:
        return "json_extract(fields, ?)", [f'$."{name}"']
    return f'"{name}"', []  # one of COLUMNS


def _range(name: str, kind: str, wanted: Mapping[str, Any], expression: str, key: list[str]) -> tuple[str, list[Any]]:
    if kind != "range" or not wanted or not set(wanted) <= {"min", "max"}:
        raise ValueError(f'{name} is a {kind}; {{"min": low, "max": high}} is for ranges, got {dict(wanted)!r}')
    clauses, parameters = [], []
    for bound, comparison in (("min", ">="), ("max", "<=")):
        if wanted.get(bound) is not None:
            clauses.append(f"{expression} {comparison} ?")
            parameters += [*key, _number(name, wanted[bound])]
    return " AND ".join(clauses) or "1", parameters


def _any_of(name: str, kind: str, wanted: Any, expression: str, key: list[str]) -> tuple[str, list[Any]]:
    several = list(wanted) if isinstance(wanted, list | tuple | set | frozenset) else [wanted]
    if not several:
        return "0", []  # none of no values
    values: list[str | int | float] = []
    for value in several:
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValueError(f"{name} must be compared with a text or a number, got {value!r}")
        if kind == "range":
            values.append(_number(name, value))
        else:  # "1890" typed on a command line also finds the number 1890, and 1890 the text
            values += [value, str(value)] if not isinstance(value, str) else [value, *as_number(value)]
    clauses, parameters = [], []
    if values:
        clauses.append(f"{expression} IN (SELECT value FROM json_each(?))")
        parameters += [*key, json.dumps(values)]
    if None in several:
        clauses.append(f"{expression} IS NULL")
        parameters += key
    return f"({' OR '.join(clauses)})", parameters


def _number(name: str, value: Any) -> float | int:
    numbers = as_number(value) if isinstance(value, str) else [value]
    if not numbers or isinstance(value, bool) or not isinstance(numbers[0], int | float):
        raise ValueError(f"{name} is a number, got {value!r}")
    if not math.isfinite(numbers[0]):
        raise ValueError(f"{name} must be compared with a finite number, got {value!r}")
    return numbers[0]


def as_number(text: str) -> list[int | float]:
    """Return the finite number that a text stands for, or nothing."""
    try:
        return [int(text)]
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        return []
    return [number] if math.isfinite(number) else []


def _arranged(rows: list[tuple[Value, int]]) -> list[tuple[Value, int]]:
    """Order values that begin with a number ("15th century", 1890) by it; others stay, most frequent first."""
    leading = [re.match(r"-?\d+", str(value)) for value, _ in rows]
    if all(leading):
        return sorted(rows, key=lambda row: (int(re.match(r"-?\d+", str(row[0])).group()), str(row[0])))  # type: ignore[union-attr]
    return rows
