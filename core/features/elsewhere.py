"""Features whose vectors lie in a server and not in a local file: they are read by rows, and can be brought back.

The manifest keeps the sum of the file that was removed, so that what is brought back is known to be the same, bit by
bit, and the state from which indexes were built stays what it was.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from core.errors import DamagedFileError, UnavailableError
from core.settings import Address
from core.storage import MANIFEST, atomic_path, read_json, sha256_of, write_json
from core.types import Ids, Vectors

_FILE = "vectors.npy"
_ROWS_AT_ONCE = 4096
Fetch = Callable[[Ids], Vectors]  # (n,) rows -> (n, D)


class Elsewhere:
    """(N, D) vectors that are fetched when rows are taken; it has what callers use of an array.

    Args:
        shape: (N, D).
        fetch: returns the vectors of rows; None where nobody has said how.
        missing: what to say then.
    """

    ndim = 2
    dtype = np.dtype(np.float32)

    def __init__(self, shape: tuple[int, int], fetch: Fetch | None, missing: str = "") -> None:
        self.shape = shape
        self._fetch = fetch
        self._missing = missing

    def __len__(self) -> int:
        """Return N."""
        return self.shape[0]

    def __getitem__(self, rows: Any) -> Vectors:
        """Return the vectors of rows: a number, a slice, or an array of numbers or of booleans."""
        if self._fetch is None:
            raise UnavailableError(self._missing)
        wanted = np.arange(len(self))[rows]
        flat = np.atleast_1d(wanted)
        parts = [self._fetch(flat[start : start + _ROWS_AT_ONCE]) for start in range(0, len(flat), _ROWS_AT_ONCE)]
        found = np.concatenate(parts) if parts else np.empty((0, self.shape[1]), np.float32)
        return found[0] if wanted.ndim == 0 else found

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Vectors:
        """Fetch everything."""
        return self[:] if dtype is None else cast(Vectors, self[:].astype(dtype))

    def __matmul__(self, other: Any) -> Any:
        """Multiply from the left, a block at a time."""
        starts = range(0, max(1, len(self)), _ROWS_AT_ONCE)
        return np.concatenate([self[start : start + _ROWS_AT_ONCE] @ other for start in starts])


def absent(address: Address, shape: tuple[int, int]) -> Vectors:
    """Return the vectors of a gallery that only says where they are."""
    missing = (
        f"the vectors of {address} lie in Milvus alone; to bring them back: python -m core index {address} -i flat"
    )
    return cast(Vectors, Elsewhere(shape, None, missing))


def is_elsewhere(vectors: Any) -> bool:
    """Tell whether vectors are not in a local file."""
    return isinstance(vectors, Elsewhere)


def fetched(store: Any, fetch: Fetch) -> Any:
    """Return a store (a `FeatureStore`) that fetches its vectors."""
    return replace(store, vectors=Elsewhere(store.vectors.shape, fetch))


def drop_vectors(folder: Path, state: str) -> None:
    """Remove the vectors of a generation, which a server holds now.

    Args:
        folder: of the generation.
        state: of its features.
    """
    manifest = read_json(folder / MANIFEST)
    facts = manifest["files"].pop(_FILE, None)
    if facts is not None:
        manifest["params"] |= {"elsewhere": facts, "state": state}
        write_json(folder / MANIFEST, manifest)
    (folder / _FILE).unlink(missing_ok=True)


def bring_back(folder: Path, vectors: Vectors) -> None:
    """Write the vectors of a generation into their file again.

    Raises:
        DamagedFileError: they are not those that were dropped; the generation stays as it is.
    """
    manifest = read_json(folder / MANIFEST)
    facts = manifest["params"].get("elsewhere")
    if facts is None:
        return
    with atomic_path(folder / _FILE) as temporary:
        with temporary.open("wb") as file:
            header = {"descr": "<f4", "fortran_order": False, "shape": vectors.shape}
            np.lib.format.write_array_header_1_0(file, header)
            for start in range(0, vectors.shape[0], _ROWS_AT_ONCE):
                file.write(np.asarray(vectors[start : start + _ROWS_AT_ONCE], "<f4").tobytes())
        if sha256_of(temporary) != facts["sha256"]:
            raise DamagedFileError(
                f"the vectors that came back into {folder} are not those that were dropped; "
                "run: python -m core features GALLERY --rebuild"
            )
    manifest["files"][_FILE] = facts
    del manifest["params"]["elsewhere"], manifest["params"]["state"]
    write_json(folder / MANIFEST, manifest)
