"""Metadata as columns of one byte a point: what a map is coloured and filtered by."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.types import Json

MISSING = 255  # the byte of a point without a value
_MOST_VALUES = 250  # of a choice; rarer ones are put together as "other"
_DULL = ("licence", "credit", "source_url", "source", "accession_number", "dimensions")  # say nothing about the picture
_TOP = 254  # the byte of a range's highest value


@dataclass(frozen=True)
class Column:
    """One field of a map.

    Attributes:
        name: of the field.
        title: for people.
        kind: "choice" or "range".
        codes: (N,) bytes: the number of a value, or a position from low to high in 0..254; 255 is missing.
        values: a choice's values with their counts, most frequent first.
        low, high: a range's ends.
    """

    name: str
    title: str
    kind: str
    codes: NDArray[np.uint8]
    values: tuple[tuple[str, int], ...] = ()
    low: float = 0.0
    high: float = 0.0

    def describe(self) -> Json:
        """Return everything but the bytes."""
        facts: Json = {"name": self.name, "title": self.title, "kind": self.kind}
        if self.kind == "choice":
            return {**facts, "values": [list(value) for value in self.values]}
        return {**facts, "low": self.low, "high": self.high}


def choice(name: str, title: str, values: Sequence[Any]) -> Column:
    """Return a column of texts; None and the empty text are missing."""
    texts = ["" if value is None else str(value) for value in values]
    counts = Counter(text for text in texts if text)
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    kept = ranked[:_MOST_VALUES]
    rest = sum(count for _, count in ranked[_MOST_VALUES:])
    if rest:
        kept = [*kept, ("other", rest)]
    codes = {text: code for code, (text, _) in enumerate(kept)}
    other = len(kept) - 1 if rest else MISSING
    column = np.fromiter((codes.get(text, other) if text else MISSING for text in texts), np.uint8, len(texts))
    return Column(name, title, "choice", column, tuple(kept))


def ranged(
    name: str, title: str, values: Iterable[Any], *, low: float | None = None, high: float | None = None
) -> Column:
    """Return a column of numbers; None and NaN are missing. The ends are the data's unless given."""
    numbers = np.array([np.nan if value is None else float(value) for value in values], np.float64)
    known = np.isfinite(numbers)
    least = float(numbers[known].min()) if low is None and known.any() else float(low or 0)
    most = float(numbers[known].max()) if high is None and known.any() else float(high or 0)
    codes = np.full(len(numbers), MISSING, np.uint8)
    span = (most - least) or 1.0
    codes[known] = np.clip(np.rint((numbers[known] - least) / span * _TOP), 0, _TOP).astype(np.uint8)
    return Column(name, title, "range", codes, low=least, high=most)


def columns_of(records: Sequence[Any], titles: Mapping[str, str] | None = None) -> list[Column]:
    """Return the fields of image records that a map can usefully be coloured by.

    Numbers of more than twelve values become ranges; texts become choices when values repeat. What differs in
    nearly every record (titles, addresses) or in none is left out.

    Args:
        records: core.datasets.ImageRecord, in the map's order.
        titles: field name -> title for people, where the data set has one; these come first.
    """
    if not records:
        return []
    values: dict[str, list[Any]] = {"label": [record.label for record in records]}
    known_first = [*(titles or {}), *(name for record in records for name in record.fields)]
    for name in dict.fromkeys(known_first):
        if name in _DULL or name in ("label", "split"):
            continue
        values[name] = [record.fields.get(name) for record in records]
    if len({record.split for record in records}) > 1:
        values["split"] = [record.split for record in records]
    found = []
    for name, entries in values.items():
        known = [entry for entry in entries if entry not in (None, "")]
        distinct = len(set(known))
        if distinct < 2:
            continue
        title = (titles or {}).get(name) or name.replace("_", " ").capitalize()
        numeric = all(isinstance(entry, int | float) and not isinstance(entry, bool) for entry in known)
        if numeric and distinct > 12:
            found.append(ranged(name, title, [entry if entry != "" else None for entry in entries]))
        elif distinct <= max(12, 0.5 * len(known)):
            found.append(choice(name, title, entries))
    return found
