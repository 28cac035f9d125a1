"""An archive back into picture files; a damaged record is named and left out."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core.archive.archive_errors import wrong_model
from core.archive.names import fault_of, restored_names
from core.archive.pipeline import batches_of, in_order
from core.archive.reader import Archive
from core.codec import modes
from core.codec.model import LearnedCodec
from core.codec.modes import Coded, Mode
from core.codec.pixels import Pixels, to_pillow
from core.errors import DamagedFileError, StorageError
from core.settings import Settings
from core.storage import atomic_path
from core.types import Progress, no_progress


@dataclass
class UnpackReport:
    """What was restored.

    Attributes:
        skipped: (name, reason) of the records that were not.
    """

    count: int = 0
    modes: dict[str, int] = field(default_factory=dict)
    skipped: list[tuple[str, str]] = field(default_factory=list)


def check_model(archive: Archive, codec: LearnedCodec) -> None:
    """Raise StaleError, naming both hashes, if the archive's learned records need another model."""
    needed = archive.codec_sha256
    if needed is not None and needed != codec.sha256 and (archive.modes == Mode.LEARNED).any():
        raise wrong_model(archive.path, needed, codec.sha256)


def restore(
    archive: Archive, codec: LearnedCodec, rows: Sequence[int], settings: Settings
) -> list[Pixels | DamagedFileError]:
    """Return for each row its picture, or what is wrong with its record.

    Raises:
        StaleError: the archive needs another model.
    """
    check_model(archive, codec)
    results: list[Pixels | DamagedFileError] = []
    records: list[Coded] = []
    places: list[int] = []
    for place, row in enumerate(rows):
        try:
            record = archive.record(row)
            if record.width * record.height > settings.max_pixels:
                raise DamagedFileError(f"{archive.names[row]}: says that it has {record.width}x{record.height} pixels")
            records.append(record)
            places.append(place)
            results.append(DamagedFileError("not decoded"))
        except DamagedFileError as error:
            results.append(error)
    try:
        pictures: list[Pixels | DamagedFileError] = list(modes.decode(codec, records))
    except DamagedFileError:  # find out which one it was
        pictures = [
            _one(codec, record, archive.names[rows[place]]) for record, place in zip(records, places, strict=True)
        ]
    for place, picture in zip(places, pictures, strict=True):
        results[place] = picture
    return results


def unpack(
    archive: Archive,
    folder: Path,
    codec: LearnedCodec,
    settings: Settings,
    *,
    force: bool = False,
    strict: bool = False,
    progress: Progress = no_progress,
) -> UnpackReport:
    """Write every picture as PNG below `folder`, sub-folders kept.

    Args:
        force: replace files that exist.
        strict: stop at the first damaged record instead of leaving it out.

    Raises:
        StorageError: a file exists (nothing is written then), or cannot be written.
        DamagedFileError: a record is damaged, with `strict`.
        StaleError: the archive needs another model.
    """
    check_model(archive, codec)
    targets = restored_names(archive.names)
    safe = [row for row in range(len(archive)) if fault_of(archive.names[row]) is None]
    if not force:
        present = next((row for row in safe if (folder / targets[row]).exists()), None)
        if present is not None:
            raise StorageError(f"{folder / targets[present]} exists; choose an empty folder, or --force to replace it")
    report = UnpackReport()

    def work(rows: Sequence[int]) -> list[tuple[int, str | None]]:
        outcome: list[tuple[int, str | None]] = []
        for row, picture in zip(rows, restore(archive, codec, rows, settings), strict=True):
            if isinstance(picture, DamagedFileError):
                if strict:
                    raise picture
                outcome.append((row, str(picture)))
                continue
            _write(folder, targets[row], picture)
            outcome.append((row, None))
        return outcome

    batches = batches_of(range(len(archive)), lambda row: int(archive.widths[row] * archive.heights[row]))
    done = 0
    for outcome in in_order(work, batches, settings.threads):
        for row, fault in outcome:
            done += 1
            if fault is not None:
                report.skipped.append((archive.names[row], fault))
                continue
            report.count += 1
            title = Mode(int(archive.modes[row])).title
            report.modes[title] = report.modes.get(title, 0) + 1
        progress(done, len(archive), "restoring")
    return report


def _write(folder: Path, name: str, picture: Pixels) -> None:
    target = folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    if folder.resolve() not in target.parent.resolve().parents and target.parent.resolve() != folder.resolve():
        raise StorageError(f"{target} would lie outside of {folder}")  # a link in the folder leads out of it
    with atomic_path(target) as temporary:
        to_pillow(picture).save(temporary, "PNG")


def _one(codec: LearnedCodec, record: Coded, name: str) -> Pixels | DamagedFileError:
    try:
        return modes.decode(codec, [record])[0]
    except DamagedFileError as error:
        return DamagedFileError(f"{name}: {error}")
