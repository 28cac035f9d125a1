"""Filters as Milvus evaluates them: what a person chose, as an expression that values can never break out of.

Milvus's own placeholders for values are not understood by Milvus Lite, so texts are written as literals, with the
escapes that both know. A field of numbers is a DOUBLE column; any other is a VARCHAR column, in which a number stands
as its shortest text, so that 1890 and "1890" are the same there. Servers before 2.5 know no empty columns, so a value
of our own stands where a picture has none.
"""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from core.datasets.base import FieldSpec, Value
from core.datasets.filters import COLUMNS, as_number, condition

PARTITION = "partition"  # the column of the partition key
NO_TEXT, NO_NUMBER = "∅", -sys.float_info.max  # a text that begins with the first has it twice
MAX_TEXT_BYTES = 65535  # Milvus's own limit of a VARCHAR
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})


def column_of(name: str) -> str:
    """Return the column of a field; the prefix keeps names apart from Milvus's words and our other columns."""
    return "f_" + (name if name.isascii() else name.encode().hex())


def kinds_of(fields: Sequence[FieldSpec]) -> dict[str, str]:
    """Return field -> kind of everything that can be filtered by: the set's own, and those of every catalog."""
    return {**{name: spec.kind for name, spec in COLUMNS.items()}, **{spec.name: spec.kind for spec in fields}}


def expression(where: Mapping[str, Any], fields: Sequence[FieldSpec], partition_field: str = "") -> str | None:
    """Return a Milvus expression that selects what `Catalog.select(where)` does.

    Args:
        partition_field: by whose values the collection is divided; conditions on it go to the partition key, so that
            only the partitions that can hold an answer are searched.

    Returns:
        "" where nothing is asked for, and None where nothing can match.

    Raises:
        ValueError: an unknown field, or a value that its kind does not allow.
    """
    condition(where, fields)  # the one place that says what is wrong with a filter
    kinds = kinds_of(fields)
    clauses = []
    for name, wanted in where.items():
        if isinstance(wanted, Mapping):
            clauses += _range(column_of(name), wanted)
            continue
        is_key = name == partition_field and wanted is not None and not (isinstance(wanted, list) and None in wanted)
        clause = _any_of(PARTITION if is_key else column_of(name), kinds[name], wanted)
        if clause is None:
            return None
        clauses.append(clause)
    return " and ".join(clauses)


def stored(value: Value, kind: str) -> float | str:
    """Return a field's value, or that there is none, as its column holds it."""
    if kind == "range":
        return float(value) if isinstance(value, int | float) else NO_NUMBER
    return NO_TEXT if value is None else _cut(_marked(value if isinstance(value, str) else _text(value)))


def literal(text: str) -> str:
    """Return a text as a literal of Milvus's expressions."""
    return f'"{text.translate(_ESCAPES)}"'


def _range(column: str, wanted: Mapping[str, Any]) -> list[str]:
    bounds = (("min", ">="), ("max", "<="))
    clauses = [f"{column} {sign} {_number(wanted[key])!r}" for key, sign in bounds if wanted.get(key) is not None]
    return [*clauses, f"{column} > {NO_NUMBER!r}"] if clauses and wanted.get("min") is None else clauses


def _any_of(column: str, kind: str, wanted: Any) -> str | None:
    several = list(wanted) if isinstance(wanted, list | tuple | set | frozenset) else [wanted]
    given = [value for value in several if value is not None]
    if kind == "range":
        values = [repr(_number(value)) for value in given]
    else:
        texts = [text for value in given for text in _texts(value)]
        marked = [_marked(text) for text in dict.fromkeys(texts)]
        values = [literal(text) for text in marked if _cut(text) == text]  # no column can hold a longer one
    if None in several:
        values.append(repr(NO_NUMBER) if kind == "range" else literal(NO_TEXT))
    return f"{column} in [{', '.join(values)}]" if values else None


def _texts(value: str | int | float) -> list[str]:
    """Return every text as which a value may be stored that equals this one."""
    numbers = as_number(value) if isinstance(value, str) else [value]
    return [str(value), *map(_text, numbers)]


def _text(number: int | float) -> str:
    if isinstance(number, int):
        return str(number)
    return str(int(number)) if number.is_integer() else repr(number)


def _number(value: Any) -> float:
    return float(as_number(value)[0] if isinstance(value, str) else value)


def _marked(text: str) -> str:
    """Return a text that is never taken for none."""
    return NO_TEXT + text if text.startswith(NO_TEXT) else text


def _cut(text: str) -> str:
    """Return as much of a text as a column can hold; lone surrogates, which are no UTF-8, become question marks."""
    return text.encode("utf-8", "replace")[:MAX_TEXT_BYTES].decode("utf-8", "ignore")
