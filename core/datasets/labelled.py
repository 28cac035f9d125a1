"""Published sets that are folders named after classes, with pictures in them, and no more."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from core.datasets.builder import Entry, PrepareReport, build, is_complete, unchanged
from core.datasets.download import Mirror, download
from core.datasets.folds import FOLD_FIELD, fold_of, part_of_fold
from core.datasets.source import Source, open_nested, open_source
from core.errors import DamagedFileError, NotPreparedError
from core.settings import Settings
from core.types import Progress

_LAYOUT = "1"


@dataclass(frozen=True)
class LabelledFolders:
    """A set of which every picture's path says its class; satisfies `PublishedSet`.

    Attributes:
        note: what a person should know before searching, such as the ground scale.
        pattern: searched in the path of each file; its groups are `label` and `file`.
        looked_for: the pattern, for people.
        mirrors: where it can be downloaded; none: a person must do that by hand.
        download_bytes: size of that download.
        classes: the labels there may be; empty: any.
        published_name: the file name that folds are made of, from the name found here; a set may have been
            re-encoded since it was published.
        inner: name of an archive inside the archive that holds the pictures, if it has been published that way.
    """

    name: str
    title: str
    kind: str
    licence: str
    citation: str
    homepage: str
    size: str
    pattern: re.Pattern[str]
    looked_for: str
    note: str = ""
    mirrors: tuple[Mirror, ...] = ()
    download_bytes: int = 0
    classes: frozenset[str] = frozenset()
    published_name: Callable[[str], str] = str
    inner: str = ""

    @property
    def needs_source(self) -> bool:
        """True where there is no download."""
        return not self.mirrors

    def prepare(self, settings: Settings, source: Path | None, progress: Progress) -> PrepareReport:
        """Make or complete the gallery, see `PublishedSet.prepare`."""
        if source is None and is_complete(self.name, settings, _LAYOUT):
            return unchanged(self.name, settings)
        archive = source or self._download(settings, progress)
        with ExitStack() as stack:
            opened = stack.enter_context(open_source(archive))
            inner = [n for n in opened.names() if self.inner and PurePosixPath(n).name == self.inner]
            if inner:
                opened = stack.enter_context(open_nested(opened, inner[0]))
            found, strange = self.find(opened, archive)
            report = build(
                self.name, settings, self._entries(opened, found), meta=self._meta(), fields=[FOLD_FIELD],
                total=len(found), progress=progress,
            )  # fmt: skip
        if source is None:
            archive.unlink(missing_ok=True)
        return PrepareReport(report.name, report.count, report.added, report.removed, report.skipped + strange)

    def find(self, source: Source, path: Path) -> tuple[dict[str, re.Match[str]], list[tuple[str, str]]]:
        """Return the pictures' paths with their matches, and (path, reason) of files among them that are none.

        Raises:
            DamagedFileError: there is no picture of this set.
        """
        names = source.names()
        found = {
            name: match
            for name in names
            if (match := self.pattern.search(name)) and (not self.classes or match["label"] in self.classes)
        }
        if not found:
            seen = f"found {names[0]} and {len(names) - 1} more" if names else "found no file"
            raise DamagedFileError(f"{path} does not hold {self.title}: looked for {self.looked_for}, {seen}")
        folders = {PurePosixPath(name).parent for name in found}
        strange = [n for n in names if n not in found and PurePosixPath(n).parent in folders]
        return found, [(name, f"is not named {self.looked_for}") for name in strange]

    def _entries(self, source: Source, found: dict[str, re.Match[str]]) -> Iterator[Entry]:
        for name, match in found.items():
            label, file = match["label"], match["file"]
            fold = fold_of(self.published_name(file))
            yield Entry(
                path=f"{label}/{file}",
                data=lambda name=name: source.read(name),  # type: ignore[misc]
                title=f"{label} {PurePosixPath(file).stem}" if label not in file else PurePosixPath(file).stem,
                label=label,
                split=part_of_fold(fold),
                fields={FOLD_FIELD.name: fold},
            )

    def _download(self, settings: Settings, progress: Progress) -> Path:
        if not self.mirrors:
            raise NotPreparedError(
                f"{self.title} must be downloaded by hand from {self.homepage}; "
                f"then run: python -m core data get {self.name} --from FOLDER_OR_ARCHIVE"
            )
        target = settings.datasets / ".downloads" / self.name / self.mirrors[0].url.rsplit("/", 1)[-1]
        return download(self.mirrors, target, n_bytes=self.download_bytes, progress=progress)

    def _meta(self) -> dict[str, str]:
        return {
            "title": self.title, "kind": self.kind, "note": self.note, "licence": self.licence,
            "citation": self.citation, "homepage": self.homepage, "layout": _LAYOUT,
        }  # fmt: skip
