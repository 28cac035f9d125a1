"""The split that every labelled set without an official one gets: five folds by the published file name.

The fold of a picture depends on its name alone, so that everybody who has the set has the same folds.
"""

import hashlib
from pathlib import PurePosixPath
from typing import Literal

from core.datasets.base import FieldSpec, ImageRecord

Part = Literal["train", "validation", "test"]

N_FOLDS = 5
TEST_FOLD = 0
VALIDATION_FOLD = 1
FOLD_FIELD = FieldSpec("fold", "Fold", "choice")
SPLITS: dict[str, Part] = {
    "train": "train", "training": "train", "trainval": "train",
    "validation": "validation", "valid": "validation", "val": "validation", "dev": "validation",
    "test": "test", "testing": "test", "held-out": "test", "query": "test",
}  # fmt: skip


def fold_of(name: str) -> int:
    """Return 0..4: the SHA-256 sum of the file name, as a number, modulo 5.

    Args:
        name: as published, without folders.
    """
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % N_FOLDS


def part_of_fold(fold: int) -> Part:
    """Return what a fold is for: 0 to ask with, 1 to validate, 2 to 4 to train."""
    return "test" if fold == TEST_FOLD else "validation" if fold == VALIDATION_FOLD else "train"


def part_of(record: ImageRecord, group_field: str = "") -> Part:
    """Return what a record is for: its official split if it has one, else by its fold.

    A set with a training and a test split only is validated on a fifth of the training split, by fold.

    Args:
        group_field: fold by this field's value instead, so that what shares it stays together (artist, parent, ...).
    """
    if group_field:
        return part_of_fold(fold_of(str(record.fields.get(group_field))))
    official = SPLITS.get(record.split.lower())
    if official is None:
        return part_of_fold(record_fold(record))
    if official == "train" and "fold" not in record.fields and record_fold(record) == VALIDATION_FOLD:
        return "validation"
    return official


def record_fold(record: ImageRecord) -> int:
    """Return the fold that the record carries, or the one of its file name."""
    fold = record.fields.get("fold")
    return int(fold) if isinstance(fold, int) else fold_of(PurePosixPath(record.path).name)
