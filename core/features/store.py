"""The feature file of a gallery: one vector per picture, under the picture's id.

vectors.npy  (N, D) float32, rows of L2 norm 1      ids.npy  (N,) int64, ascending
hashes.npy   (N, 32) uint8, the SHA-256 of each picture's file
"""

import contextlib
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import DamagedFileError, NotPreparedError, StaleError
from core.features.elsewhere import absent
from core.settings import Address, Settings
from core.storage import Generations, Manifest, digest, read_manifest
from core.types import Ids, Vectors

KIND = "features"
VERSION = 1
Hashes = NDArray[np.uint8]  # (N, 32)


@dataclass(frozen=True, eq=False)
class FeatureStore:
    """One generation of a gallery's features, mapped into memory.

    Attributes:
        folder: of the generation.
        vectors: (N, D), rows of L2 norm 1.
        ids: (N,) ascending.
        hashes: (N, 32) SHA-256 of the pictures' files.
    """

    address: Address
    folder: Path
    vectors: Vectors
    ids: Ids
    hashes: Hashes
    manifest: Manifest

    @classmethod
    def open(cls, address: Address, settings: Settings) -> "FeatureStore":
        """Open the current generation; checksums are not read (see `core.storage.verify`).

        Raises:
            NotPreparedError: there is none yet.
            DamagedFileError: a file is missing, truncated or not what the manifest says.
            VersionError: a newer version wrote it.
        """
        with repairable(address):
            folder = Generations(address.features(settings)).current()
            if folder is None:
                raise NotPreparedError(f"{address} has no features yet")
            return cls.open_folder(address, folder)

    @classmethod
    def open_folder(cls, address: Address, folder: Path) -> "FeatureStore":
        """Open one generation; errors as in `open`, without the command that repairs it."""
        manifest = read_manifest(folder, KIND, VERSION)
        try:
            count, dim = int(manifest.params["count"]), int(manifest.params["dim"])
        except (KeyError, TypeError, ValueError) as error:
            raise DamagedFileError(f"{folder} has a manifest without count or dim ({error})") from error
        if "elsewhere" in manifest.params:
            vectors = absent(address, (count, dim))
        else:
            vectors = _mapped(folder / "vectors.npy", np.float32, (count, dim))
        ids = np.array(_mapped(folder / "ids.npy", np.int64, (count,)))
        if count and (ids[0] < 0 or (np.diff(ids) <= 0).any()):
            raise DamagedFileError(f"{folder / 'ids.npy'} is not ascending")
        return cls(address, folder, vectors, ids, _mapped(folder / "hashes.npy", np.uint8, (count, 32)), manifest)

    def __len__(self) -> int:
        """Return N."""
        return len(self.ids)

    @property
    def dim(self) -> int:
        """D."""
        return int(self.vectors.shape[1])

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the encoder that made the vectors."""
        return str(self.manifest.built_from.get("encoder", ""))

    @property
    def content_state(self) -> str:
        """The catalog's `content_state` that the vectors were made from."""
        return str(self.manifest.built_from.get("content", ""))

    @functools.cached_property
    def state(self) -> str:
        """A digest of ids and vectors: what indexes and maps say they were built from."""
        if "elsewhere" in self.manifest.params:
            return str(self.manifest.params["state"])
        sums = {name: facts["sha256"] for name, facts in self.manifest.files.items()}
        return digest(self.fingerprint, sums.get("ids.npy"), sums.get("vectors.npy"))

    @property
    def skipped(self) -> list[tuple[str, str]]:
        """(path, reason) of the pictures that could not be read."""
        return [(entry["path"], entry["reason"]) for entry in self.manifest.params.get("skipped", [])]

    @property
    def is_approximate(self) -> bool:
        """True where some vectors were read back from search codes: similarities are not the encoder's own."""
        return self.manifest.params.get("is_approximate") is True

    def row_of(self, ids: Any) -> Ids:
        """Return (len(ids),) the row of each id, or -1 where it has no vector."""
        wanted = np.asarray(ids, dtype=np.int64)
        if not len(self.ids):
            return np.full(wanted.shape, -1, np.int64)
        rows = np.minimum(np.searchsorted(self.ids, wanted), len(self.ids) - 1)
        return np.where(self.ids[rows] == wanted, rows, -1)

    def get(self, ids: Any) -> Vectors:
        """Return (len(ids), D) the vectors of these ids.

        Raises:
            ValueError: an id has no vector.
        """
        rows = self.row_of(ids)
        if (rows < 0).any():
            raise ValueError(f"{self.address} has no features of image {np.asarray(ids)[np.argmax(rows < 0)]}")
        return np.array(self.vectors[rows])

    def require_encoder(self, fingerprint: str) -> None:
        """Raise StaleError if another encoder, or another version of it, made the vectors."""
        if fingerprint != self.fingerprint:
            raise StaleError(
                f"the features of {self.address} were made by another version of {self.address.encoder}; "
                f"run: python -m core index {self.address}"
            )


@contextlib.contextmanager
def repairable(address: Address) -> Iterator[None]:
    """Add the command that repairs it to an error about a gallery's features."""
    try:
        yield
    except NotPreparedError as error:
        raise NotPreparedError(f"{error}; run: python -m core features {address}") from error
    except DamagedFileError as error:
        raise DamagedFileError(f"{error}; run: python -m core features {address} --rebuild") from error


def _mapped(path: Path, dtype: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    try:
        # An empty array cannot be mapped.
        array: NDArray[Any] = np.load(path, mmap_mode="r" if 0 not in shape else None, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DamagedFileError(f"{path} cannot be read as an array ({error})") from error
    if array.dtype != np.dtype(dtype) or array.shape != shape:
        raise DamagedFileError(f"{path} holds {array.dtype} {array.shape}, its manifest says {dtype.__name__} {shape}")
    return array.view(np.ndarray)  # numpy.memmap's own methods cost microseconds at every indexing
