"""`wga`: the Web Gallery of Art, some 50,000 works of European art from the 3rd to the 19th century.

E. Kren, D. Marx, Web Gallery of Art, https://www.wga.hu. Its catalogue is one table; pictures are fetched one by one.
"""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from core.datasets.base import FieldSpec, Value
from core.datasets.builder import Entry, PrepareReport, build
from core.datasets.dates import years
from core.datasets.download import Mirror, Patience, download
from core.datasets.folds import FOLD_FIELD, fold_of, part_of_fold
from core.datasets.paintings import century
from core.datasets.periods import period
from core.datasets.polite import PoliteFetcher, is_seconds
from core.datasets.source import Source, open_source
from core.errors import DamagedFileError, ImageError
from core.settings import Settings
from core.types import Progress

_CATALOGUE = "https://www.wga.hu/database/download/data_txt.zip"
_COLUMNS = (
    "AUTHOR",
    "BORN-DIED",
    "TITLE",
    "DATE",
    "TECHNIQUE",
    "LOCATION",
    "URL",
    "FORM",
    "TYPE",
    "SCHOOL",
    "TIMEFRAME",
)
_FIELDS = [
    FieldSpec("artist", "Artist", "choice"),
    FieldSpec("life", "Born, died"),
    FieldSpec("date", "Date"),
    FieldSpec("begin_year", "Year", "range"),
    FieldSpec("end_year", "Until", "range"),
    FieldSpec("century", "Century", "choice"),
    FieldSpec("period", "Period", "choice"),
    FieldSpec("form", "Form", "choice"),
    FieldSpec("subject", "Subject", "choice"),
    FieldSpec("school", "School", "choice"),
    FieldSpec("timeframe", "Time", "choice"),
    FieldSpec("style_group", "School / period / subject", "choice"),
    FieldSpec("technique", "Technique"),
    FieldSpec("location", "Location"),
    FieldSpec("source_url", "Source"),
    FOLD_FIELD,
]


@dataclass(frozen=True)
class WebGallery:
    """The set; `configured` narrows what is fetched.

    Attributes:
        form: keep this form only ("painting"); empty: all.
        school: likewise.
        limit: works at most; 0: all.
        pictures: "art" for full size, "detail" for smaller ones.
        pause_s: between requests.
    """

    form: str = "painting"
    school: str = ""
    limit: int = 0
    pictures: str = "art"
    pause_s: float = 1.0
    catalogue: str = _CATALOGUE
    patience: Patience | None = None

    name = "wga"
    title = "Web Gallery of Art"
    kind = "paintings"
    licence = "Pictures for personal and educational use; see https://www.wga.hu/frames-e.html?/legal.html"
    citation = "E. Kren, D. Marx, Web Gallery of Art, https://www.wga.hu"
    homepage = "https://www.wga.hu/index.html"
    needs_source = False
    size = "some 40,000 paintings of 100 to 500 kB, fetched one each second"

    def configured(self, options: Mapping[str, str]) -> "WebGallery":
        """Return the set with options: form, school, limit, pictures (art or detail), pause.

        Raises:
            ValueError: an option is unknown or has no such value.
        """
        changed = self
        for name, value in options.items():
            if name in ("form", "school"):
                wanted = "" if value == "all" else value
                changed = replace(changed, form=wanted) if name == "form" else replace(changed, school=wanted)
            elif name == "limit" and value.isdigit():
                changed = replace(changed, limit=int(value))
            elif name == "pictures" and value in ("art", "detail"):
                changed = replace(changed, pictures=value)
            elif name == "pause" and is_seconds(value):
                changed = replace(changed, pause_s=max(0.2, float(value)))
            else:
                known = "form, school, limit, pictures=art|detail and pause=SECONDS"
                raise ValueError(f"wga understands {known}, got {name}={value}")
        return changed

    def prepare(self, settings: Settings, source: Path | None, progress: Progress) -> PrepareReport:
        """Read the catalogue, fetch what is missing, and make the gallery; interrupted, it goes on.

        Args:
            source: a folder or archive with catalog.csv, and the pictures in `art/...` if they have been fetched.
        """
        folder = settings.datasets / ".downloads" / self.name
        archive = source or download(
            [Mirror(self.catalogue)], folder / "data_txt.zip", patience=self.patience, progress=progress
        )
        fetcher = PoliteFetcher(folder / "pictures", pause_s=self.pause_s, patience=self.patience)
        with open_source(archive) as opened:
            rows, strange = read_catalogue(opened, archive)
            chosen = [row for row in rows if self._is_wanted(row)][: self.limit or None]
            own = f"{self.pictures}/"
            at_hand = {name[name.index(own) :]: name for name in opened.names() if own in name}
            entries = self._entries(chosen, opened, at_hand, fetcher)
            meta = {
                "title": self.title, "kind": self.kind, "note": "European art, 3rd to 19th century.",
                "licence": self.licence, "citation": self.citation, "homepage": self.homepage, "layout": "1",
            }  # fmt: skip
            report = build(
                self.name, settings, entries, meta=meta, fields=_FIELDS, total=len(chosen), progress=progress
            )
        return PrepareReport(report.name, report.count, report.added, report.removed, report.skipped + strange)

    def _is_wanted(self, row: Mapping[str, str]) -> bool:
        form, school = row["FORM"].strip().lower(), row["SCHOOL"].strip().lower()
        return (not self.form or form == self.form.lower()) and (not self.school or school == self.school.lower())

    def _entries(
        self, rows: list[dict[str, str]], source: Source, at_hand: Mapping[str, str], fetcher: PoliteFetcher
    ) -> Iterator[Entry]:
        seen: set[str] = set()
        for row in rows:
            url = picture_url(row["URL"], self.pictures)
            path = urlsplit(url).path.lstrip("/")
            if path in seen:  # one picture listed twice
                continue
            seen.add(path)

            def data(url: str = url, path: str = path) -> bytes:
                return source.read(at_hand[path]) if path in at_hand else fetcher.fetch(url, path)

            fields = fields_of(row)
            yield Entry(
                path=path, data=data, title=row["TITLE"].strip() or PurePosixPath(path).stem,
                label=str(fields["period"] or ""), split=part_of_fold(int(str(fields["fold"]))), fields=fields,
            )  # fmt: skip


DATASET = WebGallery()


def read_catalogue(source: Source, path: Path) -> tuple[list[dict[str, str]], list[tuple[str, str]]]:
    """Return the catalogue's rows, and (line, reason) of those that name no page.

    Raises:
        DamagedFileError: there is no catalog.csv with the expected columns.
    """
    names = [name for name in source.names() if PurePosixPath(name).name.lower() == "catalog.csv"]
    if not names:
        raise DamagedFileError(f"{path} does not hold the Web Gallery of Art: looked for catalog.csv")
    text = source.read(names[0]).decode("latin-1")
    rows = list(csv.DictReader(io.StringIO(text, newline=""), delimiter=";"))
    missing = [column for column in _COLUMNS if rows and column not in rows[0]]
    if not rows or missing:
        raise DamagedFileError(f"{path}: catalog.csv must have the columns {', '.join(_COLUMNS)}; missing: {missing}")
    good, strange = [], []
    for number, row in enumerate(rows, start=2):
        complete = {column: row.get(column) or "" for column in _COLUMNS}
        try:
            picture_url(complete["URL"], "art")
            good.append(complete)
        except ImageError as error:
            strange.append((f"catalog.csv line {number}", str(error)))
    return good, strange


def picture_url(page: str, size: str) -> str:
    """Return the picture's address for its page's: `html/m/monet/a.html` -> `art/m/monet/a.jpg`.

    Raises:
        ImageError: it is no page of the gallery.
    """
    parts = urlsplit(page.strip())
    path = PurePosixPath(parts.path.lstrip("/"))
    if path.suffix != ".html" or path.parts[:1] != ("html",) or ".." in path.parts or not parts.netloc:
        raise ImageError(f"{page!r} is no page of the Web Gallery of Art")
    moved = PurePosixPath(size, *path.parts[1:]).with_suffix(".jpg")
    return f"{parts.scheme}://{parts.netloc}/{moved}"


def fields_of(row: Mapping[str, str]) -> dict[str, Value]:
    """Return a row's fields; the fold is the artist's, so that no artist is in two parts."""
    text = {column: value.strip() for column, value in row.items()}
    dated = years(text["DATE"]) or years(text["TIMEFRAME"])
    style = period(text["SCHOOL"], dated)
    group = " / ".join(part for part in (text["SCHOOL"], style, text["TYPE"]) if part)
    return {
        "artist": text["AUTHOR"] or None, "life": text["BORN-DIED"] or None, "date": text["DATE"] or None,
        "begin_year": dated[0] if dated else None, "end_year": dated[1] if dated else None,
        "century": century(dated[0]) if dated else None, "period": style or None, "form": text["FORM"] or None,
        "subject": text["TYPE"] or None, "school": text["SCHOOL"] or None, "timeframe": text["TIMEFRAME"] or None,
        "style_group": group or None, "technique": text["TECHNIQUE"] or None, "location": text["LOCATION"] or None,
        "source_url": text["URL"], FOLD_FIELD.name: fold_of(text["AUTHOR"]),
    }  # fmt: skip
