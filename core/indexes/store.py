"""A saved index: a sealed folder of arrays that are mapped into memory when it is opened.

    manifest.json   kind "index/<name>", parameters, counts, provenance, sizes and checksums
    ids.npy         (N,) int32, or int64 if they need it; absent when the index is empty
    vectors.npy     (N, D) float32, where the index keeps vectors
    ...             what the index itself wrote

Opening checks the manifest, the files' presence and sizes and the arrays' headers; checksums are left to
`core.storage.verify`, so that opening takes the same time for a thousand vectors and for a million.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.errors import DamagedFileError, NotPreparedError, StaleError, StorageError
from core.indexes import upkeep
from core.indexes.snapshot import Segment, Snapshot
from core.storage import MANIFEST, Manifest, read_json, read_manifest, seal, storage_errors
from core.types import Json

if TYPE_CHECKING:
    from core.indexes.base import Index

_KIND = "index/"
_FORMAT = 1  # of what this file writes; the version in the manifest is 100 * this + the index's own


def save(index: Index, path: Path, built_from: Json) -> None:
    """Write `index` to the folder `path`, replacing an index that is there.

    Everything is written to a folder beside it, flushed and renamed, so that `path` is never half an index.

    Raises:
        StorageError: `path` holds something else, the disk is full, or it cannot be written.
    """
    segment = upkeep.compact(index)
    if path.exists() and not (path / MANIFEST).is_file() and not (path.is_dir() and not any(path.iterdir())):
        raise StorageError(f"{path} holds something that is not an index; choose another folder")
    scratch = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    with storage_errors(path):
        try:
            scratch.mkdir(parents=True)
            if segment is not None:
                write_array(scratch / "ids.npy", segment.ids)
                if segment.vectors is not None:
                    _write_or_link(scratch / "vectors.npy", segment.vectors)
            facts = index._write(scratch, segment) if index.is_trained else {}
            params = {
                "dim": index.dim,
                "params": index.params,
                "is_trained": index.is_trained,
                "count": 0 if segment is None else len(segment),
                "next_id": index._snapshot.next_id,
                "facts": facts,
            }
            seal(scratch, _KIND + index.name, _version(index), built_from=built_from, params=params)
            _replace(scratch, path)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    index.built_from = built_from


def kind_of(path: Path) -> str:
    """Return the registered name of the index that was saved in `path`.

    Raises:
        NotPreparedError: nothing was saved there.
        DamagedFileError: it is not an index.
    """
    with repairable(path):
        kind = read_json(path / MANIFEST).get("kind")
        if not isinstance(kind, str) or not kind.startswith(_KIND):
            raise DamagedFileError(f"{path / MANIFEST} does not describe an index")
        return kind.removeprefix(_KIND)


def load(kind: type[Index], name: str, path: Path, built_from: Mapping[str, Any] | None = None) -> Index:
    """Open the index that was saved in the folder `path`; its arrays are mapped, not read.

    Args:
        kind: the class of the index.
        name: its registered name.
        built_from: the provenance that is expected, or None for any.

    Raises:
        NotPreparedError, DamagedFileError, VersionError, StaleError: each names the path and the command to run.
    """
    with repairable(path):
        manifest = read_manifest(path, _KIND + name, 100 * _FORMAT + kind.format_version)
        if built_from is not None and manifest.built_from != dict(built_from):
            raise StaleError(f"{path} was built from something that has changed since")
        try:
            return _restore(kind, name, path, manifest)
        except (KeyError, TypeError, ValueError, RuntimeError, OSError, EOFError, MemoryError) as error:
            raise DamagedFileError(f"{path} is damaged: {type(error).__name__}: {error}") from error


def write_array(path: Path, array: NDArray[Any]) -> None:
    """Write an array as .npy."""
    np.save(path, array, allow_pickle=False)


def read_array(path: Path, dtype: Any, shape: tuple[int | None, ...]) -> NDArray[Any]:
    """Map an array, read-only.

    Args:
        dtype: it must have, or several of which it must have one.
        shape: it must have; None for an axis of any length.

    Raises:
        DamagedFileError: it is missing, is no array, or has another dtype or shape.
    """
    try:
        # An empty array cannot be mapped.
        array: NDArray[Any] = np.load(path, mmap_mode="r" if 0 not in shape else None, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DamagedFileError(f"{path} cannot be read as an array: {error}") from error
    fits = array.ndim == len(shape) and all(w is None or w == n for w, n in zip(shape, array.shape, strict=True))
    known = [np.dtype(one) for one in (dtype if isinstance(dtype, tuple) else (dtype,))]
    if array.dtype not in known or not fits:
        expected = " or ".join(map(str, known))
        raise DamagedFileError(f"{path} holds {array.dtype} {array.shape}, expected {expected} {shape}")
    # A plain view: numpy.memmap's own methods cost microseconds at every indexing.
    return array.view(np.ndarray)


def damaged(path: Path | None, fault: str) -> DamagedFileError:
    """Return the error for a fault that shows after opening, with the command that repairs it."""
    where = Path() if path is None else path
    return DamagedFileError(f"{where} is damaged: {fault}; run: {_repair(where)}")


@contextlib.contextmanager
def repairable(path: Path) -> Iterator[None]:
    """Add the command that repairs it to an error about a saved index."""
    try:
        yield
    except (NotPreparedError, DamagedFileError, StaleError) as error:
        raise type(error)(f"{error}; run: {_repair(path)}") from error


def _restore(kind: type[Index], name: str, path: Path, manifest: Manifest) -> Index:
    stored = manifest.params
    index = kind(stored["dim"], **stored["params"])
    index.name = name
    index.built_from = manifest.built_from
    index._trained = bool(stored["is_trained"])
    count = stored["count"]
    ids = vectors = None
    if count:
        ids = read_array(path / "ids.npy", (np.int32, np.int64), (count,))
        if kind.keeps_vectors:
            vectors = read_array(path / "vectors.npy", np.float32, (count, index.dim))
    structure = index._read(path, stored["facts"], ids, vectors) if index._trained else None
    if ids is not None:
        if int(ids.max()) >= int(stored["next_id"]) or int(ids.min()) < 0:
            raise ValueError("ids are out of range")
        index._snapshot = Snapshot((Segment.of(ids, vectors, structure),), int(stored["next_id"]))
    else:
        index._snapshot = Snapshot((), int(stored["next_id"]))
    return index


def _write_or_link(path: Path, array: NDArray[Any]) -> None:
    """Write an array, or where it is a whole .npy file that is mapped, such as a gallery's features, link that file.

    So that ten indexes that keep the vectors of a gallery take the disk for one copy of them.
    """
    source = upkeep.mapped_file(array)
    if source is not None and source.filename is not None and source.shape == array.shape:
        with contextlib.suppress(OSError, ValueError):  # another disk, no links there, replaced or removed meanwhile
            os.link(source.filename, path)
            if np.array_equal(np.load(path, mmap_mode="r", allow_pickle=False), array):
                return
        path.unlink(missing_ok=True)
    write_array(path, array)


def _version(index: Index) -> int:
    return 100 * _FORMAT + index.format_version


def _replace(scratch: Path, path: Path) -> None:
    """Put the finished folder in the place of what is there."""
    if path.exists() and any(path.iterdir()):
        old = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.old")
        path.rename(old)
        scratch.rename(path)
        shutil.rmtree(old, ignore_errors=True)
    else:
        if path.exists():
            path.rmdir()  # renaming onto an empty folder works on Linux only
        scratch.rename(path)
    with contextlib.suppress(PermissionError):  # Windows cannot open folders
        handle = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _repair(path: Path) -> str:
    """Return the command; the gallery is known from indexes/<dataset>/<encoder>/<index>/generations/<n>."""
    parents = path.resolve().parents
    is_generation = len(parents) > 3 and path.parent.name == "generations"
    gallery = f"{parents[3].name}@{parents[2].name}" if is_generation else "GALLERY"
    return f"python -m core index {gallery} --rebuild"
