"""Bringing a collection in Milvus up to date with a gallery: batched, resumable, counted.

A row's digest tells whether its fields are those of the catalog; its vector is for ever that of its id. What a server
has acknowledged is noted in a file, 16 bytes a row, so that a load which was cut off goes on where it stopped, and a
later one sends only what has changed. Rows are written under their ids: sending one twice leaves one. At the end the
server counts; if it has lost or kept something that the notes do not know of, the rows are read back and mended.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.datasets.base import FieldSpec, ImageRecord
from core.datasets.catalog import Catalog
from core.errors import ServerSilentError, UnavailableError
from core.indexes.milvus import MilvusIndex
from core.indexes.milvus_filter import PARTITION, stored
from core.indexes.milvus_schema import DIGEST, columns
from core.storage import write_bytes
from core.types import Ids, Json, Progress, Vectors, no_progress

_BATCH_BYTES = 8 << 20  # a server refuses messages of more than 64 MB
_BATCH_ROWS = 5000
_SAMPLE = 100
_GONE = 0  # the digest of a row that was removed


@dataclass(frozen=True)
class LoadReport:
    """What a load did.

    Attributes:
        count: rows that the server holds now.
        written: of these, sent now.
        removed: rows that were taken away.
        mended: whether the notes were wrong, and the rows were read back from the server.
    """

    count: int
    written: int
    removed: int
    mended: bool = False


def load(
    index: MilvusIndex,
    notes: Path,
    ids: Ids,
    vectors: Vectors,
    catalog: Catalog,
    progress: Progress = no_progress,
    *,
    what: str = "loading Milvus",
) -> LoadReport:
    """Make the collection hold exactly the pictures `ids`, with their vectors and fields.

    Args:
        notes: of what the server has; beside the gallery's index, one for each collection.
        ids: (N,) ascending, all in the catalog.
        vectors: (N, D).

    Raises:
        ServerSilentError: the server went away; what it acknowledged is kept.
        UnavailableError: it refuses something, or cannot count N rows at the end.
    """
    written = removed = 0
    for attempt in range(2):
        known = _read_back(index) if attempt or not notes.is_file() else _noted(notes)
        if attempt or not notes.is_file():
            _replace(notes, known)
        try:
            now, gone = _send(index, notes, known, ids, vectors, catalog, progress, what)
            index.finish()
            count = len(index)
        except ServerSilentError as error:
            raise ServerSilentError(
                f"{error}; what it has acknowledged is kept: run the same command again to go on"
            ) from error
        written, removed = written + now, removed + gone
        if count == len(ids):
            _replace(notes, _noted(notes))
            return LoadReport(count, written, removed, mended=attempt > 0)
    raise UnavailableError(
        f"{index.place} counts {count:,} rows where {len(ids):,} were loaded; run the same command with --rebuild"
    )


def faults(index: MilvusIndex, ids: Ids, vectors: Vectors, catalog: Catalog, seed: int = 0) -> list[str]:
    """Compare the collection's count, and a sample of its vectors and fields, with the gallery's.

    Args:
        ids: (N,) that it must hold.
        vectors: (N, D) theirs.

    Returns:
        One message for each fault; none: all is well.
    """
    found = []
    count = len(index)
    if count != len(ids):
        found.append(f"{index.place}: {index.collection} holds {count:,} rows, the gallery {len(ids):,}")
    if not len(ids):
        return found
    chosen = np.sort(np.random.default_rng(seed).choice(len(ids), min(_SAMPLE, len(ids)), replace=False))
    rows = {row["image_id"]: row for row in index.fetch(ids[chosen], ["image_id", "vector", DIGEST])}
    wanted = dict(zip(ids[chosen].tolist(), _digests(catalog.records(ids[chosen].tolist())), strict=True))
    for at in chosen:
        image_id = int(ids[at])
        row = rows.get(image_id)
        if row is None:
            found.append(f"{index.place}: picture {image_id} is missing")
        elif not np.allclose(row["vector"], vectors[at], rtol=1e-6, atol=1e-6):  # float32 travels unchanged
            found.append(f"{index.place}: the vector of picture {image_id} is another one")
        elif row[DIGEST] != wanted[image_id]:
            found.append(f"{index.place}: the fields of picture {image_id} are not those of the catalog")
    return found


def rows_of(
    records: Sequence[ImageRecord], vectors: Vectors, fields: Sequence[FieldSpec], partition_field: str = ""
) -> list[Json]:
    """Return what is sent for some pictures: id, vector, digest, and a value for every column."""
    places = columns(fields)
    rows = []
    for record, vector, sum_ in zip(records, vectors, _digests(records), strict=True):
        values = _values(record)
        row: Json = {"image_id": record.image_id, "vector": vector, DIGEST: sum_}
        row |= {column: stored(values.get(name), kind) for name, (column, kind) in places.items()}
        if partition_field:
            row[PARTITION] = stored(values.get(partition_field), "choice")
        rows.append(row)
    return rows


def _send(
    index: MilvusIndex,
    notes: Path,
    known: Mapping[str, NDArray[np.int64]],
    ids: Ids,
    vectors: Vectors,
    catalog: Catalog,
    progress: Progress,
    what: str,
) -> tuple[int, int]:
    """Send what the server lacks, take away what it has too much, and return how many rows each was."""
    fields, written = catalog.fields(), 0
    n_rows = max(1, min(_BATCH_ROWS, _BATCH_BYTES // (4 * index.dim)))
    extra = np.setdiff1d(known["ids"], ids, assume_unique=True)
    with notes.open("ab") as file:
        for start in range(0, len(extra), n_rows):
            index.remove(extra[start : start + n_rows])
            _note(file, extra[start : start + n_rows], np.full(len(extra[start : start + n_rows]), _GONE, np.int64))
        for start in range(0, len(ids), n_rows):
            progress(start, len(ids), what)
            part = ids[start : start + n_rows]
            records = catalog.records(part.tolist())
            sums = np.array(_digests(records), np.int64)
            stale = _looked_up(known, part) != sums
            if stale.any():
                chosen = [record for record, is_stale in zip(records, stale, strict=True) if is_stale]
                block = np.asarray(vectors[start : start + n_rows])[stale]
                index.upsert(rows_of(chosen, block, fields, index.options.partition_field))
                _note(file, part[stale], sums[stale])
                written += len(chosen)
    progress(len(ids), len(ids), what)
    return written, len(extra)


def _values(record: ImageRecord) -> Json:
    """Return field -> value; the set's own fields count before those of every catalog, as in its filters."""
    own = {name: getattr(record, name) for name in ("label", "split", "title", "path", "width", "height")}
    return {**own, **record.fields}


def _digests(records: Sequence[ImageRecord]) -> list[int]:
    """Return a number for each picture that changes with its fields; never that of a removed row."""
    sums = []
    for record in records:
        text = json.dumps(_values(record), sort_keys=True, ensure_ascii=True)
        value = hashlib.blake2b(text.encode(), digest_size=8).digest()
        sums.append(int.from_bytes(value, "big", signed=True) or 1)
    return sums


def _noted(notes: Path) -> dict[str, NDArray[np.int64]]:
    """Return the (n,) ids, ascending, that a file notes, and their digests; the last note of an id counts."""
    data = notes.read_bytes()
    pairs = np.frombuffer(data[: len(data) // 16 * 16], "<i8").reshape(-1, 2)[::-1]  # a torn last note is left out
    ids, first = np.unique(pairs[:, 0], return_index=True)
    sums = pairs[first, 1]
    return {"ids": ids[sums != _GONE].astype(np.int64), "sums": sums[sums != _GONE].astype(np.int64)}


def _read_back(index: MilvusIndex) -> dict[str, NDArray[np.int64]]:
    """Return the same from the server itself."""
    pairs = np.array(list(_digests_there(index)), np.int64).reshape(-1, 2)
    order = np.argsort(pairs[:, 0], kind="stable")
    return {"ids": pairs[order, 0], "sums": pairs[order, 1]}


def _digests_there(index: MilvusIndex) -> Iterator[tuple[int, int]]:
    if len(index):
        for row in index.every_row(["image_id", DIGEST]):
            yield int(row["image_id"]), int(row[DIGEST])


def _looked_up(known: Mapping[str, NDArray[np.int64]], ids: Ids) -> NDArray[np.int64]:
    """Return (len(ids),) the digests that are known, and that of a removed row for others."""
    if not len(known["ids"]):
        return np.full(len(ids), _GONE, np.int64)
    places = np.minimum(np.searchsorted(known["ids"], ids), len(known["ids"]) - 1)
    return np.where(known["ids"][places] == ids, known["sums"][places], _GONE)


def _note(file: Any, ids: Ids, sums: NDArray[np.int64]) -> None:
    file.write(np.stack([ids, sums], axis=1).astype("<i8").tobytes())
    file.flush()


def _replace(notes: Path, known: Mapping[str, NDArray[np.int64]]) -> None:
    write_bytes(notes, np.stack([known["ids"], known["sums"]], axis=1).astype("<i8").tobytes())
