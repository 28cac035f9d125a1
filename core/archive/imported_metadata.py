"""What an archive says of its pictures, brought into the form of a catalog; nothing in it is trusted."""

import math
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence

from core.archive.reader import Archive
from core.datasets.base import FieldSpec, Value
from core.types import Json

OWN = ("title", "label", "split")  # of every record, beside the set's own fields
_KINDS = ("paintings", "satellite", "pictures")
_FACTS = ("note", "licence", "citation", "homepage")
_MOST_FIELDS = 64
_MOST_CHOICES = 60  # different values of a field that is offered as a choice, where the archive does not say
_MOST_TEXT = 4000  # characters of one value
_MOST_EXACT = 1 << 53  # integers up to here are the same in JSON, SQLite and a browser


def record_fields(archive: Archive) -> list[tuple[dict[str, str], dict[str, Value]]]:
    """Return for each record its title, label and split, and the set's own fields; what no catalog holds is left out.

    Raises:
        DamagedFileError: the metadata are not as they were written.
    """
    kept: list[tuple[dict[str, str], dict[str, Value]]] = []
    for record in archive.fields():
        texts = {key: _text(record[key]) for key in OWN if isinstance(record.get(key), str)}
        own = {name: _value(value) for name, value in record.items() if name not in OWN and _is_name(name)}
        kept.append((texts, {name: value for name, value in own.items() if value is not None}))
    return kept


def field_specs(archive: Archive, records: Sequence[tuple[Mapping[str, str], Mapping[str, Value]]]) -> list[FieldSpec]:
    """Return what the fields are: as the archive says, the others judged by their values."""
    about = archive.directory.get("about")
    listed = about.get("fields") if isinstance(about, dict) else None
    specs: dict[str, FieldSpec] = {}
    for entry in listed if isinstance(listed, list) else []:
        if not isinstance(entry, dict) or not _is_name(entry.get("name")):
            continue
        name, kind = entry["name"], entry.get("kind")
        if name not in OWN and kind in ("choice", "range", "text"):
            specs[name] = FieldSpec(name, _text(entry.get("title")) or name, kind)
    for name in dict.fromkeys(name for _, fields in records for name in fields):
        if name not in specs:
            specs[name] = _judged(name, [fields[name] for _, fields in records if name in fields])
    return list(specs.values())[:_MOST_FIELDS]


def gallery_facts(archive: Archive, file: str, *, has_codes: bool) -> dict[str, str]:
    """Return the facts about the whole gallery, for its catalog: title, kind, note, licence, citation, homepage."""
    about = archive.directory.get("about")
    stated: Json = about if isinstance(about, dict) else {}
    facts = {key: _text(stated.get(key)) for key in _FACTS}
    if not facts["homepage"].startswith(("https://", "http://")):
        facts["homepage"] = ""
    facts["title"] = _text(stated.get("title")) or _text(archive.directory.get("title"))
    facts["kind"] = stated["kind"] if stated.get("kind") in _KINDS else "pictures"
    origin = f"Restored from {file}."
    if has_codes:
        origin = f"Restored from {file}; found by its 16-byte search codes, so that similarities are approximate."
    facts["note"] = f"{facts['note']} {origin}".strip()
    return facts


def _judged(name: str, values: Sequence[Value]) -> FieldSpec:
    title = name.replace("_", " ").capitalize()
    if all(isinstance(value, int | float) for value in values):
        return FieldSpec(name, title, "range")
    counts = Counter(values)
    is_choice = len(counts) <= _MOST_CHOICES and len(counts) < len(values)
    return FieldSpec(name, title, "choice" if is_choice else "text")


def _is_name(name: object) -> bool:
    return isinstance(name, str) and name.isidentifier() and name.isascii() and len(name) <= 64


def _value(value: object) -> Value:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return value if abs(value) <= _MOST_EXACT else None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return _text(value) or None


def _text(value: object) -> str:
    """Return text without control characters and unpaired surrogates, or nothing for what is no text."""
    if not isinstance(value, str):
        return ""
    plain = value[:_MOST_TEXT].encode("utf-8", "replace").decode()
    return "".join(" " if unicodedata.category(character) == "Cc" else character for character in plain).strip()
