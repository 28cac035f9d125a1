"""Names of records: relative, with forward slashes, and unable to lead out of a folder."""

import unicodedata
from collections.abc import Iterable

from core.archive.layout import MOST_NAME_BYTES

_FORBIDDEN = set('\\:*?"<>|')


def fault_of(name: object) -> str | None:
    """Return what is wrong with a name, or None.

    A name that is fine can be joined to a folder on any system and stays below it.
    """
    if not isinstance(name, str) or not name:
        return "is no name"
    if len(name.encode("utf-8", "surrogatepass")) > MOST_NAME_BYTES:
        return f"is longer than {MOST_NAME_BYTES} bytes"
    if name.startswith("/"):
        return "is absolute"
    parts = name.split("/")
    if ".." in parts:
        return "leads out of its folder"
    if "" in parts or "." in parts:
        return "has an empty part"
    if any(character in _FORBIDDEN or unicodedata.category(character) in ("Cc", "Cs") for character in name):
        return "has a character that some systems do not allow in file names"
    if any(part.endswith((" ", ".")) for part in parts):
        return "has a part that ends with a space or a full stop"
    return None


def restored_names(names: Iterable[str]) -> list[str]:
    """Return file names for restored pictures: the ending becomes .png, or is followed by it where two would collide.

    Collisions are those of a file system that ignores case.
    """
    names = list(names)
    wished = [_with_png(name) for name in names]
    count: dict[str, int] = {}
    for name in wished:
        count[name.casefold()] = count.get(name.casefold(), 0) + 1
    taken: set[str] = set()
    result = []
    for name, wish in zip(names, wished, strict=True):
        final = wish if count[wish.casefold()] == 1 else f"{name}.png"
        number = 2
        while final.casefold() in taken:
            final = f"{name}.{number}.png"
            number += 1
        taken.add(final.casefold())
        result.append(final)
    return result


def _with_png(name: str) -> str:
    folder, slash, base = name.rpartition("/")
    stem, dot, _ = base.rpartition(".")
    return f"{folder}{slash}{stem if dot and stem else base}.png"
