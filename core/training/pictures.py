"""What a training run knows of its pictures: their labels as numbers, and which part each belongs to."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core import datasets
from core.datasets.base import Dataset, ImageRecord
from core.datasets.folds import part_of
from core.errors import RetrievalError
from core.settings import Settings
from core.types import Ids


class NothingToLearnError(RetrievalError):
    """The pictures cannot teach what was asked for: no labels, one class, an empty split."""


@dataclass(frozen=True)
class Pictures:
    """The labelled pictures of some data sets, in one numbering.

    Attributes:
        sets: the data sets, in the order asked for.
        records: (N,) of all of them.
        domains: (N,) which data set each is of.
        labels: (N, C) numbers of each characteristic's value; the same word in two sets is two values.
        classes: (C,) lists of "dataset/value" by number.
        parts: (N,) "train", "validation" or "test".
    """

    sets: list[Dataset]
    records: list[ImageRecord]
    domains: Ids
    labels: Ids
    classes: list[list[str]]
    parts: NDArray[np.str_]

    @property
    def class_domains(self) -> Ids:
        """(n_classes,) which data set each value of the first characteristic is of."""
        at = {dataset.name: number for number, dataset in enumerate(self.sets)}
        return np.array([at[name.split("/", 1)[0]] for name in self.classes[0]], dtype=np.int64)

    def only(self, kept: NDArray[np.bool_]) -> "Pictures":
        """Return those pictures for which `kept` (N,) is true; classes keep their numbers."""
        records = [record for record, chosen in zip(self.records, kept, strict=True) if chosen]
        domains, labels, parts = self.domains[kept], self.labels[kept], self.parts[kept]
        return replace(self, records=records, domains=domains, labels=labels, parts=parts)

    def rows(self, *parts: str) -> Ids:
        """Return the rows of these parts."""
        return np.flatnonzero(np.isin(self.parts, parts))


def collect(
    names: Sequence[str],
    settings: Settings,
    *,
    fields: Sequence[str] = ("label",),
    group: str = "",
    unlabelled: bool = False,
) -> Pictures:
    """Gather the pictures of data sets that have a value for every characteristic.

    Args:
        fields: "label" or names of the sets' own fields.
        group: a field whose equal values stay in one part (artist, parent tile); empty: split by file name.
        unlabelled: keep pictures without a value, too; they share the value "".

    Raises:
        NothingToLearnError: no picture has all characteristics, or the training or validation part is empty.
    """
    sets = [datasets.open(name, settings) for name in names]
    records, domains, values = [], [], []
    for number, dataset in enumerate(sets):
        for record in dataset:
            found = [record.label if field == "label" else str(record.fields.get(field) or "") for field in fields]
            if unlabelled or all(found):
                records.append(record)
                domains.append(number)
                values.append([f"{dataset.name}/{value}" for value in found])
    if not records:
        known = ["label", *dict.fromkeys(spec.name for dataset in sets for spec in dataset.catalog.fields())]
        raise NothingToLearnError(
            f"no picture of {', '.join(names)} has a value for {' and '.join(fields)}; there are: {', '.join(known)}"
        )
    if group and not any(record.fields.get(group) for record in records):
        raise NothingToLearnError(f"no picture of {', '.join(names)} has a value for {group}, the group")
    table = np.array(values)  # (N, C)
    codes = [np.unique(table[:, column], return_inverse=True) for column in range(table.shape[1])]
    parts = np.array([part_of(record, group) for record in records])
    for part in ("train", "validation"):
        if part not in parts:
            raise NothingToLearnError(f"no picture of {', '.join(names)} is in the part {part!r}; add pictures")
    return Pictures(
        sets, records, np.array(domains), np.stack([code for _, code in codes], axis=1).astype(np.int64),
        [list(map(str, words)) for words, _ in codes], parts,
    )  # fmt: skip
