"""Checking a gallery: is every picture there and unchanged, and is any there more than once?"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core import imaging, storage
from core.datasets.base import Dataset, ImageRecord
from core.datasets.builder import size_of
from core.datasets.duplicates import equal_files, near_pairs, perceptual_hash
from core.datasets.parallel import in_order
from core.datasets.registry import open as open_gallery
from core.errors import ImageError
from core.settings import Settings
from core.types import Progress, no_progress


@dataclass(frozen=True)
class CheckReport:
    """What was found.

    Attributes:
        name: of the gallery.
        count: pictures that the catalog lists.
        faults: (path, what is wrong) of files that are missing, changed or unreadable, and of the catalog itself.
        equal: groups of records whose files are the same byte for byte.
        near: (record, record, differing bits of 128) of pictures that look the same but are other files.
    """

    name: str
    count: int
    faults: list[tuple[str, str]] = field(default_factory=list)
    equal: list[list[ImageRecord]] = field(default_factory=list)
    near: list[tuple[ImageRecord, ImageRecord, int]] = field(default_factory=list)


def check(name: str, settings: Settings, *, deep: bool = False, progress: Progress = no_progress) -> CheckReport:
    """Compare the files with the catalog, and the pictures with each other.

    Args:
        deep: also read every file and compare its SHA-256 sum; otherwise its size decides.

    Raises:
        UnknownNameError, NotPreparedError, DamagedFileError: the gallery cannot be opened.
    """
    dataset = open_gallery(name, settings)
    faults = [(str(dataset.catalog.path), fault) for fault in dataset.catalog.faults()]
    records = dataset.catalog.records()
    sizes = {fact.image_id: fact.size for fact in dataset.catalog.files()}
    hashes, hashed = [], []

    def examine(record: ImageRecord) -> tuple[str | None, NDArray[np.uint64] | None]:
        fault = _fault(dataset, record, sizes[record.image_id], deep)
        try:
            return fault, perceptual_hash(imaging.open_image(dataset.thumbnail_path(record)))
        except ImageError as error:
            return fault or f"its thumbnail: {error}", None

    for done, (record, (fault, words)) in enumerate(
        zip(records, in_order(examine, records, settings.threads), strict=True), start=1
    ):
        if fault:
            faults.append((record.path, fault))
        if words is not None:
            hashes.append(words)
            hashed.append(record)
        if done % 64 == 0 or done == len(records):
            progress(done, len(records), f"checking {name}")
    dataset.catalog.close()
    pairs = near_pairs(np.array(hashes, dtype=np.uint64).reshape(-1, 2))
    near = [(hashed[one], hashed[other], apart) for one, other, apart in pairs]
    near = [pair for pair in near if pair[0].sha256 != pair[1].sha256]
    return CheckReport(name, len(records), faults, equal_files(records), near)


def _fault(dataset: Dataset, record: ImageRecord, size: int, deep: bool) -> str | None:
    """Return what is wrong with a record's file, if anything."""
    try:
        path = dataset.source_path(record)
    except ImageError as error:
        return str(error)
    found = size_of(path)
    if found != size:
        return f"has {found} bytes, the catalog says {size}"
    if deep:
        try:
            if storage.sha256_of(path) != record.sha256:
                return "has other content than when it was read"
        except OSError as error:
            return f"cannot be read: {error.strerror}"
    return None
