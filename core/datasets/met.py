"""`met`: public-domain works of the Metropolitan Museum of Art, chosen through its public API.

The Metropolitan Museum of Art, Open Access (CC0), https://metmuseum.github.io.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from core.datasets.base import FieldSpec
from core.datasets.builder import Entry, PrepareReport, build
from core.datasets.download import Patience
from core.datasets.folds import FOLD_FIELD, fold_of, part_of_fold
from core.datasets.paintings import FIELDS, met_fields, met_title
from core.datasets.polite import PoliteFetcher, is_seconds
from core.errors import DamagedFileError, DownloadError, ImageError
from core.settings import Settings
from core.storage import digest
from core.types import Progress

_API = "https://collectionapi.metmuseum.org/public/collection/v1"
_FIELDS = [*FIELDS, FieldSpec("classification", "Classification", "choice"), FOLD_FIELD]


@dataclass(frozen=True)
class MetropolitanMuseum:
    """The set; `configured` says which works.

    Attributes:
        department: number of a department (11: European Paintings); 0: all.
        classification: kept only if the work's contains this; empty: all.
        begin, end: years that the work's begin must lie in.
        limit: works at most; 0: all that the search finds.
        pause_s: between requests; the museum allows 80 each second.
    """

    department: int = 11
    classification: str = "Paintings"
    begin: int = -10_000
    end: int = 3_000
    limit: int = 500
    pause_s: float = 0.1
    api: str = _API
    patience: Patience | None = None

    name = "met"
    title = "Metropolitan Museum of Art"
    kind = "paintings"
    licence = "CC0, The Metropolitan Museum of Art Open Access"
    citation = "The Metropolitan Museum of Art, Open Access, https://www.metmuseum.org/about-the-met/policies-and-documents/open-access"
    homepage = "https://metmuseum.github.io"
    size = "500 European paintings of about 100 kB, or as many as are asked for"
    needs_source = False

    def configured(self, options: Mapping[str, str]) -> "MetropolitanMuseum":
        """Return the set with options: department, classification, begin, end, limit, pause.

        Raises:
            ValueError: an option is unknown or has no such value.
        """
        changed = self
        for name, value in options.items():
            if name == "classification":
                changed = replace(changed, classification="" if value == "all" else value)
            elif name == "pause" and is_seconds(value):
                changed = replace(changed, pause_s=max(0.0125, float(value)))
            elif name in ("department", "begin", "end", "limit") and value.lstrip("-").isdigit():
                number = int(value)
                changed = {
                    "department": replace(changed, department=number), "begin": replace(changed, begin=number),
                    "end": replace(changed, end=number), "limit": replace(changed, limit=number),
                }[name]  # fmt: skip
            else:
                known = "department, classification, begin, end, limit and pause=SECONDS"
                raise ValueError(f"met understands {known}, got {name}={value}")
        return changed

    def prepare(self, settings: Settings, source: Path | None, progress: Progress) -> PrepareReport:
        """Search, fetch what is missing, and make the gallery; interrupted, it goes on.

        Args:
            source: not used by this set.

        Raises:
            ValueError: a source was given.
        """
        if source is not None:
            raise ValueError("met is fetched from the museum's API and takes no --from")
        fetcher = PoliteFetcher(
            settings.datasets / ".downloads" / self.name, pause_s=self.pause_s, patience=self.patience
        )
        failed: list[tuple[str, str]] = []
        entries = self._entries(fetcher, failed)
        meta = {
            "title": self.title, "kind": self.kind, "licence": self.licence, "citation": self.citation,
            "note": "", "homepage": self.homepage, "layout": "1",
        }  # fmt: skip
        report = build(
            self.name, settings, entries, meta=meta, fields=_FIELDS, total=self.limit or None, progress=progress
        )
        return PrepareReport(report.name, report.count, report.added, report.removed, report.skipped + failed)

    def _entries(self, fetcher: PoliteFetcher, failed: list[tuple[str, str]]) -> Iterator[Entry]:
        count = 0
        for number in self._search(fetcher):
            if self.limit and count >= self.limit:
                return
            try:
                work = _parsed(fetcher.fetch(f"{self.api}/objects/{number}", f"objects/{number}.json"))
            except ImageError as error:
                failed.append((f"object {number}", str(error)))
                continue
            if not self._is_wanted(work):
                continue
            count += 1
            url = work["primaryImageSmall"] or work["primaryImage"]

            def data(url: str = url, number: int = number) -> bytes:
                return fetcher.fetch(url, f"pictures/{number}.jpg")

            fields = met_fields(work)
            fold = fold_of(str(fields["artist"]))
            yield Entry(
                path=f"{number}.jpg", data=data, title=met_title(work), label=str(fields["culture"] or ""),
                split=part_of_fold(fold),
                fields={**fields, "classification": work.get("classification") or None, FOLD_FIELD.name: fold},
            )  # fmt: skip

    def _search(self, fetcher: PoliteFetcher) -> list[int]:
        asked: dict[str, Any] = {"hasImages": "true", "isPublicDomain": "true", "q": "*"}
        if self.department:
            asked["departmentId"] = self.department
        if self.begin > -10_000 or self.end < 3_000:
            asked |= {"dateBegin": self.begin, "dateEnd": self.end}
        query = urlencode(asked)
        try:
            found = _parsed(fetcher.fetch(f"{self.api}/search?{query}", f"searches/{digest(query)}.json"))
        except ImageError as error:
            raise DownloadError(f"the museum's search failed: {error}") from error
        return sorted(int(number) for number in found.get("objectIDs") or [])

    def _is_wanted(self, work: Mapping[str, Any]) -> bool:
        begin = work.get("objectBeginDate")
        return bool(
            work.get("isPublicDomain")
            and (work.get("primaryImageSmall") or work.get("primaryImage"))
            and self.classification.lower() in str(work.get("classification") or "").lower()
            and (not isinstance(begin, int) or self.begin <= begin <= self.end)
        )


DATASET = MetropolitanMuseum()


def _parsed(data: bytes) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except ValueError as error:
        raise DamagedFileError(f"the museum's API sent something that is not JSON ({error})") from error
    if not isinstance(value, dict):
        raise DamagedFileError("the museum's API sent JSON of another form")
    return value
