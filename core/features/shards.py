"""What an extraction has finished so far: small files of hashes and vectors, each whole or absent.

They let an extraction that was interrupted, even by the loss of power, continue where it was. A shard is one .npy of
(n, 32 + 4 D) bytes: the SHA-256 of a picture's file, then its vector as float32.
"""

import logging
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from core.features.store import Hashes
from core.storage import atomic_path
from core.types import Vectors

_log = logging.getLogger(__name__)

_HASH = 32


class Shards:
    """The shards of one gallery and one version of its encoder.

    Args:
        parent: folder of all shards of the gallery; those of other fingerprints in it are of no use any more.
        fingerprint: of the encoder.
        dim: D.
    """

    def __init__(self, parent: Path, fingerprint: str, dim: int) -> None:
        self._parent = parent
        self._folder = parent / fingerprint
        self._dim = dim

    def write(self, hashes: Hashes, vectors: Vectors) -> None:
        """Keep (n, 32) hashes and their (n, D) vectors, flushed to disk.

        Raises:
            StorageError: the disk is full or cannot be written.
        """
        rows = np.concatenate([hashes, vectors.astype("<f4", copy=False).view(np.uint8)], axis=1)
        with atomic_path(self._folder / f"{uuid.uuid4().hex[:12]}.npy") as temporary, temporary.open("wb") as file:
            np.save(file, rows, allow_pickle=False)

    def __iter__(self) -> Iterator[tuple[Hashes, Vectors]]:
        """Yield (hashes, vectors) of every whole shard, mapped into memory, in no particular order."""
        for path in sorted(self._folder.glob("*.npy")):
            try:
                rows = np.load(path, mmap_mode="r", allow_pickle=False).view(np.ndarray)
            except (OSError, ValueError, EOFError) as error:
                _log.warning("%s is damaged and passed over (%s)", path, error)
                continue
            if rows.dtype == np.uint8 and rows.shape[1:] == (_HASH + 4 * self._dim,):
                yield rows[:, :_HASH], rows[:, _HASH:].view("<f4")

    def clear(self) -> None:
        """Remove all shards of the gallery."""
        shutil.rmtree(self._parent, ignore_errors=True)
