"""An archive as a gallery: pictures restored into `datasets/`, metadata kept, and its search codes as the features."""

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

import numpy as np
from PIL import Image as PillowImage

from core import datasets
from core.archive.imported_codes import publish_vectors, vectors_of
from core.archive.imported_metadata import field_specs, gallery_facts, record_fields
from core.archive.names import fault_of, restored_names
from core.archive.pipeline import batches_of
from core.archive.reader import Archive
from core.archive.unpack import check_model, restore
from core.codec.model import LearnedCodec
from core.codec.modes import Mode, is_rgb
from core.codec.pixels import Pixels, to_pillow
from core.datasets.base import Value
from core.datasets.builder import Entry, build
from core.datasets.catalog import CATALOG, Catalog
from core.datasets.folder import THUMBNAIL_BYTES
from core.datasets.registry import SETS
from core.errors import DamagedFileError, ImageError
from core.settings import Settings, check_name
from core.storage import require_space, sha256_of
from core.types import Progress, no_progress

_WEBP_SIDE = 16383  # pixels
_BYTES_PER_PIXEL = 1.0  # of a restored picture as lossless WebP: .96 of paintings, .71 of satellite tiles at quality 3


@dataclass(frozen=True)
class ArchiveImport:
    """What an import did.

    Attributes:
        name: of the gallery.
        count: pictures that it holds now.
        added: of these, new.
        skipped: (name, reason) of the records that could not be restored.
        encoder: whose codes the gallery is searched by; empty if the archive's cannot be used.
        note: why not, or what else is to be said; may be empty.
    """

    name: str
    count: int
    added: int
    skipped: list[tuple[str, str]] = field(default_factory=list)
    encoder: str = ""
    note: str = ""


def import_archive(
    path: Path,
    name: str,
    settings: Settings,
    progress: Progress = no_progress,
    *,
    title: str = "",
    codec: LearnedCodec | None = None,
) -> ArchiveImport:
    """Make a gallery of an archive; interrupted, run it again: what is restored already is kept.

    Its features are what the search codes stand for, as the encoder saw the originals: the restored pictures would be a
    worse description. Indexes are then built from them as for any gallery.

    Raises:
        ValueError: the name is not allowed, or taken by other pictures.
        DamagedFileError, VersionError: the archive cannot be opened, or none of its records can be restored.
        StaleError: its pictures need another codec model.
        StorageError: too little disk, or another process is making this gallery.
    """
    path = Path(path)
    with Archive.open(path) as archive:
        chosen = codec or LearnedCodec(threads=settings.threads)
        check_model(archive, chosen)
        sha256 = sha256_of(path)
        _check_free(name, sha256, path, settings)
        rows, skipped = _usable(archive)
        sizes = np.minimum(archive.widths[rows] * archive.heights[rows], settings.max_pixels)
        n_bytes = int(_BYTES_PER_PIXEL * sizes.sum()) + THUMBNAIL_BYTES * len(rows)
        require_space(settings.datasets / name, n_bytes, f"importing {len(rows)} pictures of {path.name}")
        targets = _targets(archive)
        records = record_fields(archive)
        vectors, encoder, note = vectors_of(archive, settings)
        facts = gallery_facts(archive, path.name, has_codes=encoder is not None)
        facts |= {
            "archive": sha256,
            "archive_file": path.name,
            "title": title or _distinct(facts["title"], name, settings),
        }
        report = build(
            name, settings, _entries(archive, chosen, rows, targets, records, settings),
            meta=facts, fields=field_specs(archive, records), total=len(rows), progress=progress,
        )  # fmt: skip
        row_of = {targets[row]: row for row in rows}
        skipped += [(archive.names[row_of[target]], reason) for target, reason in report.skipped]
        if not report.count:
            first = f"; the first: {skipped[0][1]}" if skipped else ""
            raise DamagedFileError(f"none of the {len(archive)} records of {path} can be restored{first}")
        if encoder is not None:
            publish_vectors(name, encoder, vectors, row_of, settings)
    sentences = [sentence for sentence in (note, archive.note) if sentence]
    return ArchiveImport(
        name, report.count, report.added, skipped, "" if encoder is None else encoder.name, "; ".join(sentences)
    )


def _check_free(name: str, sha256: str, path: Path, settings: Settings) -> None:
    """Raise ValueError if the name cannot be that of this archive's gallery."""
    check_name(name)
    if name in SETS:
        raise ValueError(f"{name!r} is the name of a published set; choose another --name")
    catalog = settings.datasets / name / CATALOG
    if catalog.is_file() and Catalog(catalog).meta().get("archive") != sha256:
        raise ValueError(
            f"there is a gallery {name!r} already, and it was not made from {path.name} as it is now; choose another "
            f"--name, or remove it first: python -m core data remove {name}"
        )


def _distinct(title: str, name: str, settings: Settings) -> str:
    """Return a title that no other gallery has: the archive's own, followed by the name where that is taken."""
    others = {datasets.open(other, settings).title for other in datasets.names(settings) if other != name}
    return f"{title} ({name})" if title in others else title or name


def _usable(archive: Archive) -> tuple[list[int], list[tuple[str, str]]]:
    """Return the rows whose names may become paths, and the others with what is wrong."""
    rows, skipped = [], []
    for row, name in enumerate(archive.names):
        fault = fault_of(name)
        if fault:
            skipped.append((name, f"record {row}: the name {name!r} {fault}"))
        else:
            rows.append(row)
    return rows, skipped


def _targets(archive: Archive) -> list[str]:
    """Return a path for each record: WebP, which browsers show, or PNG where WebP cannot hold every sample."""
    targets = []
    for row, target in enumerate(restored_names(archive.names)):
        fits = max(archive.widths[row], archive.heights[row]) <= _WEBP_SIDE
        is_webp = archive.modes[row] != Mode.LOSSLESS and fits  # the lossless mode also keeps grey and 16 bits
        targets.append(f"{target.removesuffix('.png')}.webp" if is_webp else target)
    return targets


def _entries(
    archive: Archive,
    codec: LearnedCodec,
    rows: Sequence[int],
    targets: Sequence[str],
    records: Sequence[tuple[dict[str, str], Mapping[str, Value]]],
    settings: Settings,
) -> Iterator[Entry]:
    for batch in batches_of(rows, lambda row: int(archive.widths[row] * archive.heights[row])):
        restored = _Batch(archive, codec, batch, targets, settings)
        for row in batch:
            texts, fields = records[row]
            title = texts.get("title") or Path(archive.names[row]).stem
            yield Entry(
                targets[row], restored.reader(row), title, texts.get("label", ""), texts.get("split", ""), fields
            )


class _Batch:
    """Records that are restored together, when the first of them is asked for."""

    def __init__(
        self, archive: Archive, codec: LearnedCodec, rows: Sequence[int], targets: Sequence[str], settings: Settings
    ) -> None:
        self._archive, self._codec, self._rows, self._settings = archive, codec, rows, settings
        self._targets = targets
        self._lock = Lock()
        self._pictures: dict[int, Pixels | DamagedFileError] | None = None

    def reader(self, row: int) -> "_Reader":
        """Return what gives the file of one record."""
        return _Reader(self, row)

    def file(self, row: int) -> bytes:
        """Return a record's picture as a lossless file.

        Raises:
            ImageError: the record is damaged.
        """
        with self._lock:
            if self._pictures is None:
                found = restore(self._archive, self._codec, self._rows, self._settings)
                self._pictures = dict(zip(self._rows, found, strict=True))
            picture = self._pictures.pop(row)
        if isinstance(picture, DamagedFileError):
            raise ImageError(str(picture)) from picture
        buffer = io.BytesIO()
        if self._targets[row].endswith(".webp") and is_rgb(picture):
            PillowImage.fromarray(picture).save(buffer, "WEBP", lossless=True, quality=0, method=0)
        else:
            to_pillow(picture).save(buffer, "PNG")
        return buffer.getvalue()


@dataclass(frozen=True)
class _Reader:
    batch: _Batch
    row: int

    def __call__(self) -> bytes:
        return self.batch.file(self.row)
